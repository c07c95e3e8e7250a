// deformer classify, and deformer encode --task: random weights, so that scores say nothing, but
// the same numbers have to come out everywhere.
#include <cmath>

#include "cli/cli_fixture.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;

constexpr const char* kBoolq =
    R"({"question": "did the river rise", "passage": "The river rose in March.", "idx": 0, "label": true}
{"question": "was it cold", "passage": "The river rose in March.", "idx": 1, "label": false}
{"question": "is the king old", "passage": "The king was the first of many.", "idx": 2, "label": true}
)";
constexpr const char* kMnli =
    "neutral\tThe river rose .\tIt was March .\n"
    "entailment\tThe river rose .\tThe water rose .\n"
    "contradiction\tHe said \"no\" .\tHe said nothing .\n";
constexpr const char* kQqp =
    "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
    "5\t1\t2\tWho was king?\tWho was the king?\t1\n"
    "6\t3\t4\ttorn\n"
    "7\t5\t6\t\tWhat is it?\t0\n";

class Classify : public CliTest {
 protected:
  std::string write_task_model(const std::string& task, const std::string& architecture = "bert") {
    return write_model(task + architecture, {.architecture = architecture,
                                             .positions = 96,
                                             .max_question_tokens = 60,
                                             .task = task,
                                             .weight_scale = 0.15F});
  }

  std::string write_race() {
    std::filesystem::create_directories(path("race/middle"));
    std::filesystem::create_directories(path("race/high"));
    write("race/middle/1.txt", R"({"id": "middle1.txt", "article": "The king was old.",
      "questions": ["The king was _ .", "Who was old?"], "answers": ["B", "A"],
      "options": [["new", "old", "in", "a river"], ["the king", "a", "b", "c"]]})");
    write("race/high/2.txt", R"({"id": "high2.txt", "article": "It was March.",
      "questions": ["When?"], "answers": ["D"], "options": [["a", "b", "c", "March"]]})");
    return path("race");
  }

  // Predictions without a store, then from one, where every passage has to be.
  void expect_same_from_a_store(const std::string& model, const std::string& data,
                                std::size_t passages) {
    const std::string store =
        "lmdb:" + path("store-" + std::filesystem::path(model).filename().string());
    const Json report = Json::parse(run_ok(
        {"encode", "--model", model, "--store", store, "--data", data, "--json", "--quiet"}));
    EXPECT_EQ(report["encoded"], passages);
    static_cast<void>(run_ok(
        {"classify", "--model", model, "--data", data, "--output", path("direct"), "--quiet"}));
    static_cast<void>(run_ok({"classify", "--model", model, "--data", data, "--output",
                              path("stored"), "--store", store, "--require-store", "--quiet"}));
    const auto direct = json_lines(read(path("direct")));
    const auto stored = json_lines(read(path("stored")));
    ASSERT_FALSE(direct.empty());
    ASSERT_EQ(direct.size(), stored.size());
    for (std::size_t i = 0; i < direct.size(); ++i) {
      for (const auto& entry : direct[i]["probabilities"].items()) {
        EXPECT_NEAR(entry.value().get<double>(),
                    stored[i]["probabilities"][entry.key()].get<double>(), 1e-5);
      }
    }
  }
};

TEST_F(Classify, ScoresBoolqAndWritesItsPredictions) {
  const std::string model = write_task_model("boolq");
  const std::string data = write("val.jsonl", kBoolq);
  const Json report =
      Json::parse(run_ok({"classify", "--model", model, "--data", data, "--output", path("p.jsonl"),
                          "--submission", path("s.jsonl"), "--json"}));
  EXPECT_EQ(report["task"], "boolq");
  EXPECT_EQ(report["total"], 3);
  EXPECT_FALSE(report.contains("f1"));
  const auto lines = json_lines(read(path("p.jsonl")));
  const auto submitted = json_lines(read(path("s.jsonl")));
  ASSERT_EQ(lines.size(), 3U);
  ASSERT_EQ(submitted.size(), 3U);
  std::size_t correct = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i]["id"], i);
    EXPECT_EQ(lines[i]["gold"], i == 1 ? "false" : "true");
    const double sum = lines[i]["probabilities"]["false"].get<double>() +
                       lines[i]["probabilities"]["true"].get<double>();
    EXPECT_NEAR(sum, 1.0, 1e-12);
    const double margin =
        lines[i]["logits"]["true"].get<double>() - lines[i]["logits"]["false"].get<double>();
    EXPECT_NEAR(lines[i]["probabilities"]["true"].get<double>(), 1 / (1 + std::exp(-margin)), 1e-9);
    EXPECT_EQ(submitted[i]["idx"], i);
    EXPECT_EQ(submitted[i]["label"], lines[i]["label"]);
    correct += lines[i]["label"] == lines[i]["gold"] ? 1U : 0U;
  }
  EXPECT_EQ(report["correct"], correct);
  EXPECT_DOUBLE_EQ(report["accuracy"], 100.0 * static_cast<double>(correct) / 3);
  EXPECT_THAT(run_ok({"classify", "--model", model, "--data", data}),
              HasSubstr("all                    3"));
}

