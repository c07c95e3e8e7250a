#include "nn/attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "base/check.h"
#include "nn/attention_type.h"
#include "nn/gradient.h"
#include "nn/transfer.h"

namespace deformer::nn {
namespace {

// [rows, hidden] as LibTorch's attention wants it: [1, heads, rows, head size]. A view.
at::Tensor split_heads(const at::Tensor& rows, std::int64_t num_heads) {
  return rows.unflatten(1, {num_heads, -1}).transpose(0, 1).unsqueeze(0);
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
at::Tensor attend_in_one(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                         const Sequences& queries, const Sequences& keys, std::int64_t num_heads) {
  constexpr std::int64_t kNoMask = 0;
  const auto heads = [&](const at::Tensor& rows) {  // [1, rows, heads, head size]
    return rows.unflatten(1, {num_heads, -1}).unsqueeze(0);
  };
  const auto output = std::get<0>(at::_efficient_attention_forward(
      heads(query), heads(key), heads(value), /*bias=*/{}, queries.on_device(), keys.on_device(),
      queries.longest(), keys.longest(), /*dropout_p=*/0.0, kNoMask));
  return output.squeeze(0).flatten(1);
}

at::Tensor attend_one_by_one(const at::Tensor& query, const at::Tensor& key,
                             const at::Tensor& value, const Sequences& queries,
                             const Sequences& keys, std::int64_t num_heads) {
  const auto query_rows = split_rows(query, queries.offsets());
  const auto key_rows = split_rows(key, keys.offsets());
  const auto value_rows = split_rows(value, keys.offsets());
  std::vector<at::Tensor> outputs;
  outputs.reserve(query_rows.size());
  for (std::size_t i = 0; i < query_rows.size(); ++i) {
    const at::Tensor output = at::scaled_dot_product_attention(
        split_heads(query_rows[i], num_heads), split_heads(key_rows[i], num_heads),
        split_heads(value_rows[i], num_heads));
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
  const std::vector<std::int32_t> narrow(offsets.begin(), offsets.end());
  on_device_ = to_device(at::tensor(narrow, at::kInt), device);
}

at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                  const Sequences& queries, const Sequences& keys, std::int64_t num_heads) {
  DEFORMER_CHECK(queries.offsets().size() == keys.offsets().size());
  if (query.size(0) == 0) return at::empty_like(query);
  if (attends_in_fp32(query)) {
    const NoAutocast guard;
    const at::Tensor output = attend(query.to(at::kFloat), key.to(at::kFloat), value.to(at::kFloat),
                                     queries, keys, num_heads);
    return output.to(query.scalar_type());
  }
  const bool in_one = query.is_cuda() && !needs_gradient(query);
  return (in_one ? attend_in_one : attend_one_by_one)(query, key, value, queries, keys, num_heads);
}

}  // namespace deformer::nn
