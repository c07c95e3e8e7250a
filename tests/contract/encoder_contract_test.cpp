// What every Encoder promises, run over each architecture: a new one adds a line at the end.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <string>

#include "architecture/segment_layout.h"
#include "deformer/encoder.h"
#include "deformer/model.h"
#include "model/head.h"
#include "model/model_access.h"
#include "nn/placement.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"
#include "support/toy_architecture.h"

namespace deformer {
namespace {

constexpr std::int64_t kLayers = 3;

struct EncoderCase {
  std::string name;
  std::function<void(const std::filesystem::path& model_dir)> write_model;
  int split_layer = 0;
  Precision precision = Precision::kFp32;
};

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kFloat) - b.to(at::kFloat)).abs().max().item<double>();
}

class EncoderContract : public testing::TestWithParam<EncoderCase> {
 protected:
  void SetUp() override {
    if (!nn::supports(Device::kCpu, GetParam().precision)) {
      GTEST_SKIP() << "needs a processor with products in " << to_string(GetParam().precision);
    }
    GetParam().write_model(dir_.path());
    model_ = Model::load(dir_.path(), {.runtime = {.precision = GetParam().precision},
                                       .split_layer = GetParam().split_layer});
    const SegmentLayout& layout = ModelAccess::layout(*model_);
    questions_ = {layout.question(ids(3, 5)), layout.question(ids(1, 9))};
    passages_ = {layout.passage(ids(9, 12), 0), layout.passage(ids(2, 30), 0),
                 layout.passage(ids(17, 40), 0)};
  }

  static std::vector<std::int32_t> ids(std::size_t count, std::int32_t first) {
    std::vector<std::int32_t> values(count);
    for (std::size_t i = 0; i < count; ++i) {
      values[i] = first + static_cast<std::int32_t>(i * 7 % 23);
    }
    return values;
  }

  // Of states of size 1, of which bf16 keeps 8 bits and fp16 11. In int8 a last bit that differs
  // can move a value by one of 255 steps.
  [[nodiscard]] static double tolerance() {
    switch (GetParam().precision) {
      case Precision::kBf16:
        return 0.1;
      case Precision::kFp16:
        return 0.02;
      case Precision::kInt8:
        return 0.05;
      default:
        return 1e-5;
    }
  }

  [[nodiscard]] const Encoder& encoder() const { return model_->encoder(); }

  [[nodiscard]] Encoding joint(const std::vector<SegmentPair>& pairs, JointRows rows,
                               const LayerObserver& observer = nullptr) const {
    return encoder().upper(encoder().lower(questions_), encoder().lower(passages_), pairs, rows,
                           {.observer = observer});
  }

  [[nodiscard]] static at::Tensor segment(const Encoding& encoding, std::int64_t index) {
    return encoding.hidden.narrow(0, encoding.offsets[index], encoding.length(index));
  }

  test::TempDir dir_;
  std::shared_ptr<const Model> model_;
  std::vector<Segment> questions_;
  std::vector<Segment> passages_;
  const std::vector<SegmentPair> pairs_{{.question = 0, .passage = 0},
                                        {.question = 1, .passage = 0},
                                        {.question = 1, .passage = 2},
                                        {.question = 0, .passage = 1}};
};

TEST_P(EncoderContract, ASegmentAloneEqualsTheSegmentInABatch) {
  const Encoding together = encoder().lower(passages_);
  ASSERT_EQ(together.num_segments(), 3);
  for (std::int64_t i = 0; i < 3; ++i) {
    const Encoding alone = encoder().lower(std::span(&passages_[static_cast<std::size_t>(i)], 1));
    EXPECT_LT(largest_difference(segment(together, i), alone.hidden), tolerance());
  }
}

TEST_P(EncoderContract, APairAloneEqualsThePairInABatch) {
  const Encoding together = joint(pairs_, JointRows::kAll);
  ASSERT_EQ(together.num_segments(), 4);
  for (std::int64_t i = 0; i < 4; ++i) {
    const Encoding alone = joint({pairs_[static_cast<std::size_t>(i)]}, JointRows::kAll);
    EXPECT_LT(largest_difference(segment(together, i), alone.hidden), tolerance());
  }
}

TEST_P(EncoderContract, WithoutPairsThereAreNoRows) {
  const Encoding none = joint({}, JointRows::kAll);
  EXPECT_EQ(none.hidden.size(0), 0);
  EXPECT_EQ(none.offsets, (std::vector<std::int64_t>{0}));
}

