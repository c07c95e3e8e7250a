// Which arithmetic is the faster one here.
#pragma once

#include "deformer/model_config.h"
#include "deformer/runtime.h"

namespace deformer {

/// Times a layer of the configuration's architecture and sizes, with random weights, on the CPU: a
/// question and a window of the longest that the configuration allows, in fp32 and in those of bf16
/// and int8 that the processor supports, with the threads that are set. Four passes of each, and
/// making the weights, take less than a second for BERT-base. A precision that rounds more has to
/// be faster by a tenth to be worth it.
///
/// A layer and not its products alone: what stands between them (attention, norms, rounding to
/// int8) is a larger part of the time the faster they are.
[[nodiscard]] Precision fastest_precision(const ModelConfig& config);

}  // namespace deformer
