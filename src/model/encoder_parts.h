// What the encoders of all architectures are made of.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "deformer/encoder.h"
#include "model/weights.h"
#include "nn/layer_norm.h"
#include "nn/linear.h"

namespace deformer {

/// `weight` [out, in] and `bias` [out] of the scope, in the loader's precision.
[[nodiscard]] nn::Linear take_linear(const WeightScope& scope, std::int64_t in, std::int64_t out);

/// The same in fp32, see WeightScope::take_fp32().
[[nodiscard]] nn::Linear take_head_linear(const WeightScope& scope, std::int64_t in,
                                          std::int64_t out);

/// `weight` and `bias` [size] of the scope.
[[nodiscard]] nn::LayerNorm take_norm(const WeightScope& scope, std::int64_t size, double eps);

/// Index tensor of one field of all segments, checked against the table that it indexes.
class IndexColumn {
 public:
  /// `what` names the field in errors.
  IndexColumn(const char* what, std::int64_t limit, std::size_t size) : what_(what), limit_(limit) {
    values_.reserve(size);
  }

  /// Throws kInvalidArgument for a value outside [0, limit).
  void add(std::int32_t value);

  [[nodiscard]] at::Tensor tensor(const at::Device& device) const;  // [values] int32

 private:
  const char* what_;
  std::int64_t limit_;
  std::vector<std::int32_t> values_;
};

/// Throws kInvalidArgument for a segment without ids or with another number of positions.
void require_rows(const Segment& segment);

/// Throws kInvalidArgument for positions that do not rise by one: where only distances count, they
/// are those of the rows.
void require_consecutive(const Segment& segment);

/// Layers [first, last).
struct LayerRange {
  std::size_t first = 0;
  std::size_t last = 0;
};

/// [segments + 1]
[[nodiscard]] std::vector<std::int64_t> packed_offsets(std::span<const Segment> segments);

/// One layer's weight and bias; several names where the layer holds several of the checkpoint's.
template <typename Module>
void append_module(std::vector<Parameter>& parameters, const Module& module,
                   const std::vector<std::string>& names) {
  Parameter weight{module.weight(), {}};
  Parameter bias{module.bias(), {}};
  for (const std::string& name : names) {
    weight.names.push_back(name + ".weight");
    bias.names.push_back(name + ".bias");
  }
  parameters.push_back(std::move(weight));
  parameters.push_back(std::move(bias));
}

inline void notify(const ForwardOptions& options, std::int64_t layer, const at::Tensor& hidden) {
  if (options.observer) options.observer(layer, hidden);
}

/// Dropout as the options say.
[[nodiscard]] at::Tensor drop(const at::Tensor& input, const ForwardOptions& options);

/// sum + term, in the memory of `sum` where nothing is differentiated: pass a temporary. Of two
/// types the wider is the result's.
[[nodiscard]] at::Tensor add_to(at::Tensor sum, const at::Tensor& term);

}  // namespace deformer