TEST_P(EncoderContract, SelectedRowsAreRowsOfTheWhole) {
  const Encoding all = joint(pairs_, JointRows::kAll);
  const Encoding passage = joint(pairs_, JointRows::kPassage);
  const Encoding cls = joint(pairs_, JointRows::kCls);
  const Encoding both = joint(pairs_, JointRows::kPassageAndCls);
  for (std::int64_t i = 0; i < 4; ++i) {
    const SegmentPair& pair = pairs_[static_cast<std::size_t>(i)];
    const auto length =
        static_cast<std::int64_t>(passages_[static_cast<std::size_t>(pair.passage)].ids.size());
    ASSERT_EQ(passage.length(i), length);
    ASSERT_EQ(cls.length(i), 1);
    const at::Tensor expected = at::cat({segment(passage, i), segment(cls, i)});
    EXPECT_LT(largest_difference(segment(both, i), expected), tolerance());
    // Each selected row is one of the whole.
    const at::Tensor distances = at::cdist(expected.to(at::kFloat), segment(all, i).to(at::kFloat));
    const double limit = GetParam().precision == Precision::kFp32
                             ? 1e-3
                             : std::sqrt(static_cast<double>(expected.size(1))) * tolerance();
    EXPECT_LT(std::get<0>(distances.min(1)).max().item<double>(), limit);
  }
}

TEST_P(EncoderContract, ProjectionsMadeAheadGiveTheSameStates) {
  const Encoding questions = encoder().lower(questions_);
  Encoding passages = encoder().lower(passages_);
  passages.projections = encoder().project(passages.hidden);
  EXPECT_EQ(passages.projections.size(1), 3 * passages.hidden.size(1));
  for (const JointRows rows : {JointRows::kAll, JointRows::kPassageAndCls}) {
    const Encoding found = encoder().upper(questions, passages, pairs_, rows);
    const Encoding expected = joint(pairs_, rows);
    EXPECT_EQ(found.offsets, expected.offsets);
    EXPECT_LT(largest_difference(found.hidden, expected.hidden), tolerance());
  }
  // They are what is used.
  passages.projections = at::zeros_like(passages.projections);
  const Encoding zeroed = encoder().upper(questions, passages, pairs_, JointRows::kAll);
  EXPECT_GT(largest_difference(zeroed.hidden, joint(pairs_, JointRows::kAll).hidden), 0.1);
}

TEST_P(EncoderContract, ObserverSeesEveryLayerOnce) {
  std::map<std::int64_t, std::int64_t> seen;
  const LayerObserver observer = [&](std::int64_t layer, const at::Tensor& hidden) {
    EXPECT_TRUE(seen.emplace(layer, hidden.size(0)).second);
  };
  const Encoding questions = encoder().lower(questions_, {.observer = observer});
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(GetParam().split_layer) + 1);
  EXPECT_EQ(seen.begin()->first, -1);
  static_cast<void>(encoder().upper(questions, encoder().lower(passages_), pairs_,
                                    JointRows::kPassage, {.observer = observer}));
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kLayers) + 1);
  std::int64_t passage_rows = 0;
  for (const SegmentPair& pair : pairs_) {
    passage_rows +=
        static_cast<std::int64_t>(passages_[static_cast<std::size_t>(pair.passage)].ids.size());
  }
  EXPECT_EQ(seen.at(kLayers - 1), passage_rows);
}

TEST_P(EncoderContract, TheQuestionChangesThePassageOnlyAboveTheSplit) {
  const Encoding passages = encoder().lower(passages_);
  const auto upper_with = [&](std::int64_t question) {
    return encoder()
        .upper(encoder().lower(questions_), passages,
               std::vector<SegmentPair>{{.question = question, .passage = 0}}, JointRows::kPassage)
        .hidden;
  };
  EXPECT_GT(largest_difference(upper_with(0), upper_with(1)), 1e-3);
}

// Segments that were computed before other, longer ones give the same after them.
TEST_P(EncoderContract, AResultDoesNotDependOnWhatWasComputedBefore) {
  const std::vector<Segment> longer{ModelAccess::layout(*model_).passage(ids(300, 3), 0)};
  const Encoding before = encoder().lower(std::span(passages_).first(1));
  if (model_->config().max_position_embeddings == 0) {
    static_cast<void>(encoder().lower(longer));
  }
  const Encoding after = encoder().lower(std::span(passages_).first(1));
  EXPECT_LT(largest_difference(before.hidden, after.hidden), tolerance());
}

TEST_P(EncoderContract, NamesATokenIdOutOfRange) {
  std::vector<Segment> bad{passages_[0]};
  bad[0].ids[1] = static_cast<std::int32_t>(model_->config().vocab_size);
  test::expect_error(ErrorCode::kInvalidArgument, "expected a token id below",
                     [&] { static_cast<void>(encoder().lower(bad)); });
}

