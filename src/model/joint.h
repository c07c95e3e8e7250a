// Packing pairs of segments into joint sequences: pure index arithmetic, shared by the
// architectures.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "deformer/encoder.h"

namespace deformer {

/// What an architecture's joint sequence looks like.
struct JointOrder {
  bool passage_first = false;  ///< passage, question instead of question, passage
  bool cls_last = false;  ///< [CLS] is the last of all rows (XLNet) instead of the first (BERT)
};

/// Rows of several pairs, in terms of join_segments().
struct JointPlan {
  std::vector<std::int64_t> rows;     ///< [joint rows]: source row of each joint row
  std::vector<std::int64_t> offsets;  ///< [pairs + 1] into the joint rows
};

/// Some rows of the joint sequences.
struct RowSelection {
  std::vector<std::int64_t> rows;     ///< [selected] indices of joint rows
  std::vector<std::int64_t> offsets;  ///< [pairs + 1] into `rows`
};

/// Appends `count` numbers from `begin` on.
void append_range(std::vector<std::int64_t>& values, std::int64_t begin, std::int64_t count);

/// The segments of all, in order; at least one encoding. With projections where each has them:
/// without, upper() computes them.
[[nodiscard]] Encoding concatenate(std::span<const Encoding> encodings);

/// All rows of both, in the order of a joint sequence: one question with one passage are joined by
/// this alone.
[[nodiscard]] at::Tensor join_segments(const Encoding& questions, const Encoding& passages,
                                       const JointOrder& order);

/// Throws kInvalidArgument when an index of a pair is out of range.
[[nodiscard]] JointPlan plan_joint(const Encoding& questions, const Encoding& passages,
                                   std::span<const SegmentPair> pairs, const JointOrder& order);

/// Brings rows of questions and passages together pair by pair, in one copy.
class PairJoin {
 public:
  /// As plan_joint(). The arguments outlive the object.
  PairJoin(const Encoding& questions, const Encoding& passages, std::span<const SegmentPair> pairs,
           const JointOrder& order)
      : questions_(&questions), passages_(&passages), pairs_(pairs), order_(order) {}

  /// `question_rows` and `passage_rows` have the rows of the encodings. Returns [joint rows, ...].
  [[nodiscard]] at::Tensor join(const at::Tensor& question_rows,
                                const at::Tensor& passage_rows) const;

 private:
  const Encoding* questions_;
  const Encoding* passages_;
  std::span<const SegmentPair> pairs_;
  JointOrder order_;
};

/// The joint rows that `rows` names, pair by pair.
[[nodiscard]] RowSelection select_rows(const Encoding& questions, const Encoding& passages,
                                       std::span<const SegmentPair> pairs, const JointOrder& order,
                                       JointRows rows);

/// `values` as an int64 tensor on the device.
[[nodiscard]] at::Tensor index_tensor(std::span<const std::int64_t> values,
                                      const at::Device& device);

/// Rows to be taken from tensors, brought to their device once for all of them.
class RowIndex {
 public:
  /// `rows` may be repeated and in any order.
  RowIndex(std::span<const std::int64_t> rows, const at::Device& device);

  /// Those rows of `values`, of their dimension `dim`; a view where each follows the one before.
  [[nodiscard]] at::Tensor take(const at::Tensor& values, std::int64_t dim = 0) const;

 private:
  std::int64_t first_ = 0;  // of a run
  std::int64_t count_;
  at::Tensor index_;  // undefined for a run
};

}  // namespace deformer
