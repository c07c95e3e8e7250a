#include "task/parallel_pass.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <numeric>

#include "model/joint.h"
#include "nn/inference_scope.h"

namespace deformer {
namespace {

// Rows of a part at least; with fewer the weights, which every thread reads, count for more.
constexpr std::int64_t kFewestRows = 64;

// What the longest part may have more than its share: the others wait for it.
constexpr double kMostOverShare = 1.06;

std::size_t threads_of(const Model& model) {
  const bool one = model.runtime().device != Device::kCpu || at::in_parallel_region();
  return one ? 1 : static_cast<std::size_t>(at::get_num_threads());
}

// Each part on a thread of its own. Inside, LibTorch and its libraries use that thread alone.
template <typename Function>
Encoding compute_parts(std::span<const std::size_t> boundaries, const Function& compute) {
  std::vector<Encoding> parts(boundaries.size() - 1);
  at::parallel_for(0, std::ssize(parts), 1, [&](std::int64_t begin, std::int64_t end) {
    const nn::InferenceScope inference;  // is a thread's own
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      parts[i] = compute(boundaries[i], boundaries[i + 1]);
    }
  });
  return concatenate(parts);
}

// Some segments of an encoding, each once, in the order of their first use.
class SegmentChoice {
 public:
  explicit SegmentChoice(const Encoding& encoding)
      : encoding_(encoding), places_(static_cast<std::size_t>(encoding.num_segments()), kUnused) {}

  // Its place among the chosen ones.
  std::int64_t use(std::int64_t segment) {
    std::int64_t& place = places_.at(static_cast<std::size_t>(segment));
    if (place != kUnused) return place;
    place = std::ssize(offsets_) - 1;
    const std::int64_t length = encoding_.length(segment);
    append_range(rows_, encoding_.offsets[static_cast<std::size_t>(segment)], length);
    offsets_.push_back(offsets_.back() + length);
    return place;
  }

  // A view where they stand in order.
  [[nodiscard]] Encoding chosen() const {
    const RowIndex index(rows_, encoding_.hidden.device());
    Encoding encoding{index.take(encoding_.hidden), offsets_};
    if (encoding_.projections.defined()) encoding.projections = index.take(encoding_.projections);
    return encoding;
  }

 private:
  static constexpr std::int64_t kUnused = -1;

  const Encoding& encoding_;
  std::vector<std::int64_t> places_;
  std::vector<std::int64_t> rows_;
  std::vector<std::int64_t> offsets_{0};
};

// Of the pairs [begin, end).
Encoding upper_part(const Encoder& encoder, const UpperInputs& inputs, std::size_t begin,
                    std::size_t end) {
  SegmentChoice questions(inputs.questions);
  SegmentChoice passages(inputs.passages);
  std::vector<SegmentPair> pairs;
  pairs.reserve(end - begin);
  for (const SegmentPair& pair : inputs.pairs.subspan(begin, end - begin)) {
    pairs.push_back({questions.use(pair.question), passages.use(pair.passage)});
  }
  return encoder.upper(questions.chosen(), passages.chosen(), pairs, inputs.rows);
}

}  // namespace

std::vector<std::size_t> plan_parts(std::span<const std::int64_t> rows, std::size_t parts) {
  std::vector<std::size_t> whole{0, rows.size()};
  if (parts < 2 || rows.size() < parts) return whole;
  const auto total = std::accumulate(rows.begin(), rows.end(), std::int64_t{0});
  const double share = static_cast<double>(total) / static_cast<double>(parts);
  if (share < static_cast<double>(kFewestRows)) return whole;
  std::vector<std::size_t> boundaries{0};
  double before = 0;  // rows of the items before the one at hand
  double begin = 0;   // rows before the part at hand
  double longest = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto size = static_cast<double>(rows[i]);
    const double target = share * static_cast<double>(boundaries.size());
    // The boundary before or after this item, whichever is nearer.
    const bool cut = boundaries.size() < parts && before + size / 2 >= target && before > begin;
    if (cut) {
      boundaries.push_back(i);
      longest = std::max(longest, before - begin);
      begin = before;
    }
    before += size;
  }
  longest = std::max(longest, before - begin);
  boundaries.push_back(rows.size());
  const bool even = boundaries.size() == parts + 1 && longest <= kMostOverShare * share;
  return even ? boundaries : whole;
}

Encoding lower_in_parts(const Encoder& encoder, std::size_t threads,
                        std::span<const Segment> segments) {
  std::vector<std::int64_t> rows;
  rows.reserve(segments.size());
  for (const Segment& segment : segments) rows.push_back(std::ssize(segment.ids));
  const auto boundaries = plan_parts(rows, threads);
  if (boundaries.size() == 2) return encoder.lower(segments);
  return compute_parts(boundaries, [&](std::size_t begin, std::size_t end) {
    return encoder.lower(segments.subspan(begin, end - begin));
  });
}

Encoding upper_in_parts(const Encoder& encoder, std::size_t threads, const UpperInputs& inputs) {
  std::vector<std::int64_t> joint;
  joint.reserve(inputs.pairs.size());
  for (const SegmentPair& pair : inputs.pairs) {
    joint.push_back(inputs.questions.length(pair.question) + inputs.passages.length(pair.passage));
  }
  const auto boundaries = plan_parts(joint, threads);
  if (boundaries.size() == 2) {
    return encoder.upper(inputs.questions, inputs.passages, inputs.pairs, inputs.rows);
  }
  return compute_parts(boundaries, [&](std::size_t begin, std::size_t end) {
    return upper_part(encoder, inputs, begin, end);
  });
}

Encoding lower_in_parts(const Model& model, std::span<const Segment> segments) {
  return lower_in_parts(model.encoder(), threads_of(model), segments);
}

Encoding upper_in_parts(const Model& model, const UpperInputs& inputs) {
  return upper_in_parts(model.encoder(), threads_of(model), inputs);
}

}  // namespace deformer
