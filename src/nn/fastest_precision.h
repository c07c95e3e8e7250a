// Which arithmetic is the faster one here.
#pragma once

#include <cstdint>

#include "deformer/device.h"
#include "deformer/model_config.h"

namespace deformer::nn {

/// Times the feed-forward product [in -> out] of a few hundred rows in fp32 and int8, with the
/// threads that are set: six products of each, a tenth of a second for BERT-base. int8 has to be
/// faster by a tenth to be worth its rounding. kFp32 where there is no int8.
[[nodiscard]] Precision fastest_precision(std::int64_t in, std::int64_t out, Activation activation);

}  // namespace deformer::nn
