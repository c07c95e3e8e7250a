#include "deformer/known_datasets.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

using Labels = std::vector<std::string>;

TEST(KnownDatasets, AreFoundByName) {
  for (const KnownDataset& known : known_datasets()) {
    EXPECT_EQ(find_dataset(known.task.name), &known);
  }
  EXPECT_EQ(find_dataset("span"), find_dataset("squad"));
  EXPECT_EQ(parse_task("mnli").kind, TaskKind::kClasses);
  EXPECT_EQ(parse_task("span").name, "span");
  EXPECT_EQ(find_dataset("sts"), nullptr);
  test::expect_error(
      ErrorCode::kInvalidArgument,
      "task: expected span, classes, choice, boolq, mnli, qqp or race, found \"sts\"",
      [] { (void)parse_task("sts"); });
}

// The ClassLabel features of Hugging Face's super_glue and glue data sets.
TEST(KnownDatasets, ClassesStandInHuggingFacesOrder) {
  EXPECT_EQ(parse_task("boolq").labels, (Labels{"false", "true"}));
  EXPECT_EQ(parse_task("mnli").labels, (Labels{"entailment", "neutral", "contradiction"}));
  EXPECT_EQ(parse_task("qqp").labels, (Labels{"not_duplicate", "duplicate"}));
  EXPECT_TRUE(parse_task("span").labels.empty());
  EXPECT_TRUE(parse_task("race").labels.empty());
}

TEST(KnownDatasets, OnlyQqpIsJudgedByF1Too) {
  for (const KnownDataset& known : known_datasets()) {
    EXPECT_EQ(known.positive_label.has_value(), known.task.name == "qqp") << known.task.name;
  }
  EXPECT_EQ(known_dataset("qqp").positive_label, 1);
}

TEST(GuessDataset, GoesByLabelsAndByTheFormOfTheFile) {
  const test::TempDir dir;
  write_file(dir / "lines", " {\"question\": \"q\"}\n");
  write_file(dir / "table", "neutral\tp\th\n");
  write_file(dir / "article.txt", "{}");
  const auto guess = [&](const char* file, TaskKind kind, const Labels& labels) {
    return guess_dataset(dir / file, kind, labels).task.name;
  };
  const Labels mnli{"CONTRADICTION", "neutral", "Entailment"};
  EXPECT_EQ(guess("table", TaskKind::kClasses, mnli), "mnli");
  EXPECT_EQ(guess("absent", TaskKind::kClasses, mnli), "mnli");
  EXPECT_EQ(guess("lines", TaskKind::kClasses, mnli), "classes");
  EXPECT_EQ(guess("lines", TaskKind::kClasses, {"true", "false"}), "boolq");
  EXPECT_EQ(guess("lines", TaskKind::kClasses, {"hot", "cold"}), "classes");
  EXPECT_EQ(guess("table", TaskKind::kClasses, {"duplicate", "not duplicate"}), "qqp");
  EXPECT_EQ(guess("", TaskKind::kChoice, {}), "race") << "a directory";
  EXPECT_EQ(guess("article.txt", TaskKind::kChoice, {}), "race");
  EXPECT_EQ(guess("lines", TaskKind::kChoice, {}), "choice");
  EXPECT_EQ(guess("lines", TaskKind::kSpan, {}), "squad");
}

// Whoever looks takes what is to be read.
TEST(GuessDataset, LooksIntoNoPipe) {
  const test::TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  test::expect_error(ErrorCode::kInvalidArgument, "pipe: expected a file whose form", [&] {
    (void)guess_dataset(dir / "pipe", TaskKind::kClasses, {"true", "false"});
  });
  const Labels of_nobody{"hot", "cold"};
  EXPECT_EQ(guess_dataset(dir / "pipe", TaskKind::kClasses, of_nobody).task.name, "classes");
}

TEST(GuessDataset, AByteOrderMarkIsNoForm) {
  const test::TempDir dir;
  write_file(dir / "lines", "\xEF\xBB\xBF{\"question\": \"q\"}\n");
  EXPECT_EQ(guess_dataset(dir / "lines", TaskKind::kClasses, {"true", "false"}).task.name, "boolq");
}

}  // namespace
}  // namespace deformer
