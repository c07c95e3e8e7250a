// What deformer classify does with each kind of input.
#pragma once

#include "tools/cmd_classify.h"

namespace deformer::tools {

/// --first and --second.
void classify_texts(Task task, const ClassifyVerbOptions& options);
/// --data.
void classify_data(Task task, const ClassifyVerbOptions& options);

}  // namespace deformer::tools
