#include "nn/int8_weight.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstddef>
#include <optional>

#include "base/processor.h"
#include "nn/inference_scope.h"
#include "nn/int8_rows.h"
#include "nn/operation.h"
#include "nn/row_count.h"

namespace deformer::nn {
namespace {

constexpr const char* kInt8Prepack = "onednn::qlinear_prepack";     // weight, shape of the input
constexpr const char* kInt8Multiply = "onednn::qlinear_pointwise";  // see below

at::Tensor multiply_int8(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& scales,
                         const at::Tensor& zero_points) {
  static const auto multiply = find_operation(kInt8Multiply);
  const c10::IValue none;
  const c10::List<std::optional<at::Scalar>> no_arguments;
  // Input with scale and zero point, weight with both, bias, scale and zero point of the output,
  // its type, and what to do to it.
  return call(multiply,
              {rows, 1.0, std::int64_t{kInt8Zero}, weight, scales, zero_points, none, 1.0,
               std::int64_t{0}, static_cast<std::int64_t>(at::kFloat), "none", no_arguments, ""});
}

bool int8_product_is_right() {
  if (!at::hasMKLDNN()) return false;
  const InferenceScope inference;
  const at::Tensor input = at::linspace(-1, 1, 32, at::kFloat).view({2, 16});
  const at::Tensor weight = at::linspace(-2, 1, 384, at::kFloat).view({24, 16});
  const at::Tensor bias = at::linspace(0, 3, 24, at::kFloat);
  // Results of size 20, rounded by about a hundredth.
  return computes(at::linear(input, weight, bias), 0.5,
                  [&] { return Int8Weight(weight).multiply(input, bias); });
}

}  // namespace

bool has_int8() {
  static const bool right = int8_product_is_right();
  return right;
}

int largest_int8_weight() {
  return adds_int8_products_whole() ? 127 : 64;
}

Int8Weight::Int8Weight(const at::Tensor& weight) : in_(weight.size(1)), out_(weight.size(0)) {
  const at::Tensor largest = weight.abs().amax(1);
  scales_ = (largest / largest_int8_weight()).clamp_min(1e-30);
  const at::Tensor values = (weight / scales_.unsqueeze(1)).round().to(at::kChar).contiguous();
  zero_points_ = at::zeros({out_}, at::kLong);
  packed_ = call(find_operation(kInt8Prepack), {values, c10::IValue()});
}

at::Tensor Int8Weight::multiply(const at::Tensor& input, const at::Tensor& bias,
                                std::optional<Activation> activation) const {
  const at::Tensor rows = input.stride(1) == 1 ? input : input.contiguous();
  const std::int64_t count = rows.size(0);
  const std::int64_t padded = padded_rows(count);
  const at::Tensor quantised = at::empty({padded, in_}, at::kByte);
  const at::Tensor row_scales = at::empty({count}, at::kFloat);
  quantised.narrow(0, count, padded - count).fill_(kInt8Zero);
  const auto in = static_cast<std::size_t>(in_);
  const auto stride = static_cast<std::size_t>(rows.stride(0));
  at::parallel_for(0, count, row_grain(in_), [&](std::int64_t begin, std::int64_t end) {
    const auto first = static_cast<std::size_t>(begin);
    quantize_rows({rows.const_data_ptr<float>() + first * stride,
                   static_cast<std::size_t>(end - begin), in, stride},
                  quantised.mutable_data_ptr<std::uint8_t>() + first * in,
                  row_scales.mutable_data_ptr<float>() + first);
  });
  at::Tensor product = multiply_int8(quantised, packed_, scales_, zero_points_).narrow(0, 0, count);
  const auto out = static_cast<std::size_t>(out_);
  const float* bias_values = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
  at::parallel_for(0, count, row_grain(out_), [&](std::int64_t begin, std::int64_t end) {
    const auto first = static_cast<std::size_t>(begin);
    finish_rows(product.mutable_data_ptr<float>() + first * out,
                static_cast<std::size_t>(end - begin), out,
                {row_scales.const_data_ptr<float>() + first, bias_values, activation});
  });
  return product;
}

}  // namespace deformer::nn
