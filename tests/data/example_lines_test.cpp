// JSON Lines of one's own, with classes or with choices.
#include <gtest/gtest.h>

#include <string>

#include "base/file.h"
#include "base/json.h"
#include "deformer/known_datasets.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

using Texts = std::vector<std::string>;

class ExampleLines : public testing::Test {
 protected:
  Dataset load(const std::string& name, const std::string& text) {
    write_file(directory_ / "data", text);
    return known_dataset(name).load(directory_ / "data");
  }

  void expect_refused(const std::string& name, const std::string& text,
                      const std::string& message) {
    test::expect_error(ErrorCode::kCorrupt, "data: " + message, [&] { (void)load(name, text); });
  }

  test::TempDir directory_;
};

TEST_F(ExampleLines, ReadsAnybodysLabels) {
  const Dataset data =
      load("classes", R"({"id": "a", "question": "q", "passage": "p", "label": "hot"}

{"question": "", "passage": "r", "label": "cold"}
{"id": 7, "question": "s", "passage": "p", "label": "hot", "more": []}
{"question": "t", "passage": "p", "label": null}
)");
  EXPECT_EQ(data.name, "classes");
  EXPECT_EQ(data.kind, TaskKind::kClasses);
  EXPECT_EQ(data.labels, (Texts{"hot", "cold"}));
  ASSERT_EQ(data.examples.size(), 4U);
  EXPECT_EQ(data.passages.size(), 2U);
  EXPECT_EQ(data.examples[0].id, "a");
  EXPECT_EQ(data.examples[1].id, "1");
  EXPECT_EQ(data.examples[2].id, "7");
  EXPECT_EQ(data.examples[2].label(), 0);
  EXPECT_EQ(data.examples[1].label(), 1);
  EXPECT_FALSE(data.examples[3].label().has_value());
}

TEST_F(ExampleLines, ALabelsTextCounts) {
  const Dataset data = load("classes", R"({"question": "q", "passage": "p", "label": true}
{"question": "q", "passage": "p", "label": "true"}
{"question": "q", "passage": "p", "label": 3})");
  EXPECT_EQ(data.labels, (Texts{"true", "3"}));
  EXPECT_EQ(data.examples.at(1).label(), 0);
}

TEST_F(ExampleLines, BadClassesAreNamed) {
  expect_refused("classes", R"({"question": "q"})", "line 1: expected a key \"passage\"");
  expect_refused("classes", "\n{\"passage\": \"p\"}", "line 2: expected a key \"question\"");
  expect_refused("classes", R"({"question": "q", "passage": "p", "label": 0.5})",
                 "line 1: label: expected a string, found a number");
  expect_refused("classes", R"({"question": "q", "passage": "p", "label": ""})",
                 "line 1: label: expected a label, found an empty text");
  expect_refused("classes", "{", "line 1, column");
}

TEST_F(ExampleLines, ReadsChoices) {
  const Dataset data = load(
      "choice",
      R"({"id": "a", "question": "It is _ .", "options": ["x", "y"], "passage": "p", "answer": 1}
{"question": "Who?", "choices": ["x", "y", "z"], "passage": "p", "answer": "C"}
{"question": "Who?", "options": ["x", "y"], "passage": "p"})");
  EXPECT_EQ(data.kind, TaskKind::kChoice);
  ASSERT_EQ(data.examples.size(), 3U);
  EXPECT_EQ(data.examples[0].questions, (Texts{"It is x .", "It is y ."}));
  EXPECT_EQ(data.examples[0].label(), 1);
  EXPECT_EQ(data.examples[1].questions, (Texts{"Who? x", "Who? y", "Who? z"}));
  EXPECT_EQ(data.examples[1].label(), 2);
  EXPECT_FALSE(data.examples[2].label().has_value());
}

TEST_F(ExampleLines, MoreOptionsThanLettersAreNumbered) {
  nlohmann::json line{{"question", "q"}, {"passage", "p"}, {"answer", 29}};
  line["options"] = Texts(30, "o");
  EXPECT_EQ(load("choice", line.dump()).examples.at(0).label(), 29);
  line["answer"] = "Z";
  EXPECT_EQ(load("choice", line.dump()).examples.at(0).label(), 25);
  line["answer"] = "[";
  expect_refused("choice", line.dump(),
                 "line 1: answer: expected an option's letter, or its number from 0 to 29, found");
}

TEST_F(ExampleLines, BadChoicesAreNamed) {
  const auto line = [](const std::string& rest) {
    return R"({"question": "q", "passage": "p", )" + rest + "}";
  };
  expect_refused("choice", line(R"("label": 1)"), "line 1: expected a key \"options\"");
  expect_refused("choice", line(R"("options": ["x"])"),
                 "line 1: options: expected at least two options, found 1");
  expect_refused("choice", line(R"("options": ["x", "y"], "answer": 2)"),
                 "line 1: answer: expected an option's number from 0 to 1, found 2");
  expect_refused("choice", line(R"("options": ["x", "y"], "answer": "C")"),
                 "line 1: answer: expected an option's letter, or its number from 0 to 1");
  expect_refused("choice", line(R"("options": ["x", "y"], "answer": "")"),
                 "line 1: answer: expected an option's letter");
  const std::string blanks(2'000, '_');
  const std::string option(2'000, 'x');
  expect_refused(
      "choice",
      R"({"question": ")" + blanks + R"(", "passage": "p", "options": [")" + option + R"(", "y"]})",
      "line 1: expected a question of at most 1048576 bytes with the option in it");
}

}  // namespace
}  // namespace deformer
