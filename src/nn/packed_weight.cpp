#include "nn/packed_weight.h"

#include <ATen/ATen.h>

#include <cstddef>
#include <optional>

#include "nn/operation.h"

namespace deformer::nn {
namespace {

constexpr const char* kReorder = "mkldnn::_reorder_linear_weight";  // weight, rows to expect
constexpr std::size_t kReorderArguments = 2;
constexpr const char* kMultiply = "mkldnn::_linear_pointwise";  // input, weight, bias, what to do
constexpr std::size_t kMultiplyArguments = 6;

// What the layout is chosen for: a question's length.
constexpr std::int64_t kExpectedRows = 32;

// oneDNN compiles code for every number of rows that it meets, for a millisecond or so: above a
// question's length, numbers of rows are rounded up to a multiple.
constexpr std::int64_t kExactRows = 64;
constexpr std::int64_t kRowStep = 4;

at::Tensor pad_rows(const at::Tensor& input) {
  const std::int64_t rows = input.size(0);
  const std::int64_t padded = (rows + kRowStep - 1) / kRowStep * kRowStep;
  if (rows <= kExactRows || padded == rows) return input.contiguous();
  at::Tensor output = at::empty({padded, input.size(1)}, input.options());
  output.narrow(0, 0, rows).copy_(input);
  output.narrow(0, rows, padded - rows).zero_();
  return output;
}

}  // namespace

bool has_packed_product() {
  static const bool found = at::globalContext().hasMKLDNN() &&
                            has_operation(kReorder, kReorderArguments) &&
                            has_operation(kMultiply, kMultiplyArguments);
  return found;
}

at::Tensor PackedWeight::multiply(const at::Tensor& input, const at::Tensor& bias) const {
  static const auto multiply = find_operation(kMultiply);
  const c10::List<std::optional<at::Scalar>> no_arguments;
  const c10::IValue bias_or_none = bias.defined() ? c10::IValue(bias) : c10::IValue();
  return call(multiply, {pad_rows(input), packed(), bias_or_none, "none", no_arguments, ""})
      .narrow(0, 0, input.size(0));
}

const at::Tensor& PackedWeight::packed() const {
  std::call_once(once_, [this] {
    static const auto reorder = find_operation(kReorder);
    packed_ = call(reorder, {weight_.contiguous(), kExpectedRows});
  });
  return packed_;
}

}  // namespace deformer::nn
