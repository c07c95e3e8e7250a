#include "nn/relative_attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "nn/attention_type.h"
#include "nn/heads.h"

namespace deformer::nn {
namespace {

// Queries of one block see distances from its first to its last row: their scores are a product
// with keys + rows - 1 columns of the table, of which each row uses `keys`. Small blocks compute
// less in vain, large ones make fewer calls; measured at 170 and 320 keys, 64 is best.
constexpr std::int64_t kQueryBlockRows = 64;
constexpr std::int64_t kSmallestReach = 64;

std::int64_t count_rows(const PositionRuns& runs) {
  std::int64_t rows = 0;
  for (const PositionRun& run : runs) rows += run.length;
  return rows;
}

std::vector<std::int64_t> count_rows(std::span<const PositionRuns> sequences) {
  std::vector<std::int64_t> rows;
  rows.reserve(sequences.size());
  for (const PositionRuns& runs : sequences) rows.push_back(count_rows(runs));
  return rows;
}

PositionRuns cut_into_blocks(const PositionRuns& runs) {
  PositionRuns blocks;
  for (const PositionRun& run : runs) {
    for (std::int64_t row = 0; row < run.length; row += kQueryBlockRows) {
      blocks.push_back(
          {std::min(kQueryBlockRows, run.length - row), run.position + row, run.segment});
    }
  }
  return blocks;
}

// Runs that follow one another without a gap, as one.
PositionRuns join_neighbours(const PositionRuns& runs) {
  PositionRuns joined;
  for (const PositionRun& run : runs) {
    if (!joined.empty() && joined.back().position + joined.back().length == run.position) {
      joined.back().length += run.length;
    } else {
      joined.push_back(run);
    }
  }
  return joined;
}

// `query` [heads, rows, head size], the rows of `block`; `table` [heads, head size, 2 * reach + 1],
// from the distance `reach` of `block` minus `keys` on downwards. Returns [heads, rows, keys].
at::Tensor position_scores(const at::Tensor& query, const at::Tensor& table,
                           const PositionRun& block, const PositionRun& keys) {
  const std::int64_t rows = block.length;
  const std::int64_t reach = table.size(2) / 2;
  const std::int64_t columns = rows + keys.length - 1;
  const std::int64_t first = reach - (block.position + rows - 1 - keys.position);
  DEFORMER_CHECK(first >= 0 && first + columns <= table.size(2));
  at::Tensor scores = at::bmm(query, table.narrow(2, first, columns));
  if (rows == 1) return scores;
  // Row i begins rows - 1 - i columns later than row 0 would: reading on with rows that are one
  // column shorter shifts each by one more. No value is moved.
  return scores.flatten(1)
      .narrow(1, rows - 1, rows * (columns - 1))
      .unflatten(1, {rows, columns - 1})
      .narrow(2, 0, keys.length);
}

// What of one sequence all of its query blocks need.
struct Keys {
  at::Tensor key;    // [1, heads, keys, head size]
  at::Tensor value;  // [1, heads, keys, head size]
  const PositionRuns* runs;
  PositionRuns joined;
  at::Tensor distances;  // [heads, keys, queries]: scores of the keys; undefined: none
};

struct QueryBlock {
  PositionRun rows;
  std::int64_t first;         // row of the sequence's queries
  at::Tensor query;           // [rows, hidden]
  at::Tensor position_query;  // [rows, hidden]
  at::Tensor other_segment;   // [rows, heads] or undefined
};

// Adds to the columns of other segments, in place.
void add_segment_scores(const at::Tensor& bias, const QueryBlock& block, const PositionRuns& keys) {
  std::int64_t column = 0;
  for (const PositionRun& run : keys) {
    if (run.segment != block.rows.segment) {
      bias.narrow(2, column, run.length).add_(block.other_segment.t().unsqueeze(2));
    }
    column += run.length;
  }
}

// What the keys of a sequence score its queries: the product of the other side, read crosswise.
// Made by blocks of keys, for which a product has few columns in vain, as one of queries has.
at::Tensor key_scores(const at::Tensor& key, const at::Tensor& table, const PositionRuns& keys,
                      const PositionRuns& queries) {
  const at::Tensor heads = split_heads(key, table.size(0));
  const PositionRuns joined = join_neighbours(queries);
  std::vector<at::Tensor> blocks;
  std::int64_t first = 0;
  for (const PositionRun& block : cut_into_blocks(join_neighbours(keys))) {
    const at::Tensor rows = heads.narrow(1, first, block.length);
    std::vector<at::Tensor> parts;
    for (const PositionRun& run : joined) {
      parts.push_back(position_scores(rows, table, block, run));
    }
    blocks.push_back(parts.size() == 1 ? parts.front() : at::cat(parts, 2));
    first += block.length;
  }
  return blocks.size() == 1 ? blocks.front() : at::cat(blocks, 1);
}

// [heads, rows, keys]: what is added to the scores of the contents.
at::Tensor make_bias(const QueryBlock& block, const Keys& keys, const DistanceTable& table) {
  const at::Tensor query = split_heads(block.position_query, table.keys.size(0));
  std::vector<at::Tensor> parts;
  parts.reserve(keys.joined.size());
  for (const PositionRun& run : keys.joined) {
    parts.push_back(position_scores(query, table.keys, block.rows, run));
  }
  at::Tensor bias = parts.size() == 1 ? parts.front() : at::cat(parts, 2);
  if (keys.distances.defined()) {
    bias.add_(keys.distances.narrow(2, block.first, block.rows.length).transpose(1, 2));
  }
  add_segment_scores(bias, block, *keys.runs);
  return bias;
}

at::Tensor attend_block(const QueryBlock& block, const Keys& keys, const DistanceTable& table,
                        std::optional<double> scale) {
  const at::Tensor query = split_heads(block.query, table.keys.size(0)).unsqueeze(0);
  const at::Tensor output = at::scaled_dot_product_attention(
      query, keys.key, keys.value, make_bias(block, keys, table).unsqueeze(0),
      /*dropout_p=*/0.0, /*is_causal=*/false, scale);
  return output.squeeze(0).transpose(0, 1).flatten(1);
}

// All blocks of all sequences. One split of each tensor and not many slices: its gradient is one
// concatenation.
std::vector<QueryBlock> make_blocks(const RelativeInputs& inputs,
                                    std::span<const PositionRuns> queries) {
  std::vector<QueryBlock> blocks;
  std::vector<std::int64_t> rows;
  for (const PositionRuns& runs : queries) {
    std::int64_t first = 0;
    for (const PositionRun& block : cut_into_blocks(runs)) {
      blocks.push_back({block, first, {}, {}, {}});
      rows.push_back(block.length);
      first += block.length;
    }
  }
  const auto query = inputs.query.split_with_sizes(rows);
  const auto position_query = inputs.position_query.split_with_sizes(rows);
  std::vector<at::Tensor> other_segment(rows.size());
  if (inputs.other_segment.defined()) {
    other_segment = inputs.other_segment.split_with_sizes(rows);
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    blocks[i].query = query[i];
    blocks[i].position_query = position_query[i];
    blocks[i].other_segment = other_segment[i];
  }
  return blocks;
}

RelativeInputs to_fp32(const RelativeInputs& inputs) {
  const auto convert = [](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.to(at::kFloat) : tensor;
  };
  return {convert(inputs.query), convert(inputs.position_query), convert(inputs.other_segment),
          convert(inputs.key),   convert(inputs.value),          inputs.scale};
}

}  // namespace

std::int64_t rounded_reach(std::int64_t reach) {
  return static_cast<std::int64_t>(
      std::bit_ceil(static_cast<std::uint64_t>(std::max(reach, kSmallestReach))));
}

at::Tensor attend_relative(const RelativeInputs& inputs, const DistanceTable& table,
                           std::span<const PositionRuns> queries,
                           std::span<const PositionRuns> keys) {
  DEFORMER_CHECK(queries.size() == keys.size());
  if (attends_in_fp32(inputs.query)) {
    const NoAutocast guard;
    const DistanceTable distances{
        table.keys.to(at::kFloat), table.reach,
        table.queries.defined() ? table.queries.to(at::kFloat) : at::Tensor()};
    return attend_relative(to_fp32(inputs), distances, queries, keys)
        .to(inputs.query.scalar_type());
  }
  const std::int64_t num_heads = table.keys.size(0);
  const std::vector<QueryBlock> blocks = make_blocks(inputs, queries);
  const auto key = inputs.key.split_with_sizes(count_rows(keys));
  const auto value = inputs.value.split_with_sizes(count_rows(keys));
  std::vector<at::Tensor> outputs;
  outputs.reserve(blocks.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Keys sequence{
        split_heads(key[i], num_heads).unsqueeze(0), split_heads(value[i], num_heads).unsqueeze(0),
        &keys[i], join_neighbours(keys[i]),
        table.queries.defined() ? key_scores(key[i], table.queries, keys[i], queries[i])
                                : at::Tensor()};
    for (std::int64_t left = count_rows(queries[i]); left > 0;) {
      const QueryBlock& block = blocks[outputs.size()];
      outputs.push_back(attend_block(block, sequence, table, inputs.scale));
      left -= block.rows.length;
    }
  }
  if (outputs.empty()) return at::empty_like(inputs.query);
  return outputs.size() == 1 ? outputs.front() : at::cat(outputs);
}

}  // namespace deformer::nn
