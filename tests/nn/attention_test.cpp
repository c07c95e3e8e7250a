#include "nn/attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace deformer::nn {
namespace {

struct Case {
  std::vector<std::int64_t> query_offsets;
  std::vector<std::int64_t> key_offsets;
};

at::Tensor random_rows(std::int64_t rows, std::int64_t width, std::uint64_t seed) {
  at::manual_seed(seed);
  return at::randn({rows, width}, at::kFloat);
}

// The definition, one query and one head at a time, in double.
at::Tensor reference(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                     const Case& c, std::int64_t heads) {
  const std::int64_t width = query.size(1);
  const std::int64_t head_size = width / heads;
  at::Tensor output = at::zeros({query.size(0), width}, at::kDouble);
  for (std::size_t s = 0; s + 1 < c.query_offsets.size(); ++s) {
    for (std::int64_t row = c.query_offsets[s]; row < c.query_offsets[s + 1]; ++row) {
      for (std::int64_t head = 0; head < heads; ++head) {
        std::vector<double> weights;
        double sum = 0;
        for (std::int64_t k = c.key_offsets[s]; k < c.key_offsets[s + 1]; ++k) {
          double dot = 0;
          for (std::int64_t i = head * head_size; i < (head + 1) * head_size; ++i) {
            dot += query[row][i].item<double>() * key[k][i].item<double>();
          }
          weights.push_back(std::exp(dot / std::sqrt(static_cast<double>(head_size))));
          sum += weights.back();
        }
        for (std::int64_t i = head * head_size; i < (head + 1) * head_size; ++i) {
          double mixed = 0;
          for (std::size_t k = 0; k < weights.size(); ++k) {
            const auto source = c.key_offsets[s] + static_cast<std::int64_t>(k);
            mixed += weights[k] / sum * value[source][i].item<double>();
          }
          output[row][i] = mixed;
        }
      }
    }
  }
  return output;
}

void expect_matches_reference(const Case& c) {
  constexpr std::int64_t kHeads = 2;
  constexpr std::int64_t kWidth = 8;
  const at::Tensor query = random_rows(c.query_offsets.back(), kWidth, 1);
  const at::Tensor key = random_rows(c.key_offsets.back(), kWidth, 2);
  const at::Tensor value = random_rows(c.key_offsets.back(), kWidth, 3);
  const at::Tensor output = attend({query, key, value}, Sequences(c.query_offsets, at::kCPU),
                                   Sequences(c.key_offsets, at::kCPU), kHeads);
  ASSERT_EQ(output.sizes(), query.sizes());
  const at::Tensor expected = reference(query, key, value, c, kHeads);
  EXPECT_LT((output.to(at::kDouble) - expected).abs().max().item<double>(), 1e-5);
}

TEST(Attention, EqualsItsDefinitionOnRaggedSequences) {
  expect_matches_reference({{0, 3, 4, 9}, {0, 3, 4, 9}});
}

TEST(Attention, TakesFewerQueriesThanKeys) {
  expect_matches_reference({{0, 1, 3, 4}, {0, 5, 6, 13}});
}

TEST(Attention, ASequenceWithoutQueriesGivesNoRows) {
  expect_matches_reference({{0, 0, 2}, {0, 3, 7}});
}

TEST(Attention, NeverLooksIntoAnotherSequence) {
  const std::vector<std::int64_t> offsets{0, 4, 10};
  const Sequences sequences(offsets, at::kCPU);
  at::Tensor rows = random_rows(10, 8, 4);
  const auto first = [&] {
    return attend({rows, rows, rows}, sequences, sequences, 2).narrow(0, 0, 4).clone();
  };
  const at::Tensor before = first();
  rows.narrow(0, 4, 6).mul_(100);
  const at::Tensor after = first();
  EXPECT_TRUE(at::equal(before, after));
}

// Scores added before the softmax: those of one sequence as a softmax of its own.
TEST(Attention, AddsWhatIsGivenToTheScores) {
  constexpr std::int64_t kHeads = 2;
  const std::vector<std::int64_t> query_offsets{0, 2, 5};
  const std::vector<std::int64_t> key_offsets{0, 4, 7};
  const at::Tensor query = random_rows(5, 8, 6);
  const at::Tensor key = random_rows(7, 8, 7);
  const at::Tensor value = random_rows(7, 8, 8);
  const std::vector<at::Tensor> biases{random_rows(4, 4, 9).view({1, kHeads, 2, 4}),
                                       random_rows(6, 3, 10).view({1, kHeads, 3, 3})};
  const at::Tensor output = attend({query, key, value}, Sequences(query_offsets, at::kCPU),
                                   Sequences(key_offsets, at::kCPU), kHeads, biases);
  for (std::int64_t head = 0; head < kHeads; ++head) {
    for (std::int64_t i = 0; i < 2; ++i) {
      const auto part = [&](const at::Tensor& rows, const std::vector<std::int64_t>& offsets) {
        return rows.slice(0, offsets[i], offsets[i + 1])
            .slice(1, head * 4, head * 4 + 4)
            .to(at::kDouble);
      };
      const at::Tensor scores =
          at::mm(part(query, query_offsets), part(key, key_offsets).t()) / 2 + biases[i][0][head];
      const at::Tensor expected = at::mm(scores.softmax(1), part(value, key_offsets));
      EXPECT_LT((part(output, query_offsets) - expected).abs().max().item<double>(), 1e-5);
    }
  }
}

// The rows of a run in fp32 and their gradients: {output, query, key, value}.
std::vector<at::Tensor> with_gradients(const Case& c, std::int64_t heads, at::ScalarType type,
                                       std::span<const at::Tensor> biases) {
  const std::int64_t width = heads * 64;
  std::vector<at::Tensor> inputs{random_rows(c.query_offsets.back(), width, 1),
                                 random_rows(c.key_offsets.back(), width, 2),
                                 random_rows(c.key_offsets.back(), width, 3)};
  // Both types begin with the same numbers.
  for (at::Tensor& input : inputs) input = input.to(at::kBFloat16).to(type).requires_grad_(true);
  const at::Tensor output =
      attend({inputs[0], inputs[1], inputs[2]}, Sequences(c.query_offsets, at::kCPU),
             Sequences(c.key_offsets, at::kCPU), heads, biases);
  output.backward(random_rows(c.query_offsets.back(), width, 4).to(at::kBFloat16).to(type));
  std::vector<at::Tensor> found{output.detach().to(at::kFloat)};
  for (const at::Tensor& input : inputs) found.push_back(input.grad().to(at::kFloat));
  return found;
}

// Largest difference by the largest expected value.
double relative_error(const at::Tensor& found, const at::Tensor& expected) {
  return ((found - expected).abs().max() / expected.abs().max()).item<double>();
}

// bf16 keeps 8 bits: what is rounded a few times is within a few hundredths. LibTorch's own kernel
// in fp32 says what is right.
void expect_bf16_gradients(const Case& c, std::span<const at::Tensor> biases = {}) {
  constexpr std::int64_t kHeads = 3;
  const std::vector<at::Tensor> expected = with_gradients(c, kHeads, at::kFloat, biases);
  const std::vector<at::Tensor> found = with_gradients(c, kHeads, at::kBFloat16, biases);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_LT(relative_error(found[i], expected[i]), 0.03) << i;
  }
}

