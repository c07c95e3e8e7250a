#include "deformer/inspect.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer {
namespace {

using test::expect_error;

ModelConfig bert(std::int64_t layers, std::int64_t width, int split_layer) {
  ModelConfig config;
  config.vocab_size = 30522;
  config.hidden_size = width;
  config.num_hidden_layers = layers;
  config.num_attention_heads = width / 64;
  config.intermediate_size = 4 * width;
  config.max_position_embeddings = 512;
  config.split.split_layer = split_layer;
  return config;
}

double speed_up(const ModelConfig& config) {
  const FlopsEstimate flops = estimate_flops(config);
  return flops.full / flops.decomposed;
}

// Cao et al., ACL 2020, table 3 and figure 4. The profiler of the paper counts a little more than
// the matrix products: 58.4 against 58.1.
TEST(EstimateFlops, GivesThePapersNumbers) {
  EXPECT_NEAR(estimate_flops(bert(12, 768, 9)).full / 1e9, 58.4, 0.4);
  EXPECT_NEAR(speed_up(bert(12, 768, 1)), 1.1, 0.05);
  EXPECT_NEAR(speed_up(bert(12, 768, 6)), 1.9, 0.05);
  EXPECT_NEAR(speed_up(bert(12, 768, 9)), 3.2, 0.05);
  EXPECT_NEAR(speed_up(bert(12, 768, 10)), 4.3, 0.05);
  EXPECT_NEAR(speed_up(bert(12, 768, 11)), 6.4, 0.05);
  EXPECT_NEAR(estimate_flops(bert(24, 1024, 20)).full / 1e9, 204.1, 1.0);
  EXPECT_NEAR(estimate_flops(bert(24, 1024, 20)).decomposed / 1e9, 47.7, 0.4);
  EXPECT_NEAR(speed_up(bert(24, 1024, 23)), 8.4, 0.05);
}

TEST(EstimateFlops, IsTheProductsOfOneLayer) {
  // Width 2, inner width 3, question 1 + 2 rows, passage 4 + 1 rows, one layer of two lower.
  ModelConfig config = bert(2, 2, 1);
  config.num_attention_heads = 1;
  config.intermediate_size = 3;
  const FlopsEstimate flops = estimate_flops(config, {.question_tokens = 1, .passage_tokens = 4});
  EXPECT_EQ(flops.question_rows, 3);
  EXPECT_EQ(flops.passage_rows, 5);
  const auto layer = [](double rows) {
    const double projections = 4 * 2 * rows * 2 * 2;   // Q, K, V, output: rows x 2 by 2 x 2
    const double feed_forward = 2 * 2 * rows * 2 * 3;  // rows x 2 by 2 x 3 and back
    const double attention = 2 * 2 * rows * rows * 2;  // scores and their use
    return projections + feed_forward + attention;
  };
  EXPECT_DOUBLE_EQ(flops.full, 2 * layer(8));
  EXPECT_DOUBLE_EQ(flops.decomposed, layer(3) + layer(8));
  EXPECT_DOUBLE_EQ(flops.encode_passage, layer(5));
}

// Table 1 of the paper says 2.7 for XLNet-base at 8 + 4 layers; docs/performance.md has why
// products alone give 2.6.
TEST(EstimateFlops, CountsXlnetsPositionScores) {
  ModelConfig config = bert(12, 768, 8);
  const FlopsEstimate without = estimate_flops(config);
  config.architecture = "xlnet";
  config.max_position_embeddings = 0;
  config.split.layout = Layout::kPacked;
  const FlopsEstimate with = estimate_flops(config);
  EXPECT_EQ(with.question_rows, 27);
  EXPECT_EQ(with.passage_rows, 293);
  EXPECT_DOUBLE_EQ(with.full - without.full, 12 * 2.0 * 768 * 320 * 320);
  EXPECT_NEAR(speed_up(config), 2.6, 0.01);
}

TEST(EstimateFlops, SavesNothingAtSplitZero) {
  const FlopsEstimate flops = estimate_flops(bert(12, 768, 0));
  EXPECT_DOUBLE_EQ(flops.decomposed, flops.full);
  EXPECT_EQ(flops.encode_passage, 0);
}

TEST(EstimateFlops, RefusesLengthsBelowOne) {
  expect_error(ErrorCode::kInvalidArgument, "question_tokens: expected at least 1, found 0",
               [] { (void)estimate_flops(bert(2, 64, 1), {.question_tokens = 0}); });
  expect_error(ErrorCode::kInvalidArgument, "passage_tokens: expected at least 1, found -3",
               [] { (void)estimate_flops(bert(2, 64, 1), {.passage_tokens = -3}); });
}

TEST(InspectWeights, CountsTensorsByType) {
  const test::TempDir directory;
  test::write_tiny_model(directory.path());
  const auto formats = inspect_weights(directory.path());
  ASSERT_EQ(formats.size(), 1u);
  EXPECT_EQ(formats[0].dtype, "F32");
  EXPECT_EQ(formats[0].bytes, 4 * static_cast<std::uint64_t>(formats[0].values));
  // Three tables and a norm, 16 tensors a layer, the head.
  EXPECT_EQ(formats[0].tensors, 5u + 3 * 16 + 2);
}

TEST(InspectWeights, ThrowsWithoutWeights) {
  const test::TempDir directory;
  expect_error(ErrorCode::kNotFound, "model.safetensors",
               [&] { (void)inspect_weights(directory.path()); });
}

TEST(DescribeArchitecture, SaysWhatIsNotAsInBert) {
  const ArchitectureFacts plain = describe_architecture(bert(12, 768, 9));
  EXPECT_EQ(plain.embeddings, "768 wide");
  EXPECT_EQ(plain.layers, "12, each with weights of its own");
  EXPECT_EQ(plain.positions, "absolute, a table of 512");
  const ArchitectureFacts albert =
      describe_architecture(test::tiny_model_config({.architecture = "albert"}));
  EXPECT_EQ(albert.embeddings, "16 wide, then a dense layer to 32");
  EXPECT_EQ(albert.layers, "3, all with the same weights");
  const auto positions = [](const char* architecture) {
    return describe_architecture(test::tiny_model_config({.architecture = architecture})).positions;
  };
  EXPECT_EQ(positions("roberta"), "absolute, a table of 64, of which 62 are used");
  EXPECT_EQ(positions("mpnet"),
            "absolute, a table of 64, of which 62 are used; and a score for each of 32 buckets of "
            "distances, the same in all layers");
  EXPECT_EQ(positions("deberta-v2"),
            "relative, of contents and distances apart; 8 buckets a side, the last from distance "
            "64 on; a convolution over 3 rows beside the first layer");
  EXPECT_EQ(positions("xlnet"), "relative, sinusoids of distances without limit");
}

}  // namespace
}  // namespace deformer
