#include "task/batch_pipeline.h"

#include <gtest/gtest.h>

#include <string>

namespace deformer {
namespace {

// Stands for a result that a device is still computing, or that a CPU has computed.
struct FakeResult {
  bool there = false;
  [[nodiscard]] bool is_there() const { return there; }
};

class Pipeline : public testing::Test {
 protected:
  std::string finished_;
  BatchPipeline<char, FakeResult> pipeline_{
      [this](const char& batch, const FakeResult&) { finished_ += batch; }};
};

TEST_F(Pipeline, FinishesABatchWhenTheNextOneRuns) {
  pipeline_.push('a', {});
  EXPECT_EQ(finished_, "");
  pipeline_.push('b', {});
  EXPECT_EQ(finished_, "a");
  pipeline_.push('c', {});
  EXPECT_EQ(finished_, "ab");
  pipeline_.drain();
  EXPECT_EQ(finished_, "abc");
  pipeline_.drain();
  EXPECT_EQ(finished_, "abc");
}

TEST_F(Pipeline, FinishesAtOnceWhatIsThere) {
  pipeline_.push('a', {});
  pipeline_.push('b', {.there = true});
  EXPECT_EQ(finished_, "ab");
}

}  // namespace
}  // namespace deformer
