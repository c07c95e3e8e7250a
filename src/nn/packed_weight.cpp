#include "nn/packed_weight.h"

#include <ATen/ATen.h>

#include <cstddef>
#include <optional>
#include <utility>

#include "base/processor.h"
#include "nn/activation.h"
#include "nn/operation.h"
#include "nn/row_count.h"

namespace deformer::nn {
namespace {

constexpr const char* kReorder = "mkldnn::_reorder_linear_weight";  // weight, rows to expect
constexpr std::size_t kReorderArguments = 2;
constexpr const char* kMultiply = "mkldnn::_linear_pointwise";  // input, weight, bias, what to do
constexpr std::size_t kMultiplyArguments = 6;

// What the layout is chosen for: a question's length.
constexpr std::int64_t kExpectedRows = 32;

// In fp32, rows up to which the product is the faster one.
constexpr std::int64_t kMostFp32Rows = 192;
constexpr std::int64_t kMostFp32RowsWithAvx512 = 640;

std::int64_t most_fp32_rows() {
  static const std::int64_t rows = has_avx512() ? kMostFp32RowsWithAvx512 : kMostFp32Rows;
  return rows;
}

// In fp32, a question's length is taken as it is, and more rows rounded up a little: with so few of
// them, every one in vain counts. Each number costs compiled code (0.7 MB and some milliseconds a
// weight's shape), so where several in vain are a small part, there are fewer numbers.
std::int64_t padded_fp32_rows(std::int64_t rows) {
  constexpr std::int64_t kExactRows = 64;
  constexpr std::int64_t kFewRows = 192;
  constexpr std::int64_t kStepOfFew = 4;
  constexpr std::int64_t kStep = 16;
  if (rows <= kExactRows) return rows;
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

}  // namespace

bool has_packed_product() {
  static const bool found = at::globalContext().hasMKLDNN() &&
                            has_operation(kReorder, kReorderArguments) &&
                            has_operation(kMultiply, kMultiplyArguments);
  return found;
}

PackedWeight::PackedWeight(at::Tensor weight)
    : takes_all_rows_(weight.scalar_type() != at::kFloat), weight_(std::move(weight)) {}

bool PackedWeight::takes(std::int64_t rows) const {
  return takes_all_rows_ || rows <= most_fp32_rows();
}

at::Tensor PackedWeight::multiply(const at::Tensor& input, const at::Tensor& bias,
                                  std::optional<Activation> activation) const {
  static const auto multiply = find_operation(kMultiply);
  const bool fused = activation && (takes_all_rows_ || has_avx512());
  const PostOperation post = fused ? post_operation(*activation) : PostOperation{};
  const c10::List<std::optional<at::Scalar>> no_arguments;
  const c10::IValue bias_or_none = bias.defined() ? c10::IValue(bias) : c10::IValue();
  const std::int64_t count = input.size(0);
  const at::Tensor rows =
      pad_rows(input, takes_all_rows_ ? padded_rows(count) : padded_fp32_rows(count));
  at::Tensor output = cut_rows(
      call(multiply, {rows, packed(), bias_or_none, post.name, no_arguments, post.algorithm}),
      count);
  return activation && !fused ? activate(*activation, std::move(output)) : output;
}

const at::Tensor& PackedWeight::packed() const {
  std::call_once(once_, [this] {
    static const auto reorder = find_operation(kReorder);
    packed_ = call(reorder, {weight_.contiguous(), kExpectedRows});
    weight_.reset();
  });
  return packed_;
}

}  // namespace deformer::nn
