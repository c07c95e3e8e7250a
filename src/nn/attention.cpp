#include "nn/attention.h"

#include <ATen/ATen.h>

#include <vector>

#include "base/check.h"

namespace deformer::nn {
namespace {

// Rows [begin, end) as LibTorch's attention wants them: [1, heads, length, head size]. A view.
at::Tensor split_heads(const at::Tensor& rows, std::int64_t begin, std::int64_t end,
                       std::int64_t num_heads) {
  return rows.narrow(0, begin, end - begin)
      .unflatten(1, {num_heads, -1})
      .transpose(0, 1)
      .unsqueeze(0);
}

}  // namespace

at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                  Offsets query_offsets, Offsets key_offsets, std::int64_t num_heads) {
  DEFORMER_CHECK(query_offsets.size() == key_offsets.size() && !query_offsets.empty());
  std::vector<at::Tensor> outputs;
  outputs.reserve(query_offsets.size() - 1);
  for (std::size_t i = 0; i + 1 < query_offsets.size(); ++i) {
    const at::Tensor output = at::scaled_dot_product_attention(
        split_heads(query, query_offsets[i], query_offsets[i + 1], num_heads),
        split_heads(key, key_offsets[i], key_offsets[i + 1], num_heads),
        split_heads(value, key_offsets[i], key_offsets[i + 1], num_heads));
    outputs.push_back(output.squeeze(0).transpose(0, 1).flatten(1));
  }
  if (outputs.empty()) return at::empty_like(query);
  return outputs.size() == 1 ? outputs.front() : at::cat(outputs);
}

}  // namespace deformer::nn
