#include "nn/plain_product.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

#include <utility>

#include "nn/activation.h"
#include "nn/row_count.h"

namespace deformer::nn {

PlainProduct::PlainProduct(at::Tensor weight, WeightOrder order)
    : weight_(std::move(weight)), order_(order) {}

at::Tensor PlainProduct::multiply(const at::Tensor& input, const at::Tensor& bias,
                                  std::optional<Activation> activation) const {
  at::Tensor output;
  if (input.is_cpu() && at::autocast::is_autocast_enabled(at::kCPU)) {
    // Training in bf16 on a CPU: oneDNN's product, in the backward pass two more.
    const at::Tensor rounded = input.to(at::autocast::get_autocast_dtype(at::kCPU));
    const std::int64_t rows = input.size(0);
    output = cut_rows(product(pad_rows(rounded, padded_rows(rows)), bias), rows);
  } else {
    output = product(input, bias);
  }
  return activation ? activate(*activation, std::move(output)) : output;
}

at::Tensor PlainProduct::product(const at::Tensor& input, const at::Tensor& bias) const {
  const at::Tensor weight = weight_.flatten(1);
  if (order_ == WeightOrder::kOutFirst) return at::linear(input, weight, bias);
  return bias.defined() ? at::addmm(bias, input, weight) : at::mm(input, weight);
}

}  // namespace deformer::nn
