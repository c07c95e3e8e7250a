// Encoders against Hugging Face: tiny random checkpoints and what transformers computes with them
// (scripts/golden/make_golden_models.py, make_golden_xlnet_models.py, make_golden_mpnet_models.py).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "architecture/architecture.h"
#include "architecture/checkpoint.h"
#include "architecture/segment_layout.h"
#include "base/json.h"
#include "deformer/encoder.h"
#include "deformer/model.h"
#include "format/safetensors.h"
#include "model/head.h"
#include "model/make_encoder.h"
#include "model/model_access.h"
#include "model/weights.h"

namespace deformer {
namespace {

// Of values up to 1, relative to larger ones: rounding grows with them. (States of up to 3.2 differ
// by 1.01e-5 on a processor with AVX-512, whose products add up in another order.)
constexpr double kTolerance = 1e-5;

struct GoldenCase {
  std::string name;
  int split_layer = 0;
};

// One directory of tests/golden/models.
class GoldenModel {
 public:
  explicit GoldenModel(const std::string& name)
      : directory_(std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests/golden/models" / name),
        expected_(SafetensorsFile::open(directory_ / "expected.safetensors")) {
    const nlohmann::json document = load_json(directory_ / "cases.json");
    layout_ = parse_layout(document.at("layout"));
    passage_first_ = document.value("passage_first", false);
    const ModelConfig config = load_model_config(directory_);
    const auto layout = make_segment_layout(config, SpecialTokens{});
    first_position_ = layout->question({}).positions.front();
    second_type_ = layout->passage({}, 0).type_id;
    for (const auto& entry : document.at("cases")) {
      cases_.push_back({entry.at("name"), entry.at("split_layer")});
    }
  }

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  [[nodiscard]] std::shared_ptr<const Model> load(int split_layer) const {
    LoadOptions options;
    options.split_layer = split_layer;
    return Model::load(directory_, options);
  }
  [[nodiscard]] Layout layout() const { return layout_; }
  // Joint rows: passage, then question, whose last row is that of the class token. Else question,
  // whose first row it is, then passage.
  [[nodiscard]] bool passage_first() const { return passage_first_; }

  // The cases of one split, in the file's order.
  [[nodiscard]] std::map<int, std::vector<GoldenCase>> cases_by_split() const {
    std::map<int, std::vector<GoldenCase>> groups;
    for (const GoldenCase& golden : cases_) groups[golden.split_layer].push_back(golden);
    return groups;
  }

  [[nodiscard]] at::Tensor tensor(const GoldenCase& golden, const std::string& name) const {
    const TensorView* view = find(golden, name);
    if (view == nullptr || view->dtype != Dtype::kF32) {
      ADD_FAILURE() << "no tensor " << name << " in case " << golden.name;
      return at::zeros({0});
    }
    at::Tensor tensor = at::empty(view->shape, at::kFloat);
    std::memcpy(tensor.data_ptr(), view->bytes.data(), view->bytes.size());
    return tensor;
  }

  [[nodiscard]] Segment question(const GoldenCase& golden) const {
    return segment(SegmentRole::kQuestion, ids(golden, "ids.question"), passage_first_ ? 1 : 0, 0);
  }
  [[nodiscard]] Segment passage(const GoldenCase& golden) const {
    const auto question_tokens = static_cast<std::int32_t>(question(golden).ids.size());
    return segment(SegmentRole::kPassage, ids(golden, "ids.passage"),
                   passage_first_ ? 0 : second_type_,
                   layout_ == Layout::kContinue ? question_tokens : 0);
  }

 private:
  [[nodiscard]] const TensorView* find(const GoldenCase& golden, const std::string& name) const {
    return expected_.find(golden.name + "." + name);
  }

  [[nodiscard]] std::vector<std::int64_t> ids(const GoldenCase& golden,
                                              const std::string& name) const {
    const TensorView* view = find(golden, name);
    if (view == nullptr || view->dtype != Dtype::kI64) {
      ADD_FAILURE() << "no tensor " << name << " in case " << golden.name;
      return {};
    }
    std::vector<std::int64_t> ids(view->bytes.size() / sizeof(std::int64_t));
    std::memcpy(ids.data(), view->bytes.data(), view->bytes.size());
    return ids;
  }

  [[nodiscard]] Segment segment(SegmentRole role, const std::vector<std::int64_t>& ids,
                                std::int32_t type_id, std::int32_t position) const {
    position += first_position_;
    Segment segment{.role = role, .ids = {}, .positions = {}, .type_id = type_id};
    for (const std::int64_t id : ids) {
      segment.ids.push_back(static_cast<std::int32_t>(id));
      segment.positions.push_back(position++);
    }
    return segment;
  }

  std::filesystem::path directory_;
  SafetensorsFile expected_;
  Layout layout_ = Layout::kRestart;
  bool passage_first_ = false;
  std::int32_t first_position_ = 0;
  std::int32_t second_type_ = 1;
  std::vector<GoldenCase> cases_;
};

using States = std::map<std::int64_t, at::Tensor>;

LayerObserver record_into(States& states) {
  return [&states](std::int64_t layer, const at::Tensor& hidden) {
    EXPECT_FALSE(states.contains(layer)) << layer;
    states[layer] = hidden.clone();
  };
}

at::Tensor rows_of(const at::Tensor& packed, const Encoding& encoding, std::int64_t index) {
  return packed.slice(0, encoding.offsets[index], encoding.offsets[index + 1]);
}

void expect_close(const at::Tensor& found, const at::Tensor& expected, const std::string& what) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  const double scale = std::max(1.0, expected.abs().max().item<double>());
  EXPECT_LE((found - expected).abs().max().item<double>(), kTolerance * scale) << what;
}

// Logits of each pair's rows, pair i being case i.
void expect_logits(const GoldenModel& golden, const Model& model,
                   const std::vector<GoldenCase>& cases, const Encoding& joint) {
  ASSERT_EQ(joint.num_segments(), std::ssize(cases));
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const at::Tensor rows = rows_of(joint.hidden, joint, static_cast<std::int64_t>(i));
    const at::Tensor logits = ModelAccess::head(model)->logits(rows);
    expect_close(logits.select(1, 0), golden.tensor(cases[i], "logits.start"), cases[i].name);
    expect_close(logits.select(1, 1), golden.tensor(cases[i], "logits.end"), cases[i].name);
  }
}

// Each layer's packed states, segment or pair i being case i.
void expect_states(const GoldenModel& golden, const std::vector<GoldenCase>& cases,
                   const std::map<std::int64_t, at::Tensor>& states, const Encoding& encoding,
                   const std::string& prefix) {
  for (const auto& [layer, packed] : states) {
    const std::string name = prefix + (layer < 0 ? "embeddings" : std::to_string(layer));
    for (std::size_t i = 0; i < cases.size(); ++i) {
      expect_close(rows_of(packed, encoding, static_cast<std::int64_t>(i)),
                   golden.tensor(cases[i], name), cases[i].name + "." + name);
    }
  }
}

std::vector<SegmentPair> one_to_one(std::size_t count) {
  std::vector<SegmentPair> pairs;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(count); ++i) pairs.push_back({i, i});
  return pairs;
}

