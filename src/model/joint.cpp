#include "model/joint.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <string>

#include "deformer/error.h"
#include "nn/transfer.h"

namespace deformer {
namespace {

void require_index(std::int64_t index, const Encoding& encoding, const char* what) {
  if (index >= 0 && index < encoding.num_segments()) return;
  throw Error(ErrorCode::kInvalidArgument,
              std::string("pair: expected a ") + what + " index below " +
                  std::to_string(encoding.num_segments()) + ", found " + std::to_string(index));
}

void require_segments(const Encoding& encoding, const char* what) {
  const std::vector<std::int64_t>& offsets = encoding.offsets;
  if (!offsets.empty() && offsets.front() == 0 && std::is_sorted(offsets.begin(), offsets.end())) {
    return;
  }
  throw Error(ErrorCode::kInvalidArgument, std::string(what) +
                                               "s: expected offsets that begin with 0 and rise, "
                                               "found others");
}

void require_rows_of(const Encoding& encoding, const char* what) {
  require_segments(encoding, what);
  if (encoding.hidden.defined() && encoding.hidden.size(0) == encoding.offsets.back()) return;
  throw Error(ErrorCode::kInvalidArgument,
              std::string(what) + "s: expected " + std::to_string(encoding.offsets.back()) +
                  " rows, as the offsets say, found " +
                  (encoding.hidden.defined() ? std::to_string(encoding.hidden.size(0)) : "none"));
}

void require_pair(const SegmentPair& pair, const Encoding& questions, const Encoding& passages) {
  require_index(pair.question, questions, "question");
  require_index(pair.passage, passages, "passage");
}

std::vector<at::Tensor> split_segments(const at::Tensor& rows, const Encoding& encoding) {
  std::vector<std::int64_t> lengths;
  lengths.reserve(encoding.offsets.size());
  for (std::int64_t i = 0; i < encoding.num_segments(); ++i) lengths.push_back(encoding.length(i));
  return rows.split_with_sizes(lengths);
}

}  // namespace

void append_range(std::vector<std::int64_t>& values, std::int64_t begin, std::int64_t count) {
  const std::size_t size = values.size();
  values.resize(size + static_cast<std::size_t>(count));
  std::iota(values.begin() + static_cast<std::ptrdiff_t>(size), values.end(), begin);
}

Encoding concatenate(std::span<const Encoding> encodings) {
  Encoding whole;
  whole.offsets.push_back(0);
  std::vector<at::Tensor> hidden;
  std::vector<at::Tensor> projections;
  for (const Encoding& encoding : encodings) {
    const std::int64_t first = whole.offsets.back();
    for (std::size_t i = 1; i < encoding.offsets.size(); ++i) {
      whole.offsets.push_back(first + encoding.offsets[i]);
    }
    hidden.push_back(encoding.hidden);
    if (encoding.projections.defined()) projections.push_back(encoding.projections);
  }
  whole.hidden = at::cat(hidden);
  if (projections.size() == encodings.size()) whole.projections = at::cat(projections);
  return whole;
}

at::Tensor join_segments(const Encoding& questions, const Encoding& passages,
                         const JointOrder& order) {
  return order.passage_first ? at::cat({passages.hidden, questions.hidden})
                             : at::cat({questions.hidden, passages.hidden});
}

at::Tensor index_tensor(std::span<const std::int64_t> values, const at::Device& device) {
  const at::ArrayRef<std::int64_t> list(values.data(), values.size());
  return nn::to_device(at::tensor(list, at::kLong), device);
}

RowIndex::RowIndex(std::span<const std::int64_t> rows, const at::Device& device)
    : count_(std::ssize(rows)) {
  const auto differs = [](std::int64_t row, std::int64_t next) { return next != row + 1; };
  const bool is_run =
      !rows.empty() && std::adjacent_find(rows.begin(), rows.end(), differs) == rows.end();
  if (is_run) {
    first_ = rows.front();
  } else {
    index_ = index_tensor(rows, device);
  }
}

at::Tensor RowIndex::take(const at::Tensor& values, std::int64_t dim) const {
  return index_.defined() ? values.index_select(dim, index_) : values.narrow(dim, first_, count_);
}

JointPlan plan_joint(const Encoding& questions, const Encoding& passages,
                     std::span<const SegmentPair> pairs, const JointOrder& order) {
  require_rows_of(questions, "question");
  require_rows_of(passages, "passage");
  const std::int64_t question_base = order.passage_first ? passages.offsets.back() : 0;
  const std::int64_t passage_base = order.passage_first ? 0 : questions.offsets.back();
  JointPlan plan;
  plan.offsets.reserve(pairs.size() + 1);
  plan.offsets.push_back(0);
  for (const SegmentPair& pair : pairs) {
    require_pair(pair, questions, passages);
    const auto append_question = [&] {
      append_range(plan.rows, question_base + questions.offsets[pair.question],
                   questions.length(pair.question));
    };
    if (!order.passage_first) append_question();
    append_range(plan.rows, passage_base + passages.offsets[pair.passage],
                 passages.length(pair.passage));
    if (order.passage_first) append_question();
    plan.offsets.push_back(static_cast<std::int64_t>(plan.rows.size()));
  }
  return plan;
}

at::Tensor PairJoin::join(const at::Tensor& question_rows, const at::Tensor& passage_rows) const {
  const std::vector<at::Tensor> questions = split_segments(question_rows, *questions_);
  const std::vector<at::Tensor> passages = split_segments(passage_rows, *passages_);
  std::vector<at::Tensor> pieces;
  pieces.reserve(2 * pairs_.size());
  for (const SegmentPair& pair : pairs_) {
    const at::Tensor& question = questions.at(static_cast<std::size_t>(pair.question));
    const at::Tensor& passage = passages.at(static_cast<std::size_t>(pair.passage));
    pieces.push_back(order_.passage_first ? passage : question);
    pieces.push_back(order_.passage_first ? question : passage);
  }
  return pieces.empty() ? question_rows.narrow(0, 0, 0) : at::cat(pieces);
}

RowSelection select_rows(const Encoding& questions, const Encoding& passages,
                         std::span<const SegmentPair> pairs, const JointOrder& order,
                         JointRows rows) {
  require_segments(questions, "question");
  require_segments(passages, "passage");
  RowSelection selection;
  selection.offsets.reserve(pairs.size() + 1);
  selection.offsets.push_back(0);
  std::int64_t pair_begin = 0;
  for (const SegmentPair& pair : pairs) {
    require_pair(pair, questions, passages);
    const std::int64_t question_length = questions.length(pair.question);
    const std::int64_t passage_length = passages.length(pair.passage);
    const std::int64_t passage_begin = pair_begin + (order.passage_first ? 0 : question_length);
    const std::int64_t length = question_length + passage_length;
    if (rows == JointRows::kAll) append_range(selection.rows, pair_begin, length);
    if (rows == JointRows::kPassage || rows == JointRows::kPassageAndCls) {
      append_range(selection.rows, passage_begin, passage_length);
    }
    if (rows == JointRows::kCls || rows == JointRows::kPassageAndCls) {
      selection.rows.push_back(order.cls_last ? pair_begin + length - 1 : pair_begin);
    }
    selection.offsets.push_back(static_cast<std::int64_t>(selection.rows.size()));
    pair_begin += length;
  }
  return selection;
}

}  // namespace deformer
