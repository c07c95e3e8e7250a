// Losses and gradients against an independent PyTorch computation
// (scripts/golden/make_golden_training.py).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "architecture/bert_layout.h"
#include "base/json.h"
#include "format/safetensors.h"
#include "train/training_model.h"
#include "train/training_pass.h"

namespace deformer {
namespace {

// Of values near 1; the expected ones are rounded to fp32 once, ours at every operation.
constexpr double kTolerance = 1e-5;

// One of the directories of goldens, and what of it depends on the architecture.
struct GoldenSet {
  const char* directory;
  std::int32_t first_position;
  std::int32_t passage_type = 1;

  [[nodiscard]] std::filesystem::path path() const {
    return std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests/golden" / directory;
  }
};
constexpr GoldenSet kBertSet{"training", 0};
constexpr GoldenSet kMpnetSet{"training-mpnet", kMpnetFrame.first_position};
constexpr GoldenSet kRobertaSet{"training-roberta", kRobertaFrame.first_position, 0};
constexpr GoldenSet kDistilBertSet{"training-distilbert", 0};
constexpr GoldenSet kElectraSet{"training-electra", 0};
constexpr GoldenSet kAlbertSet{"training-albert", 0};
constexpr GoldenSet kDebertaSet{"training-deberta-v3", 0};

Segment segment(const nlohmann::json& ids, SegmentRole role, const GoldenSet& set) {
  Segment segment{.role = role,
                  .ids = ids.get<std::vector<std::int32_t>>(),
                  .type_id = role == SegmentRole::kPassage ? set.passage_type : 0};
  for (std::size_t i = 0; i < segment.ids.size(); ++i) {
    segment.positions.push_back(set.first_position + static_cast<std::int32_t>(i));
  }
  return segment;
}

PassBatch batch_of(const nlohmann::json& golden, const GoldenSet& set) {
  PassBatch batch;
  batch.targets.resize(2);
  batch.no_answer = golden.at("no_answer_candidate");
  for (const auto& ids : golden.at("questions")) {
    batch.questions.push_back(segment(ids, SegmentRole::kQuestion, set));
  }
  for (const auto& ids : golden.at("windows")) {
    batch.windows.push_back(segment(ids, SegmentRole::kPassage, set));
  }
  for (const auto& pair : golden.at("pairs")) {
    batch.pairs.push_back({.question = pair.at("question"), .passage = pair.at("window")});
    const auto window = static_cast<std::size_t>(batch.pairs.back().passage);
    const std::int64_t tokens = std::ssize(batch.windows[window].ids) - 1;
    batch.passage_tokens.push_back(tokens);
    const auto& answer = pair.at("answer");
    for (std::size_t end = 0; end < 2; ++end) {
      batch.targets[end].push_back(answer.is_null() ? tokens : answer[end].get<std::int64_t>());
    }
  }
  return batch;
}

struct Golden {
  explicit Golden(const GoldenSet& golden_set) : set(golden_set) {}

  GoldenSet set;
  nlohmann::json document = load_json(set.path() / "cases.json");
  SafetensorsFile expected = SafetensorsFile::open(set.path() / "expected.safetensors");
};

struct GoldenCase {
  GoldenSet set;
  std::size_t number;

  friend void PrintTo(const GoldenCase& golden, std::ostream* out) {
    *out << golden.set.directory << ' ' << golden.number;
  }
};

// One case: runs the pass with one loss weighted and compares value and gradients.
class GoldenTraining : public testing::TestWithParam<GoldenCase> {
 protected:
  GoldenTraining()
      : golden_(GetParam().set), case_(golden_.document.at("cases").at(GetParam().number)) {}

  [[nodiscard]] TrainingModel load(const std::string& name, int split_layer, bool trainable) const {
    return load_training_model(
        golden_.set.path() / name,
        {.split_layers = {split_layer}, .trainable = trainable, .train_distance_bias = true});
  }

