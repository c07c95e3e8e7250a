#include "nn/fp16_weight.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "nn/inference_scope.h"
#include "nn/int8_rows.h"
#include "nn/operation.h"
#include "nn/row_count.h"

namespace deformer::nn {
namespace {

constexpr const char* kFp16Prepack = "quantized::linear_prepack_fp16";   // weight in fp32, bias
constexpr const char* kFp16Multiply = "quantized::linear_dynamic_fp16";  // rows, laid out weight

// Rows that are multiplied and then finished. FBGEMM takes 120 at a time.
constexpr std::int64_t kProductBlockRows = 240;

// FBGEMM's operation cuts a weight into as many parts as LibTorch has threads, also where all of
// them fall to one thread, and lays the rows out anew for each part. The setting is the calling
// task's own.
class ThreadsAtHand {
 public:
  ThreadsAtHand() : before_(omp_get_max_threads()) {
    if (at::in_parallel_region()) omp_set_num_threads(1);
  }
  ~ThreadsAtHand() {
    if (at::in_parallel_region()) omp_set_num_threads(before_);
  }
  ThreadsAtHand(const ThreadsAtHand&) = delete;
  ThreadsAtHand& operator=(const ThreadsAtHand&) = delete;

 private:
  int before_;
};

c10::IValue fp16_layout(const at::Tensor& weight) {
  static const auto prepack = find_operation(kFp16Prepack);
  torch::jit::Stack arguments{weight.to(at::kFloat).contiguous(), c10::IValue()};
  prepack.callBoxed(arguments);
  return std::move(arguments.front());
}

at::Tensor multiply_fp16(const at::Tensor& rows, const c10::IValue& packed) {
  static const auto multiply = find_operation(kFp16Multiply);
  return call(multiply, {rows, packed});
}

void finish(at::Tensor& output, const at::Tensor& product, const at::Tensor& bias,
            std::optional<Activation> activation) {
  const std::int64_t columns = product.size(1);
  const float* bias_values = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
  const auto width = static_cast<std::size_t>(columns);
  const auto* from = product.const_data_ptr<float>();
  auto* to = output.mutable_data_ptr<float>();
  const std::int64_t grain = row_grain(columns);
  at::parallel_for(0, product.size(0), grain, [&](std::int64_t begin, std::int64_t end) {
    const std::size_t first = static_cast<std::size_t>(begin) * width;
    finish_rows_to(to + first, from + first, static_cast<std::size_t>(end - begin), width,
                   {nullptr, bias_values, activation});
  });
}

bool fp16_product_is_right() {
  const InferenceScope inference;
  const at::Tensor input = at::linspace(-1, 1, 32, at::kFloat).view({2, 16});
  const at::Tensor weight = at::arange(384).view({24, 16}).remainder(7).to(at::kFloat) - 3;
  return computes(at::linear(input, weight), 1e-3,
                  [&] { return multiply_fp16(input, fp16_layout(weight)); });
}

}  // namespace

bool has_fp16_weights() {
  static const bool right = fp16_product_is_right();
  return right;
}

Fp16Weight::Fp16Weight(at::Tensor weight) : out_(weight.size(0)), weight_(std::move(weight)) {}

at::Tensor Fp16Weight::multiply(const at::Tensor& input, const at::Tensor& bias,
                                std::optional<Activation> activation) const {
  const ThreadsAtHand threads;
  const at::Tensor rows = input.contiguous();
  const std::int64_t count = rows.size(0);
  const bool finished = !bias.defined() && !activation;
  if (finished || count < 2 * kProductBlockRows) {
    at::Tensor product = multiply_fp16(rows, packed());
    if (!finished) finish(product, product, bias, activation);
    return product;
  }
  at::Tensor output = at::empty({count, out_}, rows.options());
  for (std::int64_t first = 0; first < count; first += kProductBlockRows) {
    const std::int64_t block = std::min(kProductBlockRows, count - first);
    const at::Tensor product = multiply_fp16(rows.narrow(0, first, block), packed());
    at::Tensor part = output.narrow(0, first, block);
    finish(part, product, bias, activation);
  }
  return output;
}

const c10::IValue& Fp16Weight::packed() const {
  std::call_once(once_, [this] {
    packed_ = fp16_layout(weight_.to(at::kHalf));
    weight_.reset();
  });
  return packed_;
}

}  // namespace deformer::nn
