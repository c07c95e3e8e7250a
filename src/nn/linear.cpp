#include "nn/linear.h"

#include <ATen/ATen.h>

#include <utility>

#include "nn/activation.h"
#include "nn/int8_weight.h"

namespace deformer::nn {

Linear::Linear(at::Tensor weight, at::Tensor bias, Precision precision, WeightOrder order)
    : weight_(std::move(weight)), bias_(std::move(bias)), order_(order) {
  if (precision == Precision::kFp32) return;
  int8_ = std::make_shared<const Int8Weight>(
      order_ == WeightOrder::kOutFirst ? weight_.flatten(1) : weight_.flatten(1).t());
  weight_ = at::zeros({}, at::kFloat).expand(weight_.sizes());
}

at::Tensor Linear::forward(const at::Tensor& input, std::optional<Activation> activation) const {
  const at::Tensor bias = bias_.defined() ? bias_.flatten() : bias_;
  if (int8_) return int8_->multiply(input, bias, activation);
  at::Tensor output = multiply(input, bias);
  return activation ? activate(*activation, std::move(output)) : output;
}

at::Tensor Linear::multiply(const at::Tensor& input, const at::Tensor& bias) const {
  const at::Tensor weight = weight_.flatten(1);
  if (order_ == WeightOrder::kOutFirst) return at::linear(input, weight, bias);
  return bias.defined() ? at::addmm(bias, input, weight) : at::mm(input, weight);
}

}  // namespace deformer::nn
