// A pass of the encoder in parts, one for each CPU thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "deformer/encoder.h"
#include "deformer/model.h"

namespace deformer {

/// Cuts `rows`, those of items in order, into `parts` runs of items with about as many rows each:
/// [parts + 1] boundaries. {0, items} where a run would have few rows or the longest much more than
/// its share.
[[nodiscard]] std::vector<std::size_t> plan_parts(std::span<const std::int64_t> rows,
                                                  std::size_t parts);

/// What Encoder::upper() takes. A view: what it shows must outlive it.
struct UpperInputs {
  const Encoding& questions;
  const Encoding& passages;
  std::span<const SegmentPair> pairs;
  JointRows rows = JointRows::kAll;
};

/// Encoder::lower() and Encoder::upper() in inference mode on a CPU. Each of `threads` threads
/// takes a part of the segments or pairs through all layers by itself, where plan_parts() finds
/// such parts: no thread waits for the others after every operation, and each reads what it has
/// just written itself (docs/design_measurements.md, "Threads"). Throws what they throw.
[[nodiscard]] Encoding lower_in_parts(const Encoder& encoder, std::size_t threads,
                                      std::span<const Segment> segments);
[[nodiscard]] Encoding upper_in_parts(const Encoder& encoder, std::size_t threads,
                                      const UpperInputs& inputs);

/// With LibTorch's number of threads; on a GPU, and inside a parallel region, the whole pass.
[[nodiscard]] Encoding lower_in_parts(const Model& model, std::span<const Segment> segments);
[[nodiscard]] Encoding upper_in_parts(const Model& model, const UpperInputs& inputs);

}  // namespace deformer