  void expect_loss(const std::string& loss) {
    const int split_layer = case_.at("split_layer");
    const TrainingModel student = load(case_.at("student"), split_layer, true);
    const TrainingModel teacher = load("teacher", 0, false);
    PassOptions options{.temperature = golden_.document.at("temperature")};
    options.weights = {.task = 0, .kd = 0, .lrs = 0};
    if (loss == "kd") options.weights.kd = 1;
    if (loss.starts_with("lrs")) options.weights.lrs = 1;
    options.lrs_scale = loss == "lrs_normalised" ? LrsScale::kTeacher : LrsScale::kRaw;
    const ModelView view{*teacher.encoder, *teacher.head};
    const PassBatch batch = batch_of(case_, golden_.set);
    // From layer 0 on, as for several splits that share a target.
    const std::optional<PassStates> target = run_teacher(view, 0, batch, options);
    const PassLosses losses = run_pass({*student.encoder, *student.head},
                                       target ? &*target : nullptr, split_layer, batch, options);
    const LossTerm& term = loss == "task" ? losses.task : loss == "kd" ? *losses.kd : *losses.lrs;
    const at::Tensor mean = term.sum / term.count;
    const double expected = case_.at("values").at(loss);
    EXPECT_NEAR(mean.item<double>(), expected, kTolerance * std::max(1.0, expected));
    mean.backward();
    expect_gradients(student, case_.at("name").get<std::string>() + "." + loss + ".");
  }

  void expect_gradients(const TrainingModel& student, const std::string& prefix) {
    for (const Parameter& parameter : student.parameters()) {
      const at::Tensor gradient = parameter.value.grad().defined()
                                      ? parameter.value.grad()
                                      : at::zeros_like(parameter.value.detach());
      const auto parts = gradient.chunk(static_cast<std::int64_t>(parameter.names.size()), 0);
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const TensorView* view = golden_.expected.find(prefix + parameter.names[i]);
        ASSERT_NE(view, nullptr) << prefix + parameter.names[i];
        at::Tensor expected = at::empty(view->shape, at::kFloat);
        std::memcpy(expected.data_ptr(), view->bytes.data(), view->bytes.size());
        const double scale = std::max(1.0, expected.abs().max().item<double>());
        EXPECT_LE((parts[i] - expected).abs().max().item<double>(), kTolerance * scale)
            << prefix + parameter.names[i];
      }
    }
  }

  Golden golden_;
  nlohmann::json case_;
};

TEST_P(GoldenTraining, TaskLossAndGradients) {
  expect_loss("task");
}
TEST_P(GoldenTraining, DistillationLossAndGradients) {
  expect_loss("kd");
}
TEST_P(GoldenTraining, RepresentationLossAndGradients) {
  expect_loss("lrs");
}
TEST_P(GoldenTraining, NormalisedRepresentationLossAndGradients) {
  expect_loss("lrs_normalised");
}

std::vector<GoldenCase> cases_of(const GoldenSet& set) {
  return {{set, 0}, {set, 1}, {set, 2}, {set, 3}};
}

INSTANTIATE_TEST_SUITE_P(Cases, GoldenTraining, testing::ValuesIn(cases_of(kBertSet)));
INSTANTIATE_TEST_SUITE_P(MpnetCases, GoldenTraining, testing::ValuesIn(cases_of(kMpnetSet)));
INSTANTIATE_TEST_SUITE_P(RobertaCases, GoldenTraining, testing::ValuesIn(cases_of(kRobertaSet)));
INSTANTIATE_TEST_SUITE_P(DistilBertCases, GoldenTraining,
                         testing::ValuesIn(cases_of(kDistilBertSet)));
INSTANTIATE_TEST_SUITE_P(ElectraCases, GoldenTraining, testing::ValuesIn(cases_of(kElectraSet)));
INSTANTIATE_TEST_SUITE_P(AlbertCases, GoldenTraining, testing::ValuesIn(cases_of(kAlbertSet)));
INSTANTIATE_TEST_SUITE_P(DebertaCases, GoldenTraining, testing::ValuesIn(cases_of(kDebertaSet)));

}  // namespace
}  // namespace deformer
