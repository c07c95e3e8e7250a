#include "task/reading_engine.h"

#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "deformer/error.h"
#include "deformer/model.h"
#include "support/tiny_model.h"

namespace deformer {
namespace {

// Keeps which passage it was read with.
class Recorded : public Reading {
 public:
  Recorded(std::string question, Passage passage)
      : questions_{std::move(question)}, passages_{std::move(passage)} {}

  [[nodiscard]] std::string name() const override { return "recorded"; }
  [[nodiscard]] std::span<const std::string> questions() const override { return questions_; }
  [[nodiscard]] std::span<const Passage> passages() const override { return passages_; }
  [[nodiscard]] const RequestControl& control() const override { return control_; }
  [[nodiscard]] const SequenceLengths* lengths() const override { return &lengths_; }

  void take(const ReadPair& pair) override {
    read_with = pair.passage;
    windows = pair.windows.size();
  }
  void finish() override { ++finished; }
  void fail(const Error& error) override { ADD_FAILURE() << error.what(); }

  const ReadyPassage* read_with = nullptr;
  std::size_t windows = 0;
  std::size_t finished = 0;

 private:
  std::vector<std::string> questions_;
  std::vector<Passage> passages_;
  RequestControl control_;
  SequenceLengths lengths_{.sequence_tokens = 30, .overlap_tokens = 4};
};

// Memory runs short when it makes its result.
class FailsToFinish : public Recorded {
 public:
  using Recorded::Recorded;

  void finish() override { throw std::bad_alloc(); }
  void fail(const Error& error) override { errors.push_back(error.code()); }

  std::vector<ErrorCode> errors;
};

// A passage in windows of other lengths is a copy of its text: one for all who read it so.
TEST(ReadingEngine, QuestionsThatLeaveAsMuchRoomShareThePassage) {
  const auto model =
      Model::random(test::tiny_model_config({.split_layer = 0, .layout = Layout::kContinue}));
  std::string text;
  for (int i = 0; i < 60; ++i) text += std::to_string(i % 9) + " ";
  const Passage passage{"p", text};
  const auto first = std::make_shared<Recorded>("3 4", passage);
  const auto second = std::make_shared<Recorded>("5 6", passage);
  const auto longer = std::make_shared<Recorded>("5 6 7 8", passage);
  ReadingEngine engine(*model, nullptr, {});
  for (const auto& reading : {first, second, longer}) engine.add(reading);
  while (engine.run_batch()) {
  }
  ASSERT_NE(first->read_with, nullptr);
  EXPECT_EQ(first->read_with, second->read_with);
  EXPECT_EQ(first->windows, second->windows);
  EXPECT_GE(longer->windows, first->windows);
}

TEST(ReadingEngine, AReadingThatCannotFinishFailsAlone) {
  const auto model =
      Model::random(test::tiny_model_config({.split_layer = 0, .layout = Layout::kContinue}));
  const Passage passage{"p", "1 2 3 4 5 6"};
  const auto bad = std::make_shared<FailsToFinish>("3 4", passage);
  const auto good = std::make_shared<Recorded>("5 6", passage);
  ReadingEngine engine(*model, nullptr, {});
  engine.add(bad);
  engine.add(good);
  while (engine.run_batch()) {
  }
  EXPECT_EQ(bad->errors, std::vector{ErrorCode::kResourceExhausted});
  EXPECT_EQ(good->finished, 1U);
  EXPECT_EQ(engine.batches(), 1U);
  EXPECT_EQ(engine.under_way(), 0U);
  EXPECT_EQ(engine.finished(), 2U);
}

}  // namespace
}  // namespace deformer
