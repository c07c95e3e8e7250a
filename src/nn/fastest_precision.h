// Which arithmetic is the faster one here.
#pragma once

#include <cstdint>

#include "deformer/device.h"
#include "deformer/model_config.h"

namespace deformer::nn {

/// Times the feed-forward product [in -> out] of a few hundred rows on the CPU, in fp32 and in
/// those of bf16 and int8 that it supports(), with the threads that are set: six products of each,
/// two tenths of a second for BERT-base. One that rounds more has to be faster by a tenth to be
/// worth it.
[[nodiscard]] Precision fastest_precision(std::int64_t in, std::int64_t out, Activation activation);

}  // namespace deformer::nn
