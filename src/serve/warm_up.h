// What the first request would wait for, done before there is one.
#pragma once

#include <memory>

#include "deformer/model.h"

namespace deformer::serve {

/// Reads a few texts, few rows and many: weights get the layouts that products of either size want,
/// memory is mapped, threads are started. Throws as the model's task.
void warm_up(const std::shared_ptr<const Model>& model);

}  // namespace deformer::serve
