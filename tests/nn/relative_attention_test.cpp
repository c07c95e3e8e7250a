#include "nn/relative_attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

namespace deformer::nn {
namespace {

constexpr std::int64_t kHeads = 2;
constexpr std::int64_t kHead = 4;
constexpr std::int64_t kWidth = kHeads * kHead;
constexpr std::int64_t kReach = 200;

struct RelativeCase {
  std::vector<PositionRuns> queries;
  std::vector<PositionRuns> keys;
};

std::int64_t count(const std::vector<PositionRuns>& sequences) {
  std::int64_t rows = 0;
  for (const PositionRuns& runs : sequences) {
    for (const PositionRun& run : runs) rows += run.length;
  }
  return rows;
}

struct Problem {
  RelativeInputs inputs;
  DistanceTable table;
};

Problem make_problem(const RelativeCase& c) {
  at::manual_seed(1);
  const auto rows = [](std::int64_t size, std::int64_t width) {
    return at::randn({size, width}, at::kDouble);
  };
  const std::int64_t queries = count(c.queries);
  const std::int64_t keys = count(c.keys);
  return {{rows(queries, kWidth), rows(queries, kWidth), rows(queries, kHeads), rows(keys, kWidth),
           rows(keys, kWidth)},
          {at::randn({kHeads, kHead, 2 * kReach + 1}, at::kDouble), kReach}};
}

// One row of each sequence: its position, its segment.
std::vector<PositionRun> rows_of(const PositionRuns& runs) {
  std::vector<PositionRun> rows;
  for (const PositionRun& run : runs) {
    for (std::int64_t i = 0; i < run.length; ++i) {
      rows.push_back({1, run.position + i, run.segment});
    }
  }
  return rows;
}

// The definition, one pair of rows at a time.
at::Tensor score(const Problem& problem, std::int64_t query, std::int64_t key,
                 std::int64_t distance) {
  const auto heads = [](const at::Tensor& row) { return row.view({kHeads, kHead}); };
  const RelativeInputs& in = problem.inputs;
  const at::Tensor content = (heads(in.query[query]) * heads(in.key[key])).sum(1) *
                             in.scale.value_or(1 / std::sqrt(kHead));
  const at::Tensor position =
      (heads(in.position_query[query]) * problem.table.keys.select(2, kReach - distance)).sum(1);
  at::Tensor sum = content + position;  // [heads]
  if (problem.table.queries.defined()) {
    const at::Tensor query_of_distance = problem.table.queries.select(2, kReach + distance);
    sum = sum + (heads(in.key[key]) * query_of_distance).sum(1);
  }
  return sum;
}

at::Tensor reference(const Problem& problem, const RelativeCase& c) {
  std::vector<at::Tensor> outputs;
  std::int64_t first_key = 0;
  for (std::size_t s = 0; s < c.keys.size(); ++s) {
    const std::vector<PositionRun> keys = rows_of(c.keys[s]);
    const auto size = static_cast<std::int64_t>(keys.size());
    const at::Tensor values =
        problem.inputs.value.narrow(0, first_key, size).view({size, kHeads, kHead});
    for (const PositionRun& query : rows_of(c.queries[s])) {
      const auto row = static_cast<std::int64_t>(outputs.size());
      std::vector<at::Tensor> scores;
      for (std::int64_t k = 0; k < size; ++k) {
        const PositionRun& key = keys[static_cast<std::size_t>(k)];
        at::Tensor one = score(problem, row, first_key + k, query.position - key.position);
        if (key.segment != query.segment) one = one + problem.inputs.other_segment[row];
        scores.push_back(one);
      }
      const at::Tensor weights = at::stack(scores).softmax(0);  // [keys, heads]
      outputs.push_back((weights.unsqueeze(2) * values).sum(0).flatten());
    }
    first_key += size;
  }
  return at::stack(outputs);
}

// With scores of the keys, and another scale.
Problem with_key_scores(Problem problem) {
  problem.table.queries = at::randn({kHeads, kHead, 2 * kReach + 1}, at::kDouble);
  problem.inputs.scale = 0.3;
  return problem;
}

void expect_matches_reference(const Problem& problem, const RelativeCase& c) {
  const at::Tensor found = attend_relative(problem.inputs, problem.table, c.queries, c.keys);
  const at::Tensor expected = reference(problem, c);
  ASSERT_EQ(found.sizes(), expected.sizes());
  EXPECT_LT((found - expected).abs().max().item<double>(), 1e-12);
}

void expect_matches_reference(const RelativeCase& c) {
  expect_matches_reference(make_problem(c), c);
  expect_matches_reference(with_key_scores(make_problem(c)), c);
}

TEST(AttendRelative, IsTheDefinitionForOneSequence) {
  expect_matches_reference({{{{5, 0, 0}}}, {{{5, 0, 0}}}});
  expect_matches_reference({{{{1, 0, 0}}}, {{{1, 0, 0}}}});
}

TEST(AttendRelative, IsTheDefinitionForSeveralBlocksOfRows) {
  expect_matches_reference({{{{150, 0, 0}}}, {{{150, 0, 0}}}});
  expect_matches_reference({{{{65, 0, 0}}}, {{{65, 0, 0}}}});
}

TEST(AttendRelative, IsTheDefinitionForSegmentsSideBySide) {
  const PositionRuns joint{{70, 0, 0}, {6, 70, 1}, {1, 76, 2}};
  expect_matches_reference({{joint}, {joint}});
}

TEST(AttendRelative, IsTheDefinitionForSegmentsWithAGap) {
  const PositionRuns joint{{10, 0, 0}, {6, 41, 1}};
  expect_matches_reference({{joint}, {joint}});
}

TEST(AttendRelative, IsTheDefinitionForSeveralSequencesAndSomeOfTheirQueries) {
  const RelativeCase c{{{{10, 0, 0}, {1, 46, 1}}, {{1, 3, 1}}, {{7, 0, 0}}},
                       {{{10, 0, 0}, {6, 41, 1}}, {{3, 0, 0}, {1, 3, 1}}, {{7, 0, 0}, {2, 7, 1}}}};
  expect_matches_reference(c);
}

TEST(AttendRelative, GivesNoRowsForNoSequences) {
  const Problem problem = make_problem({});
  EXPECT_EQ(attend_relative(problem.inputs, problem.table, {}, {}).sizes(),
            (std::vector<std::int64_t>{0, kWidth}));
}

TEST(AttendRelative, GradientsAreFiniteDifferences) {
  const PositionRuns joint{{5, 0, 0}, {3, 9, 1}};
  const RelativeCase c{{joint}, {joint}};
  Problem problem = with_key_scores(make_problem(c));
  const auto loss = [&] {
    return attend_relative(problem.inputs, problem.table, c.queries, c.keys).square().sum();
  };
  const std::vector<at::Tensor> tensors{problem.inputs.query,         problem.inputs.position_query,
                                        problem.inputs.other_segment, problem.inputs.key,
                                        problem.inputs.value,         problem.table.keys,
                                        problem.table.queries};
  for (const at::Tensor& tensor : tensors) tensor.requires_grad_(true);
  loss().backward();
  constexpr double kStep = 1e-6;
  for (const at::Tensor& tensor : tensors) {
    at::Tensor values = tensor.detach().view(-1);
    const at::Tensor gradient = tensor.grad().flatten();
    for (const std::int64_t i : {std::int64_t{0}, values.size(0) / 2, values.size(0) - 1}) {
      const double value = values[i].item<double>();
      values[i].fill_(value + kStep);
      const double above = loss().item<double>();
      values[i].fill_(value - kStep);
      const double below = loss().item<double>();
      values[i].fill_(value);
      EXPECT_NEAR(gradient[i].item<double>(), (above - below) / (2 * kStep), 1e-5);
    }
  }
}

}  // namespace
}  // namespace deformer::nn