TEST_F(Classify, IdsComeBackAsTheyWereWritten) {
  const Json ids{7, "7", "dev-\"7\"", nullptr, -2};
  std::string lines;
  for (const Json& id : ids) {
    Json line{{"question", "was it cold"}, {"passage", "The river rose in March."}};
    if (!id.is_null()) line["idx"] = id;
    lines += line.dump() + "\n";
  }
  static_cast<void>(
      run_ok({"classify", "--model", write_task_model("boolq"), "--data", write("ids.jsonl", lines),
              "--output", path("p.jsonl"), "--submission", path("s.jsonl"), "--json"}));
  const auto written = json_lines(read(path("p.jsonl")));
  const auto submitted = json_lines(read(path("s.jsonl")));
  ASSERT_EQ(written.size(), ids.size());
  ASSERT_EQ(submitted.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Json expected = ids[i].is_null() ? Json(i) : ids[i];  // its place in the file
    EXPECT_EQ(written[i]["id"], expected);
    EXPECT_EQ(submitted[i]["idx"], expected);
  }
}

TEST_F(Classify, AnswersFromTheStoreEqualThoseWithoutIt) {
  expect_same_from_a_store(write_task_model("mnli"), write("dev.tsv", kMnli), 2);
  expect_same_from_a_store(write_task_model("race"), write_race(), 2);
  expect_same_from_a_store(write_task_model("boolq", "xlnet"), write("val.jsonl", kBoolq), 2);
  expect_same_from_a_store(write_task_model("qqp", "xlnet"), write("qqp.tsv", kQqp), 1);
}

TEST_F(Classify, QqpHasF1AndSaysWhatItSkipped) {
  const std::string model = write_task_model("qqp");
  const std::string data = write("qqp.tsv", kQqp);
  const Json report = Json::parse(run_ok(
      {"classify", "--model", model, "--data", data, "--submission", path("QQP.tsv"), "--json"}));
  EXPECT_EQ(report["total"], 2);
  EXPECT_EQ(report["skipped"], 1);
  EXPECT_TRUE(report.contains("f1"));
  EXPECT_THAT(read(path("QQP.tsv")),
              testing::MatchesRegex("index\tprediction\n5\t[01]\n7\t[01]\n"));
  EXPECT_THAT(run_ok({"classify", "--model", model, "--data", data}),
              HasSubstr("rows with too few columns, skipped: 1\n"));
}

TEST_F(Classify, RaceIsScoredByLevelToo) {
  const std::string model = write_task_model("race");
  const std::string data = write_race();
  const Json report = Json::parse(run_ok({"classify", "--model", model, "--data", data, "--json"}));
  EXPECT_EQ(report["total"], 3);
  EXPECT_EQ(report["middle_total"], 2);
  EXPECT_EQ(report["high_total"], 1);
  const auto lines = json_lines(run({"classify", "--model", model, "--data", data, "--output", "-",
                                     "--limit", "1", "--quiet"})
                                    .out);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["id"], "high2.txt-0");
  EXPECT_EQ(lines[0]["gold"], "D");
  EXPECT_EQ(lines[0]["probabilities"].size(), 4U);
  expect_failure(run({"classify", "--model", model, "--data", data, "--submission", path("x")}), 6,
                 "found race");
}

TEST_F(Classify, AFileWithoutLabelsGivesItsPredictionsOnStdout) {
  const std::string model = write_task_model("mnli");
  const std::string data =
      write("test.tsv", "index\tsentence1\tsentence2\n8\tThe river rose.\tIt was cold.\n");
  const auto lines = json_lines(run_ok({"classify", "--model", model, "--data", data}));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["id"], "8");
  EXPECT_FALSE(lines[0].contains("gold"));
  expect_failure(run({"classify", "--model", model, "--data", data, "--json"}), 2,
                 "--json: expected stdout for the score");
}

