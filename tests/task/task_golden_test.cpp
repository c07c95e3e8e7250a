// Classes and choices against Hugging Face and a composition in PyTorch
// (scripts/golden/make_golden_tasks.py): texts in, logits out.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "architecture/config.h"
#include "architecture/segment_layout.h"
#include "base/file.h"
#include "base/json.h"
#include "deformer/error.h"
#include "deformer/known_datasets.h"
#include "deformer/model.h"
#include "deformer/multiple_choice.h"
#include "deformer/pair_classifier.h"
#include "deformer/passage_encoder.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

constexpr double kTolerance = 1e-5;

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests/golden" / name;
}

// Of the models directory that has the case's tokenizer.
std::vector<std::string> tokenizer_files(const std::string& architecture) {
  if (architecture == "bert") return {"bert-split/vocab.txt"};
  if (architecture == "xlnet") return {"xlnet-joint/spiece.model"};
  const std::string directory = architecture + "-joint/";
  if (architecture == "roberta") {
    return {directory + "vocab.json", directory + "merges.txt",
            directory + "tokenizer_config.json"};
  }
  if (architecture == "xlmr") {
    return {directory + "sentencepiece.bpe.model", directory + "tokenizer_config.json"};
  }
  if (architecture == "albert") {
    return {directory + "spiece.model", directory + "tokenizer_config.json"};
  }
  if (architecture == "deberta-v3") {
    return {directory + "spm.model", directory + "tokenizer_config.json"};
  }
  return {directory + "vocab.txt", directory + "tokenizer_config.json"};
}

// Google Test prints a case by its name.
struct GoldenCase {
  nlohmann::json entry;

  friend void PrintTo(const GoldenCase& golden, std::ostream* out) {
    *out << golden.entry.at("name").get<std::string>();
  }
};

class TaskGolden : public testing::TestWithParam<GoldenCase> {
 protected:
  TaskGolden() : entry_(GetParam().entry), task_(parse_task(entry_.at("task").get<std::string>())) {
    const std::string weights = "tasks/" + entry_.at("model").get<std::string>() + ".safetensors";
    std::filesystem::copy_file(golden(weights), dir_ / "model.safetensors");
    for (const std::string& name : tokenizer_files(entry_.at("architecture"))) {
      const std::filesystem::path file = golden("models/" + name);
      std::filesystem::copy_file(file, dir_ / file.filename());
    }
    write_file(dir_ / "config.json", entry_.at("config").dump());
    model_ = Model::load(dir_.path(), {.task = task_});
    passage_.text = entry_.at("passage");
    if (!passage_.text.empty()) passage_.id = "passage";
  }

  [[nodiscard]] std::vector<double> logits(const Passage& passage,
                                           const std::shared_ptr<PassageStore>& store) const {
    const auto questions = entry_.at("questions").get<std::vector<std::string>>();
    if (task_.kind == TaskKind::kChoice) {
      const ChoiceRequest request{.id = "r", .choices = questions, .passage = passage};
      return MultipleChoice(model_, store).choose({&request, 1}).front().logits;
    }
    const PairRequest request{.id = "r", .question = questions.front(), .passage = passage};
    const PairClassifier classifier(model_, store);
    const std::vector<double> by_output = classifier.classify({&request, 1}).front().logits;
    std::vector<double> by_label;
    for (const std::string& label : task_.labels) {
      by_label.push_back(by_output.at(find_label(classifier.labels(), label).value()));
    }
    return by_label;
  }

  void expect_golden(const std::vector<double>& found) const {
    const auto expected = entry_.at("logits").get<std::vector<double>>();
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(found[i], expected[i], kTolerance) << i;
    }
  }

  const nlohmann::json& entry_;
  Task task_;
  test::TempDir dir_;
  std::shared_ptr<const Model> model_;
  Passage passage_;
};

TEST_P(TaskGolden, LogitsEqualThoseOfPyTorch) {
  expect_golden(logits(passage_, nullptr));
}

TEST_P(TaskGolden, LogitsFromTheStoreEqualThoseOfPyTorch) {
  const auto store = open_passage_store("memory:", model_->fingerprint());
  const PassageEncoder encoder(model_, store);
  if (!model_->can_store_passages()) {
    test::expect_error(ErrorCode::kUnsupported, "layout \"continue\"", [&] {
      static_cast<void>(encoder.encode({&passage_, 1}));
    });
    return;
  }
  // A blank passage is not stored, and found all the same.
  if (!passage_.text.empty()) static_cast<void>(encoder.encode({&passage_, 1}));
  expect_golden(logits({.id = passage_.id, .text = ""}, store));
}

std::vector<GoldenCase> all_cases() {
  std::vector<GoldenCase> cases;
  for (const char* file :
       {"tasks/cases.json", "tasks/mpnet_cases.json", "tasks/roberta_cases.json",
        "tasks/xlmr_cases.json", "tasks/distilbert_cases.json", "tasks/electra_cases.json",
        "tasks/albert_cases.json", "tasks/deberta-v3_cases.json"}) {
    const nlohmann::json document = load_json(golden(file));
    for (const auto& entry : document.at("cases")) cases.push_back({entry});
  }
  return cases;
}

// What stores were made with before kinds took the place of data sets' names in config.json.
TEST_P(TaskGolden, FingerprintsOfOlderFilesStay) {
  static const std::map<std::string, std::string> kFingerprints{
      {"bert-pair2-8", "c105d27606588779c65e99dcb68e66ad"},
      {"bert-pair3-9", "2c2ae8011ce1c99ea520be6c61ca3b94"},
      {"bert-pair2-12", "d3939477547b9f9d35d256d12c7a6003"},
      {"bert-choice-15", "7cf982b16c2a8d617ea56b21f2befb81"},
      {"xlnet-pair3-5", "879846cafbb80a339b640d1ad14419de"},
      {"xlnet-pair2-7", "3a2d3148ced67f393e8218ca366b6dd5"},
      {"xlnet-pair2-8", "fd1a7332e8fc360c1df6a7186f0067ee"},
      {"xlnet-choice-14", "2a7651226985a6b6e3e76acc8ff69d01"},
      {"mpnet-pair3-9", "36c5910a12457c5c096221a08bf0bb00"},
      {"roberta-choice-15", "b81ab13c19bbff48dcbe50d478cf647f"}};
  const auto known = kFingerprints.find(entry_.at("name").get<std::string>());
  if (known == kFingerprints.end()) return;
  EXPECT_EQ(to_string(model_->fingerprint()), known->second);
  // The same without being asked for a data set, and as it is written now.
  EXPECT_EQ(to_string(Model::load(dir_.path())->fingerprint()), known->second);
  save_model_config(model_->config(), dir_.path());
  EXPECT_EQ(to_string(Model::load(dir_.path())->fingerprint()), known->second);
}

INSTANTIATE_TEST_SUITE_P(Cases, TaskGolden, testing::ValuesIn(all_cases()),
                         [](const testing::TestParamInfo<GoldenCase>& golden_case) {
                           std::string name = golden_case.param.entry.at("name");
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace deformer