TEST_P(EncoderContract, NamesAPairOutOfRange) {
  test::expect_error(ErrorCode::kInvalidArgument, "expected a passage index below 3, found 3", [&] {
    static_cast<void>(joint({{.question = 0, .passage = 3}}, JointRows::kAll));
  });
}

TEST_P(EncoderContract, ParametersHaveUniqueNamesAndNoGap) {
  std::map<std::string, int> names;
  std::int64_t count = 0;
  for (const Parameter& parameter : encoder().parameters()) {
    count += parameter.value.numel();
    ASSERT_FALSE(parameter.names.empty());
    EXPECT_EQ(parameter.value.size(0) % static_cast<std::int64_t>(parameter.names.size()), 0);
    for (const std::string& name : parameter.names) EXPECT_EQ(++names[name], 1) << name;
  }
  std::vector<Parameter> head;
  if (ModelAccess::head(*model_) != nullptr) ModelAccess::head(*model_)->append_parameters(head);
  ASSERT_FALSE(head.empty());
  for (const Parameter& parameter : head) count += parameter.value.numel();
  EXPECT_EQ(count, model_->num_parameters());
}

TEST_P(EncoderContract, SaysWhichParametersHaveNoValues) {
  std::size_t without = 0;
  for (const Parameter& parameter : encoder().parameters()) {
    if (parameter.has_values()) continue;
    ++without;
    EXPECT_EQ(parameter.value.abs().sum().item<double>(), 0);
  }
  EXPECT_EQ(without > 0, GetParam().precision != Precision::kFp32);
}

TEST_P(EncoderContract, AnotherSplitOfTheSameWeightsEqualsLoadingItSo) {
  for (int split_layer = 0; split_layer < kLayers; ++split_layer) {
    const auto loaded = Model::load(
        dir_.path(), {.runtime = {.precision = GetParam().precision}, .split_layer = split_layer});
    const auto shared = encoder().with_split_layer(split_layer);
    const auto run = [&](const Encoder& of) {
      return of.upper(of.lower(questions_), of.lower(passages_), pairs_, JointRows::kAll).hidden;
    };
    EXPECT_EQ(largest_difference(run(loaded->encoder()), run(*shared)), 0.0);
    EXPECT_TRUE(shared->parameters()[0].value.is_same(encoder().parameters()[0].value));
  }
  test::expect_error(ErrorCode::kInvalidArgument, "split_layer: expected 0 to 2, found 3",
                     [&] { static_cast<void>(encoder().with_split_layer(kLayers)); });
}

TEST_P(EncoderContract, JointRowsSayWhereASelectionStands) {
  const Encoding questions = encoder().lower(questions_);
  const Encoding passages = encoder().lower(passages_);
  const Encoding all = encoder().upper(questions, passages, pairs_, JointRows::kAll);
  for (const JointRows rows :
       {JointRows::kAll, JointRows::kPassage, JointRows::kPassageAndCls, JointRows::kCls}) {
    const Encoding some = encoder().upper(questions, passages, pairs_, rows);
    const auto indices = encoder().joint_rows(questions, passages, pairs_, rows);
    const at::Tensor picked = all.hidden.index_select(0, at::tensor(indices, at::kLong));
    ASSERT_EQ(picked.sizes(), some.hidden.sizes());
    EXPECT_LT(largest_difference(picked, some.hidden), tolerance());
  }
}

TEST_P(EncoderContract, DropoutChangesStatesByItsGeneratorAlone) {
  const auto run = [&](double dropout, std::uint64_t seed) {
    at::Generator generator = at::globalContext().defaultGenerator(at::kCPU).clone();
    generator.set_current_seed(seed);
    const ForwardOptions options{.dropout = dropout, .generator = generator};
    const Encoding questions = encoder().lower(questions_, options);
    const Encoding passages = encoder().lower(passages_, options);
    return encoder().upper(questions, passages, pairs_, JointRows::kAll, options).hidden;
  };
  EXPECT_EQ(largest_difference(run(0, 1), run(0, 2)), 0.0);
  EXPECT_EQ(largest_difference(run(0.2, 1), run(0.2, 1)), 0.0);
  EXPECT_GT(largest_difference(run(0.2, 1), run(0.2, 2)), 0.01);
}

class RoundedContract : public EncoderContract {};