TEST(Bf16Attention, HasTheGradientsOfFp32) {
  expect_bf16_gradients({{0, 1, 34, 133}, {0, 1, 34, 133}});
}

TEST(Bf16Attention, TakesFewerQueriesThanKeysAndNone) {
  expect_bf16_gradients({{0, 7, 7, 40}, {0, 70, 75, 139}});
}

TEST(Bf16Attention, AddsBiasesThatAreViewsOfOneTable) {
  const at::Tensor table = random_rows(3 * 100, 100, 5).view({1, 3, 100, 100});
  const std::vector<at::Tensor> biases{table.narrow(2, 0, 20).narrow(3, 0, 33),
                                       table.narrow(2, 0, 64).narrow(3, 0, 64).transpose(2, 3)};
  expect_bf16_gradients({{0, 20, 84}, {0, 33, 97}}, biases);
}

TEST(Bf16Attention, IsTheSameWhetherRecordedOrNot) {
  const std::vector<std::int64_t> offsets{0, 40, 73};
  const Sequences sequences(offsets, at::kCPU);
  at::Tensor rows = random_rows(73, 64, 7).to(at::kBFloat16);
  const at::Tensor plain = attend({rows, rows, rows}, sequences, sequences, 2);
  rows.requires_grad_(true);
  EXPECT_TRUE(at::equal(plain, attend({rows, rows, rows}, sequences, sequences, 2)));
}

TEST(Bf16Attention, ANumberThatIsNoneIsNotHidden) {
  const std::vector<std::int64_t> offsets{0, 40};
  const Sequences sequences(offsets, at::kCPU);
  at::Tensor rows = random_rows(40, 64, 6).to(at::kBFloat16);
  rows[3][5] = std::numeric_limits<float>::quiet_NaN();
  rows.requires_grad_(true);
  EXPECT_TRUE(attend({rows, rows, rows}, sequences, sequences, 1).isnan().all().item<bool>());
}

TEST(SequencesTest, KnowsTheLongest) {
  const std::vector<std::int64_t> offsets{0, 3, 3, 9, 10};
  EXPECT_EQ(Sequences(offsets, at::kCPU).longest(), 6);
  EXPECT_FALSE(Sequences(offsets, at::kCPU).on_device().defined());
}

// One kernel for all sequences: what the loop over sequences says, in every type.
TEST(AttentionOnAGpu, EqualsItsDefinitionOnRaggedSequences) {
  if (!at::hasCUDA()) GTEST_SKIP() << "needs a GPU and a LibTorch with CUDA";
  constexpr std::int64_t kHeads = 2;
  const Case c{{0, 3, 3, 70, 75}, {0, 5, 6, 136, 140}};
  const at::Device gpu = at::kCUDA;
  const Sequences queries(c.query_offsets, gpu);
  const Sequences keys(c.key_offsets, gpu);
  for (const auto& [type, limit] :
       {std::pair(at::kFloat, 1e-4), std::pair(at::kHalf, 5e-3), std::pair(at::kBFloat16, 3e-2)}) {
    // As in a layer: parts of one product, not contiguous.
    const at::Tensor projected = random_rows(c.key_offsets.back(), 3 * 128, 5).to(type);
    const auto parts = projected.chunk(3, 1);
    const at::Tensor query = parts[0].narrow(0, 0, c.query_offsets.back());
    const auto on_gpu = projected.to(gpu).chunk(3, 1);
    const at::Tensor output =
        attend({on_gpu[0].narrow(0, 0, c.query_offsets.back()), on_gpu[1], on_gpu[2]}, queries,
               keys, kHeads);
    EXPECT_EQ(output.scalar_type(), type);
    const at::Tensor expected = reference(query.to(at::kDouble), parts[1].to(at::kDouble),
                                          parts[2].to(at::kDouble), c, kHeads);
    EXPECT_LT((output.cpu().to(at::kDouble) - expected).abs().max().item<double>(), limit);
  }
}

}  // namespace
}  // namespace deformer::nn