class GoldenModels : public testing::TestWithParam<const char*> {
 protected:
  // All cases as one batch: lower layers, upper layers, logits.
  void check_batch(const Model& model, const std::vector<GoldenCase>& cases) {
    std::vector<Segment> questions;
    std::vector<Segment> passages;
    for (const GoldenCase& golden : cases) {
      questions.push_back(golden_.question(golden));
      passages.push_back(golden_.passage(golden));
    }
    const Encoding lower_questions = check_lower(model, cases, questions, "lower.question.");
    const Encoding lower_passages = check_lower(model, cases, passages, "lower.passage.");
    States states;
    const Encoding joint =
        model.encoder().upper(lower_questions, lower_passages, one_to_one(cases.size()),
                              JointRows::kAll, {.observer = record_into(states)});
    const ModelConfig& config = model.config();
    EXPECT_EQ(std::ssize(states), config.num_hidden_layers - config.split.split_layer);
    expect_states(golden_, cases, states, joint, "upper.");
    expect_logits(golden_, model, cases, joint);
  }

  Encoding check_lower(const Model& model, const std::vector<GoldenCase>& cases,
                       const std::vector<Segment>& segments, const std::string& prefix) {
    States states;
    Encoding encoding = model.encoder().lower(segments, {.observer = record_into(states)});
    EXPECT_EQ(std::ssize(states), model.config().split.split_layer + 1);
    expect_states(golden_, cases, states, encoding, prefix);
    return encoding;
  }

