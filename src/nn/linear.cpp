#include "nn/linear.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

#include <cstdint>
#include <utility>

#include "nn/activation.h"
#include "nn/int8_weight.h"
#include "nn/packed_weight.h"
#include "nn/row_count.h"

namespace deformer::nn {
namespace {

// The few outputs of a head are not worth a layout of their own.
constexpr std::int64_t kFewestOutputs = 32;

// `weight` [out, in]. One that was made in inference mode is not trained: it stays as it is.
bool can_be_packed(const at::Tensor& weight) {
  return has_packed_product() && weight.is_inference() && weight.is_cpu() &&
         weight.size(0) >= kFewestOutputs;
}

at::Tensor shape_only(const at::Tensor& weight) {
  return at::zeros({}, weight.options()).expand(weight.sizes());
}

}  // namespace

Linear::Linear(at::Tensor weight, at::Tensor bias, Precision precision, WeightOrder order)
    : weight_(std::move(weight)), bias_(std::move(bias)), order_(order) {
  const at::Tensor matrix =
      order_ == WeightOrder::kOutFirst ? weight_.flatten(1) : weight_.flatten(1).t();
  if (precision == Precision::kInt8) {
    int8_ = std::make_shared<const Int8Weight>(matrix);
    weight_ = shape_only(weight_);
  } else if (can_be_packed(matrix)) {
    packed_ = std::make_shared<const PackedWeight>(matrix);
    if (packed_->takes_all_rows()) weight_ = shape_only(weight_);
  }
}

at::Tensor Linear::forward(const at::Tensor& input, std::optional<Activation> activation) const {
  const at::Tensor bias = bias_.defined() ? bias_.flatten() : bias_;
  if (int8_) return int8_->multiply(input, bias, activation);
  if (packed_ && packed_->takes(input.size(0))) return packed_->multiply(input, bias, activation);
  at::Tensor output = multiply(input, bias);
  return activation ? activate(*activation, std::move(output)) : output;
}

at::Tensor Linear::multiply(const at::Tensor& input, const at::Tensor& bias) const {
  if (!input.is_cpu() || !at::autocast::is_autocast_enabled(at::kCPU)) {
    return plain_product(input, bias);
  }
  // Training in bf16 on a CPU: oneDNN's product, in the backward pass two more.
  const at::Tensor rounded = input.to(at::autocast::get_autocast_dtype(at::kCPU));
  const std::int64_t rows = input.size(0);
  return cut_rows(plain_product(pad_rows(rounded, padded_rows(rows)), bias), rows);
}

at::Tensor Linear::plain_product(const at::Tensor& input, const at::Tensor& bias) const {
  const at::Tensor weight = weight_.flatten(1);
  if (order_ == WeightOrder::kOutFirst) return at::linear(input, weight, bias);
  return bias.defined() ? at::addmm(bias, input, weight) : at::mm(input, weight);
}

}  // namespace deformer::nn