TEST_F(Classify, TwoTextsGiveOneAnswer) {
  const std::string model = write_task_model("mnli");
  const std::string data = write("one.tsv", "neutral\tThe river rose.\tIt was cold.\n");
  const auto from_file =
      json_lines(run({"classify", "--model", model, "--data", data, "--output", "-"}).out);
  const std::vector<std::string> pair{"classify",        "--model",  model,         "--first",
                                      "The river rose.", "--second", "It was cold."};
  auto json = pair;
  json.emplace_back("--json");
  const Json line = Json::parse(run_ok(json));
  EXPECT_EQ(line["label"], from_file.at(0)["label"]);
  EXPECT_EQ(line["probabilities"], from_file.at(0)["probabilities"]);
  EXPECT_THAT(run_ok(pair), testing::StartsWith(line["label"].get<std::string>() + "\n  "));
  const std::string race = write_task_model("race");
  const Json choice =
      Json::parse(run_ok({"classify", "--model", race, "--first", "Who was _ ?", "--second",
                          "The king was old.", "--choice", "old", "--choice", "new", "--json"}));
  EXPECT_EQ(choice["probabilities"].size(), 2U);
}

TEST_F(Classify, AnOrdinaryCheckpointNeedsTheTask) {
  const std::string model = write_model(
      "ordinary", {.positions = 160, .max_question_tokens = 60, .ordinary = true, .task = "boolq"});
  // Its class would say that it classifies.
  Json config = Json::parse(read(model + "/config.json"));
  config["architectures"] = {"BertModel"};
  write("ordinary/config.json", config.dump());
  const std::string data = write("val.jsonl", kBoolq);
  const Json report = Json::parse(
      run_ok({"classify", "--model", model, "--task", "boolq", "--data", data, "--json"}));
  EXPECT_EQ(report["total"], 3);
  expect_failure(run({"classify", "--model", model, "--data", data}), 2,
                 "expected --task boolq, mnli, qqp or race");
}

TEST_F(Classify, ContradictionsAreNamed) {
  const std::string model = write_task_model("boolq");
  const std::string data = write("val.jsonl", kBoolq);
  expect_failure(run({"classify", "--model", model}), 2,
                 "expected --data, or --first and --second");
  expect_failure(run({"classify", "--model", model, "--task", "mnli", "--data", data}), 5,
                 "id2label: expected the task's 3 classes, found 2");
  expect_failure(run({"classify", "--model", model, "--task", "sts", "--data", data}), 2,
                 "expected span, classes, choice, boolq, mnli, qqp or race, found \"sts\"");
  expect_failure(run({"classify", "--model", model, "--data", path("absent")}), 3, "absent");
  expect_failure(run({"classify", "--model", model, "--data", write("empty", "")}), 2,
                 "expected at least one example");
  expect_failure(run({"classify", "--model", model, "--data", write("bad", "{}")}), 4,
                 "bad: line 1: expected a key \"question\"");
  expect_failure(run({"classify", "--model", model, "--first", "a"}), 2, "--second");
  expect_failure(
      run({"classify", "--model", model, "--first", "a", "--second", "b", "--choice", "c"}), 2,
      "--choice: expected it with task race");
  expect_failure(
      run({"answer", "--model", model, "--squad", write_json("squad.json", small_squad())}), 5,
      "expected a model for span questions, found one for classes");
  EXPECT_EQ(listing(),
            (std::set<std::string>{"bad", "boolqbert", "empty", "squad.json", "val.jsonl"}));
}

TEST_F(Classify, InspectTellsTheTask) {
  const std::string model = write_task_model("mnli");
  EXPECT_THAT(run_ok({"inspect", model}),
              HasSubstr("classes: entailment, neutral, contradiction; the passage stands first"));
  const Json report = Json::parse(run_ok({"inspect", model, "--json"}));
  EXPECT_EQ(report["config"]["task"], "classes");
  EXPECT_EQ(report["config"]["labels"],
            Json::parse(R"(["entailment", "neutral", "contradiction"])"));
  EXPECT_EQ(report["config"]["passage_place"], "first");
}

constexpr const char* kOwn =
    R"({"id": "a", "question": "was it cold", "passage": "The river rose in March.", "label": "not said"}
{"question": "did the river rise", "passage": "The river rose in March.", "label": "YES"}
{"id": 9, "question": "is the king old", "passage": "The king was the first of many."}
)";

class OwnLabels : public Classify {
 protected:
  OwnLabels()
      : model_(write_model("own", {.positions = 96,
                                   .max_question_tokens = 60,
                                   .task = "classes",
                                   .labels = {"Yes", "No", "Not said"},
                                   .weight_scale = 0.15F})) {}

  std::string model_;
};