  // Rows that a head does not read are left out; the others do not change.
  void check_selected_rows(const Model& model, const GoldenCase& golden) {
    const Segment question = golden_.question(golden);
    const Segment passage = golden_.passage(golden);
    const Encoding questions = model.encoder().lower({&question, 1});
    const Encoding passages = model.encoder().lower({&passage, 1});
    const auto start_logits = [&](JointRows rows) {
      const Encoding joint = model.encoder().upper(questions, passages, one_to_one(1), rows);
      return ModelAccess::head(model)->logits(joint.hidden).select(1, 0);
    };
    const at::Tensor all = golden_.tensor(golden, "logits.start");
    const at::Tensor passage_rows = golden_.passage_first() ? all.slice(0, 0, passages.length(0))
                                                            : all.slice(0, questions.length(0));
    const at::Tensor cls_row = golden_.passage_first() ? all.slice(0, -1) : all.slice(0, 0, 1);
    expect_close(start_logits(JointRows::kPassage), passage_rows, golden.name);
    expect_close(start_logits(JointRows::kCls), cls_row, golden.name);
    expect_close(start_logits(JointRows::kPassageAndCls), at::cat({passage_rows, cls_row}),
                 golden.name);
  }

  GoldenModel golden_{GetParam()};
};

TEST_P(GoldenModels, EveryLayerAndLogitEqualsHuggingFaceInOneBatch) {
  for (const auto& [split_layer, cases] : golden_.cases_by_split()) {
    const auto model = golden_.load(split_layer);
    ASSERT_NE(ModelAccess::head(*model), nullptr);
    check_batch(*model, cases);
  }
}

TEST_P(GoldenModels, EveryLayerAndLogitEqualsHuggingFaceOneByOne) {
  for (const auto& [split_layer, cases] : golden_.cases_by_split()) {
    const auto model = golden_.load(split_layer);
    for (const GoldenCase& golden : cases) check_batch(*model, {golden});
  }
}

TEST_P(GoldenModels, SelectedRowsGiveTheSameLogits) {
  for (const auto& [split_layer, cases] : golden_.cases_by_split()) {
    const auto model = golden_.load(split_layer);
    for (const GoldenCase& golden : cases) check_selected_rows(*model, golden);
  }
}

std::string model_name(const testing::TestParamInfo<const char*>& model) {
  std::string name = model.param;
  std::erase(name, '-');
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    Models, GoldenModels,
    testing::Values("bert-joint", "bert-split", "bert-tanh", "bert-legacy", "bert-fp16",
                    "bert-bf16", "bert-sharded", "xlnet-joint", "xlnet-packed", "xlnet-slots",
                    "xlnet-long", "xlnet-tied", "xlnet-bare", "mpnet-joint", "mpnet-split",
                    "mpnet-long", "mpnet-bare", "roberta-joint", "roberta-split", "roberta-bare",
                    "xlmr-joint", "xlmr-split", "camembert-joint", "distilbert-joint",
                    "distilbert-split", "electra-joint", "electra-split", "electra-wide",
                    "albert-joint", "albert-split", "deberta-v3-joint", "deberta-v3-split",
                    "deberta-v3-long", "deberta-v3-far", "deberta-v2-joint", "deberta-v2-split",
                    "deberta-v2-conv-joint", "deberta-v2-conv-split"),
    model_name);

