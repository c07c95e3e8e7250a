#include "nn/attention.h"

#include <ATen/ATen.h>

#include <vector>

#include "base/check.h"
#include "nn/attention_type.h"

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

}  // namespace

at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                  Offsets query_offsets, Offsets key_offsets, std::int64_t num_heads) {
  DEFORMER_CHECK(query_offsets.size() == key_offsets.size() && !query_offsets.empty());
  if (attends_in_fp32(query)) {
    const NoAutocast guard;
    const at::Tensor output = attend(query.to(at::kFloat), key.to(at::kFloat), value.to(at::kFloat),
                                     query_offsets, key_offsets, num_heads);
    return output.to(query.scalar_type());
  }
  const auto queries = split_rows(query, query_offsets);
  const auto keys = split_rows(key, key_offsets);
  const auto values = split_rows(value, key_offsets);
  std::vector<at::Tensor> outputs;
  outputs.reserve(queries.size());
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const at::Tensor output = at::scaled_dot_product_attention(split_heads(queries[i], num_heads),
                                                               split_heads(keys[i], num_heads),
                                                               split_heads(values[i], num_heads));
    outputs.push_back(output.squeeze(0).transpose(0, 1).flatten(1));
  }
  if (outputs.empty()) return at::empty_like(query);
  return outputs.size() == 1 ? outputs.front() : at::cat(outputs);
}

}  // namespace deformer::nn