TEST_F(OwnLabels, AreClassifiedWithoutNamingADataSet) {
  const std::string data = write("own.jsonl", kOwn);
  const Json report = Json::parse(run_ok({"classify", "--model", model_, "--data", data, "--output",
                                          path("p.jsonl"), "--json", "--quiet"}));
  EXPECT_EQ(report["task"], "classes");
  EXPECT_EQ(report["total"], 2);
  EXPECT_EQ(report["unlabelled"], 1);
  const auto lines = json_lines(read(path("p.jsonl")));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0]["id"], "a");
  EXPECT_EQ(lines[0]["gold"], "Not said") << "in the model's spelling";
  EXPECT_EQ(lines[1]["gold"], "Yes");
  EXPECT_EQ(lines[2]["id"], 9);
  EXPECT_FALSE(lines[2].contains("gold"));
  const Json line = Json::parse(run_ok({"classify", "--model", model_, "--first", "was it cold",
                                        "--second", "The river rose in March.", "--json"}));
  EXPECT_EQ(line["label"], lines[0]["label"]);
  EXPECT_NEAR(line["probabilities"]["Yes"].get<double>(),
              lines[0]["probabilities"]["Yes"].get<double>(), 1e-5);
  EXPECT_THAT(run_ok({"inspect", model_}), HasSubstr("classes: Yes, No, Not said"));
  expect_failure(run({"classify", "--model", model_, "--data", data, "--submission", path("s")}), 6,
                 "--submission: expected boolq, mnli or qqp, found classes");
  expect_failure(
      run({"classify", "--model", model_, "--data",
           write("bad.jsonl", R"({"question": "", "passage": "", "label": "maybe"})")}),
      2,
      R"(bad.jsonl: data (classes): example "0": expected labels among Yes, No, Not said, found)");
}

TEST_F(OwnLabels, GiveTheSameFromAStore) {
  expect_same_from_a_store(model_, write("own.jsonl", kOwn), 2);
}

TEST_F(OwnLabels, OfAnOrdinaryCheckpointNeedNoTask) {
  const std::string model = write_model("plain", {.positions = 160,
                                                  .max_question_tokens = 60,
                                                  .ordinary = true,
                                                  .task = "classes",
                                                  .labels = {"Yes", "No", "Not said"}});
  EXPECT_EQ(Json::parse(run_ok({"classify", "--model", model, "--data", write("own.jsonl", kOwn),
                                "--json", "--quiet"}))["total"],
            2);
}

TEST_F(OwnLabels, AreScoredByEvaluate) {
  const std::string data = write("own.jsonl", kOwn);
  const auto scores = [&](const char* verb) {
    Json report =
        Json::parse(run_ok({verb, "--model", model_, "--data", data, "--json", "--quiet"}));
    for (const char* key : {"seconds", "ms_per_example", "peak_rss_bytes"}) report.erase(key);
    return report;
  };
  EXPECT_EQ(scores("evaluate"), scores("classify"));
  expect_failure(run({"evaluate", "--model", model_, "--data", data, "--limit", "0"}), 2,
                 "--limit");
  expect_failure(run({"evaluate", "--model", model_, "--data",
                      write("none.jsonl", R"({"question": "q", "passage": "p"})")}),
                 2,
                 "none.jsonl: expected gold labels to compare with, found 1 examples without one");
  expect_failure(run({"evaluate", "--model", model_, "--data", data, "--no-answer"}), 2,
                 "--no-answer");
  expect_failure(run({"evaluate", "--data", data}), 2, "--model");
  expect_failure(run({"evaluate", "--model", model_}), 2,
                 "evaluate: expected --squad or --data, found neither");
}

TEST_F(Classify, ChoicesOfOnesOwnMayBeMoreThanTheAlphabet) {
  const std::string model = write_task_model("choice");
  Json line;
  line["id"] = "q";
  line["question"] = "It was _ .";
  line["passage"] = "The river rose in March.";
  line["options"] = std::vector<std::string>(30, "old");
  line["answer"] = 28;
  const std::string data = write_json("many.jsonl", line);
  const auto lines = json_lines(
      run_ok({"classify", "--model", model, "--data", data, "--output", "-", "--quiet"}));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["gold"], "28");
  EXPECT_EQ(lines[0]["probabilities"].size(), 30U);
  line["options"] = {"old", "new"};
  line["answer"] = "B";
  EXPECT_EQ(Json::parse(run_ok({"classify", "--model", model, "--data",
                                write_json("two.jsonl", line), "--json", "--quiet"}))["task"],
            "choice");
}

// Files of MNLI's labels are told apart by their form.
TEST_F(Classify, LinesOfADataSetsLabelsAreRead) {
  const std::string model = write_task_model("mnli");
  const std::string data =
      write("nli.jsonl",
            R"({"question": "It was cold.", "passage": "The river rose.", "label": "Neutral"})");
  const auto from_lines =
      json_lines(run({"classify", "--model", model, "--data", data, "--output", "-"}).out);
  const auto from_table = json_lines(
      run({"classify", "--model", model, "--data",
           write("nli.tsv", "neutral\tThe river rose.\tIt was cold.\n"), "--output", "-"})
          .out);
  EXPECT_EQ(from_lines.at(0), from_table.at(0));
}

}  // namespace
}  // namespace deformer::test