// The index of an equal segment, which is added when there is none.
std::int64_t index_of(std::vector<Segment>& segments, const Segment& segment) {
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].ids == segment.ids) return static_cast<std::int64_t>(i);
  }
  segments.push_back(segment);
  return std::ssize(segments) - 1;
}

// Each distinct segment goes through the lower layers once, whatever number of pairs it is in.
class GoldenSharing : public testing::TestWithParam<const char*> {};

TEST_P(GoldenSharing, PairsThatShareSegmentsEqualHuggingFace) {
  const GoldenModel golden(GetParam());
  for (const auto& [split_layer, cases] : golden.cases_by_split()) {
    const auto model = golden.load(split_layer);
    std::vector<Segment> questions;
    std::vector<Segment> passages;
    std::vector<SegmentPair> pairs;
    for (const GoldenCase& one : cases) {
      pairs.push_back(
          {index_of(questions, golden.question(one)), index_of(passages, golden.passage(one))});
    }
    ASSERT_LT(questions.size(), pairs.size());
    ASSERT_LT(passages.size(), pairs.size());
    const Encoder& encoder = model->encoder();
    const Encoding joint =
        encoder.upper(encoder.lower(questions), encoder.lower(passages), pairs, JointRows::kAll);
    expect_logits(golden, *model, cases, joint);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenSharing,
                         testing::Values("bert-split", "xlnet-packed", "xlnet-slots",
                                         "mpnet-split"),
                         model_name);

TEST(GoldenConfig, AnOrdinaryCheckpointLoadsAsAJointModel) {
  for (const char* name : {"bert-joint", "xlnet-joint", "mpnet-joint"}) {
    const auto model = GoldenModel(name).load(0);
    EXPECT_EQ(model->config().split.split_layer, 0);
    EXPECT_EQ(model->config().split.layout, Layout::kContinue);
  }
}

// Weights outside inference mode, as training takes them: distances are computed anew each time,
// and follow the weights.
TEST(GoldenTraining, XlnetEqualsHuggingFaceWithGradients) {
  const GoldenModel golden("xlnet-packed");
  const auto model = golden.load(2);
  const auto cases = golden.cases_by_split().at(2);
  const Checkpoint checkpoint = Checkpoint::open(golden.directory(), architecture("xlnet"));
  WeightLoader weights(checkpoint);
  const auto encoder = make_encoder(model->config(), weights);
  for (const Parameter& parameter : encoder->parameters()) parameter.value.requires_grad_(true);
  std::vector<Segment> questions;
  std::vector<Segment> passages;
  for (const GoldenCase& one : cases) {
    questions.push_back(golden.question(one));
    passages.push_back(golden.passage(one));
  }
  const Encoding joint = encoder->upper(encoder->lower(questions), encoder->lower(passages),
                                        one_to_one(cases.size()), JointRows::kAll);
  expect_logits(golden, *model, cases, {joint.hidden.detach(), joint.offsets});
  joint.hidden.square().sum().backward();
  // Below the split a segment meets only itself: what scores another one has no gradient.
  const std::set<std::string> without{
      "transformer.layer.0.rel_attn.r_s_bias", "transformer.layer.0.rel_attn.seg_embed",
      "transformer.layer.1.rel_attn.r_s_bias", "transformer.layer.1.rel_attn.seg_embed"};
  for (const Parameter& parameter : encoder->parameters()) {
    const std::string& name = parameter.names.front();
    EXPECT_EQ(parameter.value.grad().defined(), !without.contains(name)) << name;
  }
}

}  // namespace
}  // namespace deformer
