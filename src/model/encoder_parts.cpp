#include "model/encoder_parts.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "deformer/error.h"
#include "nn/dropout.h"
#include "nn/gradient.h"
#include "nn/transfer.h"

namespace deformer {

bool Parameter::has_values() const {
  const at::IntArrayRef strides = value.strides();
  return value.numel() < 2 || std::any_of(strides.begin(), strides.end(),
                                          [](std::int64_t stride) { return stride != 0; });
}

nn::Linear take_linear(const WeightScope& scope, std::int64_t in, std::int64_t out) {
  return {scope.take_linear("weight", {out, in}), scope.take("bias", {out}), scope.precision()};
}

nn::Linear take_head_linear(const WeightScope& scope, std::int64_t in, std::int64_t out) {
  return {scope.take_fp32("weight", {out, in}), scope.take_fp32("bias", {out})};
}

nn::LayerNorm take_norm(const WeightScope& scope, std::int64_t size, double eps) {
  return {scope.take("weight", {size}), scope.take("bias", {size}), eps};
}

void IndexColumn::add(std::int32_t value) {
  if (value < 0 || value >= limit_) {
    throw Error(ErrorCode::kInvalidArgument, std::string("segment: expected a ") + what_ +
                                                 " below " + std::to_string(limit_) + ", found " +
                                                 std::to_string(value));
  }
  values_.push_back(value);
}

at::Tensor IndexColumn::tensor(const at::Device& device) const {
  return nn::to_device(at::tensor(values_, at::kInt), device);
}

void require_rows(const Segment& segment) {
  if (!segment.ids.empty() && segment.ids.size() == segment.positions.size()) return;
  throw Error(ErrorCode::kInvalidArgument,
              "segment: expected as many positions as ids and at least one, found " +
                  std::to_string(segment.positions.size()) + " and " +
                  std::to_string(segment.ids.size()));
}

void require_consecutive(const Segment& segment) {
  const auto gap = std::adjacent_find(segment.positions.begin(), segment.positions.end(),
                                      [](std::int64_t a, std::int64_t b) { return b != a + 1; });
  if (gap == segment.positions.end()) return;
  throw Error(ErrorCode::kInvalidArgument, "segment: expected positions that rise by one, found " +
                                               std::to_string(*(gap + 1)) + " after " +
                                               std::to_string(*gap));
}

std::vector<std::int64_t> packed_offsets(std::span<const Segment> segments) {
  std::vector<std::int64_t> offsets{0};
  offsets.reserve(segments.size() + 1);
  for (const Segment& segment : segments) {
    offsets.push_back(offsets.back() + static_cast<std::int64_t>(segment.ids.size()));
  }
  return offsets;
}

at::Tensor drop(const at::Tensor& input, const ForwardOptions& options) {
  return nn::dropout(input, options.dropout, options.generator);
}

at::Tensor add_to(at::Tensor sum, const at::Tensor& term) {
  const bool recorded = nn::needs_gradient(sum) || nn::needs_gradient(term);
  if (recorded || sum.scalar_type() != term.scalar_type()) return sum + term;
  sum.add_(term);
  return sum;
}

}  // namespace deformer