TEST_P(RoundedContract, IsCloseToFp32) {
  const auto exact = Model::load(dir_.path(), {.split_layer = GetParam().split_layer});
  const auto run = [&](const Encoder& of) {
    return of.upper(of.lower(questions_), of.lower(passages_), pairs_, JointRows::kAll).hidden;
  };
  const at::Tensor expected = run(exact->encoder());
  const at::Tensor found = run(encoder());
  const double error = ((found.to(at::kFloat) - expected).norm() / expected.norm()).item<double>();
  // A tiny model's weights are ten times those of a real one: attention is sharp and magnifies.
  EXPECT_GT(error, 0.0);
  EXPECT_LT(error, 0.1);
}

std::vector<EncoderCase> cases() {
  const auto bert = [](const std::filesystem::path& dir) {
    test::write_tiny_model(dir, {.layers = kLayers});
  };
  test::register_toy();
  const auto toy = [](const std::filesystem::path& dir) {
    test::write_tiny_model(dir, {.architecture = "toy", .layers = kLayers, .positions = 70});
  };
  const auto relative = [](const std::string& architecture) {
    return [architecture](const std::filesystem::path& dir) {
      test::write_tiny_model(dir, {.architecture = architecture, .layers = kLayers});
    };
  };
  const auto xlnet = [](Layout layout) {
    return [layout](const std::filesystem::path& dir) {
      test::write_tiny_model(dir, {.architecture = "xlnet", .layers = kLayers, .layout = layout});
    };
  };
  // The passage in the other place than that of readers for spans.
  const auto swapped = [](const std::string& architecture, PassagePlace place, Layout layout) {
    return [=](const std::filesystem::path& dir) {
      test::write_tiny_model(dir, {.architecture = architecture,
                                   .layers = kLayers,
                                   .layout = layout,
                                   .max_question_tokens = 40,
                                   .task = "boolq",
                                   .passage_place = place});
    };
  };
  std::vector<EncoderCase> all;
  for (const int split_layer : {0, 1, 2}) {
    const std::string number = std::to_string(split_layer);
    all.push_back({"Bert" + number, bert, split_layer});
    all.push_back({"Toy" + number, toy, split_layer});
    all.push_back({"Mpnet" + number, relative("mpnet"), split_layer});
    all.push_back({"Roberta" + number, relative("roberta"), split_layer});
    all.push_back({"DistilBert" + number, relative("distilbert"), split_layer});
    all.push_back({"Electra" + number, relative("electra"), split_layer});
    all.push_back({"Albert" + number, relative("albert"), split_layer});
    all.push_back({"Deberta" + number, relative("deberta-v2"), split_layer});
    all.push_back({"DebertaPassageFirst" + number,
                   swapped("deberta-v2", PassagePlace::kFirst, Layout::kRestart), split_layer});
    all.push_back({"MpnetPassageFirst" + number,
                   swapped("mpnet", PassagePlace::kFirst, Layout::kRestart), split_layer});
    all.push_back({"XlnetPacked" + number, xlnet(Layout::kPacked), split_layer});
    all.push_back({"XlnetSlots" + number, xlnet(Layout::kSlots), split_layer});
    all.push_back({"XlnetContinue" + number, xlnet(Layout::kContinue), split_layer});
    all.push_back({"BertPassageFirst" + number,
                   swapped("bert", PassagePlace::kFirst, Layout::kRestart), split_layer});
    for (const Layout layout : {Layout::kPacked, Layout::kSlots, Layout::kContinue}) {
      all.push_back({"XlnetPassageSecond" + to_string(layout) + number,
                     swapped("xlnet", PassagePlace::kSecond, layout), split_layer});
    }
  }
  return all;
}

std::vector<EncoderCase> rounded_cases(Precision precision) {
  std::vector<EncoderCase> all;
  for (EncoderCase& one : cases()) {
    if (one.split_layer != 1) continue;
    one.precision = precision;
    all.push_back(std::move(one));
  }
  return all;
}

std::string name_of(const testing::TestParamInfo<EncoderCase>& test_info) {
  return test_info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Architectures, EncoderContract, testing::ValuesIn(cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Int8, EncoderContract, testing::ValuesIn(rounded_cases(Precision::kInt8)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Int8, RoundedContract, testing::ValuesIn(rounded_cases(Precision::kInt8)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Bf16, EncoderContract, testing::ValuesIn(rounded_cases(Precision::kBf16)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Bf16, RoundedContract, testing::ValuesIn(rounded_cases(Precision::kBf16)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Fp16, EncoderContract, testing::ValuesIn(rounded_cases(Precision::kFp16)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Fp16, RoundedContract, testing::ValuesIn(rounded_cases(Precision::kFp16)),
                         name_of);

}  // namespace
}  // namespace deformer
