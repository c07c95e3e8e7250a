#include "nn/attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/check.h"
#include "deformer/error.h"
#include "nn/attention_type.h"
#include "nn/bf16_attention.h"
#include "nn/gradient.h"
#include "nn/heads.h"
#include "nn/transfer.h"

namespace deformer::nn {
namespace {

// As LibTorch's attention wants it: [1, heads, rows, head size]. A view.
at::Tensor one_sequence(const at::Tensor& rows, std::int64_t num_heads) {
  return split_heads(rows, num_heads).unsqueeze(0);
}

// The rows of each sequence, as views. One split and not many slices: its gradient is one
// concatenation, where each slice would add a tensor as large as all of them.
std::vector<at::Tensor> split_rows(const at::Tensor& rows, Offsets offsets) {
  std::vector<std::int64_t> lengths;
  lengths.reserve(offsets.size());
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    lengths.push_back(offsets[i + 1] - offsets[i]);
  }
  return rows.split_with_sizes(lengths);
}

// All sequences in one kernel, which reads where each begins: nothing is padded. For GPUs; LibTorch
// has no such kernel for CPUs, where a loop over sequences costs next to nothing. No gradient: the
// forward pass does not tell the backward one how long the keys are.
at::Tensor attend_in_one(const AttentionInputs& inputs, const Sequences& queries,
                         const Sequences& keys, std::int64_t num_heads) {
  constexpr std::int64_t kNoMask = 0;
  const auto heads = [&](const at::Tensor& rows) {  // [1, rows, heads, head size]
    return rows.unflatten(1, {num_heads, -1}).unsqueeze(0);
  };
  const auto output = std::get<0>(at::_efficient_attention_forward(
      heads(inputs.query), heads(inputs.key), heads(inputs.value), /*bias=*/{}, queries.on_device(),
      keys.on_device(), queries.longest(), keys.longest(), /*dropout_p=*/0.0, kNoMask));
  return output.squeeze(0).flatten(1);
}

at::Tensor attend_one_by_one(const AttentionInputs& inputs, const Sequences& queries,
                             const Sequences& keys, std::int64_t num_heads,
                             std::span<const at::Tensor> biases) {
  const auto query = split_rows(inputs.query, queries.offsets());
  const auto key = split_rows(inputs.key, keys.offsets());
  const auto value = split_rows(inputs.value, keys.offsets());
  std::vector<at::Tensor> outputs;
  outputs.reserve(query.size());
  for (std::size_t i = 0; i < query.size(); ++i) {
    std::optional<at::Tensor> bias;
    if (!biases.empty()) bias = biases[i].to(query[i].scalar_type());
    const at::Tensor output = at::scaled_dot_product_attention(
        one_sequence(query[i], num_heads), one_sequence(key[i], num_heads),
        one_sequence(value[i], num_heads), bias);
    outputs.push_back(output.squeeze(0).transpose(0, 1).flatten(1));
  }
  return outputs.size() == 1 ? outputs.front() : at::cat(outputs);
}

}  // namespace

Sequences::Sequences(Offsets offsets, const at::Device& device) : offsets_(offsets) {
  DEFORMER_CHECK(!offsets.empty());
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    longest_ = std::max(longest_, offsets[i + 1] - offsets[i]);
  }
  if (device.is_cpu()) return;
  // The kernel of the GPU counts in 32 bits.
  if (offsets.back() > std::numeric_limits<std::int32_t>::max()) {
    throw Error(ErrorCode::kInvalidArgument,
                "batch: expected fewer than 2^31 rows, found " + std::to_string(offsets.back()));
  }
  const std::vector<std::int32_t> narrow(offsets.begin(), offsets.end());
  on_device_ = to_device(at::tensor(narrow, at::kInt), device);
}

at::Tensor attend(const AttentionInputs& inputs, const Sequences& queries, const Sequences& keys,
                  std::int64_t num_heads, std::span<const at::Tensor> biases) {
  const at::Tensor& query = inputs.query;
  DEFORMER_CHECK(queries.offsets().size() == keys.offsets().size());
  DEFORMER_CHECK(queries.offsets().back() == query.size(0));
  DEFORMER_CHECK(keys.offsets().back() == inputs.key.size(0));
  DEFORMER_CHECK(biases.empty() || biases.size() + 1 == queries.offsets().size());
  if (query.size(0) == 0) return at::empty_like(query);
  if (attends_in_bf16(inputs, biases)) {
    return attend_in_bf16(inputs, queries, keys, num_heads, biases);
  }
  if (attends_in_fp32(query)) {
    const NoAutocast guard;
    const AttentionInputs wide{query.to(at::kFloat), inputs.key.to(at::kFloat),
                               inputs.value.to(at::kFloat)};
    return attend(wide, queries, keys, num_heads, biases).to(query.scalar_type());
  }
  const bool in_one = query.is_cuda() && !needs_gradient(query) && biases.empty();
  return in_one ? attend_in_one(inputs, queries, keys, num_heads)
                : attend_one_by_one(inputs, queries, keys, num_heads, biases);
}

}  // namespace deformer::nn
