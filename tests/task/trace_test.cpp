// Values: tests/cli/cmd_trace_test.cpp, against golden checkpoints.
#include "deformer/inspect.h"

#include <gtest/gtest.h>

#include "format/safetensors.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer {
namespace {

using test::expect_error;

class TraceTest : public testing::Test {
 protected:
  std::shared_ptr<const Model> load(const test::TinyModelOptions& options = {}) {
    test::write_tiny_model(directory.path(), options);
    return Model::load(directory.path());
  }

  test::TempDir directory;
};

TEST_F(TraceTest, ListsEveryLayerInTheOrderOfComputation) {
  const auto model = load();
  const Trace trace = trace_texts(*model, "who?", "it was me");
  std::vector<std::string> names;
  for (const TraceTensor& tensor : trace.tensors) names.push_back(tensor.name);
  EXPECT_EQ(names, (std::vector<std::string>{"lower.question.embeddings", "lower.question.0",
                                             "lower.question.1", "lower.passage.embeddings",
                                             "lower.passage.0", "lower.passage.1", "upper.2",
                                             "logits.start", "logits.end"}));
  const auto question_rows = static_cast<std::int64_t>(trace.question_ids.size());
  const auto passage_rows = static_cast<std::int64_t>(trace.passage_ids.size());
  EXPECT_EQ(trace.tensors[0].shape, (std::vector<std::int64_t>{question_rows, 32}));
  EXPECT_EQ(trace.tensors[3].shape, (std::vector<std::int64_t>{passage_rows, 32}));
  EXPECT_EQ(trace.tensors[6].shape, (std::vector<std::int64_t>{question_rows + passage_rows, 32}));
  EXPECT_EQ(trace.tensors[7].shape, (std::vector<std::int64_t>{question_rows + passage_rows}));
}

TEST_F(TraceTest, IdsAreTakenAsTheyAre) {
  const auto model = load();
  // No [CLS] or [SEP] among them.
  const std::vector<std::int32_t> question{7, 8, 9};
  const std::vector<std::int32_t> passage{10, 11};
  const Trace trace = trace_ids(*model, question, passage);
  EXPECT_EQ(trace.question_ids, question);
  EXPECT_EQ(trace.passage_ids, passage);
}

// Layout `continue`: the passage's positions, so its embeddings, depend on the question's length.
TEST_F(TraceTest, PassagePositionsFollowTheLayout) {
  const auto embeddings = [](const Model& model, const char* question) {
    const Trace trace = trace_texts(model, question, "it was me");
    for (const TraceTensor& tensor : trace.tensors) {
      if (tensor.name == "lower.passage.embeddings") return tensor.values;
    }
    return std::vector<float>();
  };
  const auto restart = load();
  EXPECT_EQ(embeddings(*restart, "who?"), embeddings(*restart, "who was it?"));
  const auto ordinary = load({.ordinary = true});
  EXPECT_NE(embeddings(*ordinary, "who?"), embeddings(*ordinary, "who was it?"));
}

TEST_F(TraceTest, SaysWhenTheQuestionWasCut) {
  const auto model = load({.max_question_tokens = 3});
  EXPECT_FALSE(trace_texts(*model, "a b c", "d").question_cut);
  const Trace cut = trace_texts(*model, "a b c d", "d");
  EXPECT_TRUE(cut.question_cut);
  EXPECT_EQ(cut.question_ids.size(), 3u + 2);
}

TEST_F(TraceTest, RefusesAModelWithoutASpanHead) {
  const auto model = load({.span_head = false});
  expect_error(ErrorCode::kIncompatible, "model.safetensors: expected a model with a span head",
               [&] { (void)trace_texts(*model, "a", "b"); });
}

TEST_F(TraceTest, RefusesTextsAndIdsThatHoldNothing) {
  const auto model = load();
  expect_error(ErrorCode::kInvalidArgument, "question: expected at least one token",
               [&] { (void)trace_texts(*model, " ", "b"); });
  expect_error(ErrorCode::kInvalidArgument, "passage: expected at least one token",
               [&] { (void)trace_texts(*model, "a", ""); });
  expect_error(ErrorCode::kInvalidArgument, "window: expected less than the passage's 1, found 1",
               [&] { (void)trace_texts(*model, "a", "b", 1); });
  expect_error(ErrorCode::kInvalidArgument, "question ids: expected at least 2 ids", [&] {
    (void)trace_ids(*model, {}, std::vector<std::int32_t>{1, 2});
  });
}

TEST_F(TraceTest, SavesWhatItHolds) {
  const auto model = load();
  const Trace trace = trace_texts(*model, "who?", "it was me");
  save_trace(trace, directory / "trace.safetensors");
  const SafetensorsFile file = SafetensorsFile::open(directory / "trace.safetensors");
  EXPECT_EQ(file.tensors().size(), trace.tensors.size() + 2);
  for (const TraceTensor& tensor : trace.tensors) {
    const TensorView* const view = file.find(tensor.name);
    ASSERT_NE(view, nullptr) << tensor.name;
    EXPECT_EQ(view->shape, tensor.shape);
    const auto values = std::as_bytes(std::span(tensor.values));
    EXPECT_TRUE(std::equal(values.begin(), values.end(), view->bytes.begin(), view->bytes.end()));
  }
  ASSERT_NE(file.find("ids.passage"), nullptr);
  EXPECT_EQ(file.find("ids.passage")->dtype, Dtype::kI64);
}

}  // namespace
}  // namespace deformer
