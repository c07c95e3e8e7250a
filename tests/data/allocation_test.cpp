// Every allocation of each reader fails in turn: an Error each time.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>

#include "base/file.h"
#include "deformer/known_datasets.h"
#include "deformer/predictions.h"
#include "deformer/squad.h"
#include "deformer/tokenizer.h"
#include "support/failing_allocator.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

const std::string kPassage =
    "The river rose in March, and the people of the town moved their animals to the old mill on "
    "the hill before the water came.";

class ReaderAllocations : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path write(const std::string& name,
                                            const std::string& text) const {
    write_file(directory_ / name, text);
    return directory_ / name;
  }

  static void expect_errors(const std::function<void()>& read, std::size_t least_bytes = 0) {
    std::size_t number = 1;
    EXPECT_NO_THROW({
      while (!test::ends_before_allocation(number, read, least_bytes)) ++number;
    });
    EXPECT_GT(number, 5U);
  }

  static void expect_errors_of(const char* dataset, const std::filesystem::path& path,
                               std::size_t least_bytes = 0) {
    const KnownDataset& known = known_dataset(dataset);
    expect_errors([&] { (void)known.load(path); }, least_bytes);
  }

  // nlohmann's documents ask for a little memory while they are destroyed, and end the process
  // where there is none.
  static constexpr std::size_t kNotOfJson = 100;

  const test::TempDir directory_;
};

TEST_F(ReaderAllocations, OfSquadFiles) {
  const auto path = write("squad.json", R"({"data": [{"paragraphs": [{"context": ")" + kPassage +
                                            R"(", "qas": [{"id": "q", "question": "When?",
      "answers": [{"text": "March", "answer_start": 18}]}]}]}]})");
  expect_errors([&] { (void)load_squad(path); }, kNotOfJson);
  expect_errors_of("squad", path, kNotOfJson);
}

TEST_F(ReaderAllocations, OfPairs) {
  const std::string pair = R"({"question": "was it cold", "passage": ")" + kPassage + "\"";
  const auto lines = write("pairs.jsonl", pair + R"(, "label": "yes"})");
  expect_errors_of("classes", lines, kNotOfJson);
  const auto boolq = write("boolq.jsonl", pair + R"(, "label": true})");
  expect_errors_of("boolq", boolq, kNotOfJson);
  const auto mnli = write("mnli.tsv", "neutral\tThe river rose .\tIt was March and cold .\n");
  expect_errors_of("mnli", mnli);
}

TEST_F(ReaderAllocations, OfPredictions) {
  const auto path =
      write("predictions.json", R"({"an id of some length": "an answer of some length"})");
  expect_errors([&] { (void)load_predictions(path); });
  const auto scores = write("scores.json", R"({"an id of some length": 1.5})");
  expect_errors([&] { (void)load_no_answer_scores(scores); });
}

TEST_F(ReaderAllocations, OfTokenizers) {
  (void)write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\nriver\n##s\n");
  expect_errors([&] { (void)load_tokenizer(directory_.path()); });
}

}  // namespace
}  // namespace deformer
