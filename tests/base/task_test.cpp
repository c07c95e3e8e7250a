#include "deformer/types.h"

#include <gtest/gtest.h>

namespace deformer {
namespace {

using Labels = std::vector<std::string>;

TEST(Task, KindsHaveNamesAndDefaults) {
  EXPECT_EQ(to_string(TaskKind::kSpan), "span");
  EXPECT_EQ(to_string(TaskKind::kClasses), "classes");
  EXPECT_EQ(to_string(TaskKind::kChoice), "choice");
  for (const TaskKind kind : {TaskKind::kSpan, TaskKind::kClasses, TaskKind::kChoice}) {
    EXPECT_EQ(default_task(kind).kind, kind);
    EXPECT_EQ(default_task(kind).name, to_string(kind));
  }
  EXPECT_EQ(Task{}.name, default_task(TaskKind::kSpan).name);
}

TEST(FindLabel, TakesTheSpellingBeforeWhatIsAlike) {
  const Labels labels{"Not Duplicate", "duplicate", "DUPLICATE"};
  EXPECT_EQ(find_label(labels, "DUPLICATE"), 2U);
  EXPECT_EQ(find_label(labels, "duplicate"), 1U);
  EXPECT_EQ(find_label(labels, "not_duplicate"), 0U);
  EXPECT_EQ(find_label(labels, "NOT-DUPLICATE"), 0U);
  EXPECT_FALSE(find_label(labels, "Duplicate").has_value()) << "either of two";
  EXPECT_FALSE(find_label(labels, "other").has_value());
  EXPECT_FALSE(find_label({}, "").has_value());
}

TEST(SameLabels, ComparesNamesInAnyOrder) {
  EXPECT_TRUE(same_labels(Labels{"a", "b c"}, Labels{"B-C", "A"}));
  EXPECT_FALSE(same_labels(Labels{"a", "b"}, Labels{"a"}));
  EXPECT_FALSE(same_labels(Labels{"a", "b"}, Labels{"a", "c"}));
  EXPECT_FALSE(same_labels(Labels{"a", "b"}, Labels{"a", "A"}));
}

}  // namespace
}  // namespace deformer
