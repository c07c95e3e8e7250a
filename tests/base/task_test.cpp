#include "deformer/task.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace deformer {
namespace {

TEST(Task, NamesParseBack) {
  for (const Task task : {Task::kSpan, Task::kBoolq, Task::kMnli, Task::kQqp, Task::kRace}) {
    EXPECT_EQ(parse_task(to_string(task)), task);
  }
  test::expect_error(ErrorCode::kInvalidArgument,
                     "task: expected span, boolq, mnli, qqp or race, found \"sts\"",
                     [] { (void)parse_task("sts"); });
}

// The ClassLabel features of Hugging Face's super_glue and glue data sets.
TEST(Task, ClassesStandInHuggingFacesOrder) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(class_names(Task::kBoolq), (Names{"false", "true"}));
  EXPECT_EQ(class_names(Task::kMnli), (Names{"entailment", "neutral", "contradiction"}));
  EXPECT_EQ(class_names(Task::kQqp), (Names{"not_duplicate", "duplicate"}));
  EXPECT_TRUE(class_names(Task::kSpan).empty());
  EXPECT_TRUE(class_names(Task::kRace).empty());
}

}  // namespace
}  // namespace deformer
