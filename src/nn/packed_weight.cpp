#include "nn/packed_weight.h"

#include <ATen/ATen.h>

#include <optional>
#include <utility>

#include "base/processor.h"
#include "nn/activation.h"
#include "nn/inference_scope.h"
#include "nn/operation.h"
#include "nn/product_choice.h"
#include "nn/row_count.h"

namespace deformer::nn {
namespace {

constexpr const char* kReorder = "mkldnn::_reorder_linear_weight";  // weight, rows to expect
constexpr const char* kPackedMultiply =
    "mkldnn::_linear_pointwise";  // input, weight, bias, what to do

// What the layout is chosen for: a question's length.
constexpr std::int64_t kExpectedRows = 32;

// In fp32, a question's length is taken as it is, and more rows rounded up a little: with so few of
// them, every one in vain counts. Each number costs compiled code (0.7 MB and some milliseconds a
// weight's shape), so where several in vain are a small part, there are fewer numbers, and beyond
// what a measurement may choose as few as in other types.
std::int64_t padded_fp32_rows(std::int64_t rows) {
  constexpr std::int64_t kExactRows = 64;
  constexpr std::int64_t kFewRows = 192;
  constexpr std::int64_t kStepOfFew = 4;
  constexpr std::int64_t kStep = 16;
  constexpr std::int64_t kMeasuredRows = 640;
  if (rows <= kExactRows) return rows;
  if (rows > kMeasuredRows) return padded_rows(rows);
  const std::int64_t step = rows <= kFewRows ? kStepOfFew : kStep;
  return (rows + step - 1) / step * step;
}

// What oneDNN does to a product before it is rounded, in LibTorch's words.
struct PostOperation {
  const char* name = "none";
  const char* algorithm = "";
};

PostOperation post_operation(Activation activation) {
  switch (activation) {
    case Activation::kGeluErf:
      return {"gelu", "none"};
    case Activation::kGeluTanh:
      return {"gelu", "tanh"};
    case Activation::kRelu:
      return {"relu", ""};
  }
  return {};
}

at::Tensor packed_layout(const at::Tensor& weight) {
  static const auto reorder = find_operation(kReorder);
  return call(reorder, {weight.contiguous(), kExpectedRows});
}

at::Tensor multiply_packed(const at::Tensor& rows, const at::Tensor& packed, const at::Tensor& bias,
                           const PostOperation& post) {
  static const auto multiply = find_operation(kPackedMultiply);
  const c10::List<std::optional<at::Scalar>> no_arguments;
  const c10::IValue bias_or_none = bias.defined() ? c10::IValue(bias) : c10::IValue();
  return call(multiply, {rows, packed, bias_or_none, post.name, no_arguments, post.algorithm});
}

bool packed_product_is_right() {
  if (!at::hasMKLDNN()) return false;
  const InferenceScope inference;
  const at::Tensor input = at::linspace(-1, 1, 32, at::kFloat).view({2, 16});
  const at::Tensor weight = at::linspace(-2, 1, 384, at::kFloat).view({24, 16});
  const at::Tensor bias = at::linspace(0, 3, 24, at::kFloat);
  const at::Tensor product = at::linear(input, weight, bias);
  return computes(at::gelu(product, "tanh"), 1e-3, [&] {
    return multiply_packed(input, packed_layout(weight), bias,
                           post_operation(Activation::kGeluTanh));
  });
}

}  // namespace

bool has_packed_product() {
  static const bool right = packed_product_is_right();
  return right;
}

bool PackedWeight::takes(std::int64_t rows) const {
  return most_rows_ ? rows <= *most_rows_ : is_packed_count(rows);
}

at::Tensor PackedWeight::multiply(const at::Tensor& input, const at::Tensor& bias,
                                  std::optional<Activation> activation) const {
  const bool fp32 = input.scalar_type() == at::kFloat;
  const bool fused = activation && (!fp32 || has_avx512());
  const PostOperation post = fused ? post_operation(*activation) : PostOperation{};
  const std::int64_t count = input.size(0);
  const at::Tensor rows = pad_rows(input, fp32 ? padded_fp32_rows(count) : padded_rows(count));
  at::Tensor output = cut_rows(multiply_packed(rows, packed(), bias, post), count);
  return activation && !fused ? activate(*activation, std::move(output)) : output;
}

const at::Tensor& PackedWeight::packed() const {
  std::call_once(once_, [this] {
    packed_ = packed_layout(weight_);
    weight_.reset();
  });
  return packed_;
}

}  // namespace deformer::nn
