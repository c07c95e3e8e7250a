// Multi-head attention over packed sequences with relative positions and segments (Transformer-XL,
// XLNet, DeBERTa).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace deformer::nn {

/// Consecutive rows of one sequence whose positions rise by one and that belong to one segment.
struct PositionRun {
  std::int64_t length = 0;
  std::int64_t position = 0;  ///< of the first row
  std::int64_t segment = 0;
};

/// All rows of one sequence, in order.
using PositionRuns = std::vector<PositionRun>;

/// One key per distance, for all distances from `reach` down to -reach.
struct DistanceTable {
  at::Tensor keys;  ///< [heads, head size, 2 * reach + 1], times the scale of the scores
  std::int64_t reach = 0;
  /// One query per distance, from -reach up to reach, in the same shape and scale: a key's score of
  /// its distance (DeBERTa). Undefined: none.
  at::Tensor queries = {};
};

/// A reach to make tables with that are kept: so that texts of slowly growing length do not make
/// them anew each time.
[[nodiscard]] std::int64_t rounded_reach(std::int64_t reach);

/// Rows of all sequences, one after the other; hidden = heads * head size, heads one after the
/// other in a row. There are as many query rows as the runs of the queries have, and as many keys
/// and values as the runs of the keys.
struct RelativeInputs {
  at::Tensor query;           ///< [query rows, hidden], the bias of the contents added
  at::Tensor position_query;  ///< [query rows, hidden], the bias of the positions added
  /// [query rows, heads]: what is added to the score of a key of another segment, times 1 /
  /// sqrt(head size). May be undefined where no sequence has keys of another segment.
  at::Tensor other_segment;
  at::Tensor key;                    ///< [key rows, hidden]
  at::Tensor value;                  ///< [key rows, hidden]
  std::optional<double> scale = {};  ///< of the contents' scores; absent: 1 / sqrt(head size)
};

/// Attention inside each sequence: its queries see all of its keys, nothing else. The score of
/// query i and key j is query_i . key_j * scale + position_query_i . table.keys[position_i -
/// position_j], key_j . table.queries[position_i - position_j] where the table has queries, and
/// other_segment_i where their segments differ: what is the same for all keys of a
/// query leaves the attention as it is, so the score of a key of the same segment counts as 0.
/// Returns [query rows, hidden]. Every sequence has at least one key; no distance exceeds the
/// table's reach.
[[nodiscard]] at::Tensor attend_relative(const RelativeInputs& inputs, const DistanceTable& table,
                                         std::span<const PositionRuns> queries,
                                         std::span<const PositionRuns> keys);

}  // namespace deformer::nn
