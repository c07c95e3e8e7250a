// The same reader on another device or in another precision: what it answers, and that they share a
// store.
#include <ATen/Context.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "deformer/model.h"
#include "deformer/passage_encoder.h"
#include "deformer/passage_store.h"
#include "deformer/span_qa.h"
#include "nn/placement.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer {
namespace {

struct DeviceCase {
  Device device;
  Precision precision;
  double tolerance;  // of a span's score: two logits of size 1
};

std::string name_of(const testing::TestParamInfo<DeviceCase>& info) {
  return to_string(info.param.device) + "_" + to_string(info.param.precision);
}

class Devices : public testing::TestWithParam<DeviceCase> {
 protected:
  void SetUp() override {
    const auto& [device, precision, tolerance] = GetParam();
    if (device == Device::kCuda && !at::hasCUDA()) {
      GTEST_SKIP() << "needs a GPU and a LibTorch with CUDA";
    }
    if (!nn::supports(device, precision)) {
      GTEST_SKIP() << "needs a processor with products in " << to_string(precision);
    }
    // Weights of a real model's size: a score does not hang on a last bit.
    test::write_tiny_model(dir_.path(), {.weight_scale = 0.08F});
    exact_ = Model::load(dir_.path());
    model_ = Model::load(dir_.path(), {.runtime = {.device = device, .precision = precision}});
  }

  // Every span of a passage of few tokens, by its place in it.
  [[nodiscard]] static std::vector<Answer> all_spans(const SpanQa& qa, const Passage& passage) {
    auto results = qa.answer(std::vector<QaRequest>{{"q", "When did the river rise?", {passage}}},
                             {.top_k = 1000, .align_to_words = false});
    std::vector<Answer> answers = std::move(results.at(0).answers);
    std::sort(answers.begin(), answers.end(), [](const Answer& a, const Answer& b) {
      return std::pair(a.bytes.begin, a.bytes.end) < std::pair(b.bytes.begin, b.bytes.end);
    });
    return answers;
  }

  static void expect_close(const std::vector<Answer>& found, const std::vector<Answer>& expected) {
    ASSERT_EQ(found.size(), expected.size());
    ASSERT_GT(found.size(), 10U);
    double largest = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].text, expected[i].text);
      largest = std::max(largest, std::abs(found[i].score - expected[i].score));
    }
    EXPECT_LT(largest, GetParam().tolerance);
  }

  const Passage passage_{"p", "The river rose in March and fell in May."};
  test::TempDir dir_;
  std::shared_ptr<const Model> exact_;
  std::shared_ptr<const Model> model_;
};

TEST_P(Devices, ScoresAreThoseOfTheCpuInFp32) {
  expect_close(all_spans(SpanQa(model_), passage_), all_spans(SpanQa(exact_), passage_));
}

TEST_P(Devices, AStoreServesReadersOfBoth) {
  const auto expected = all_spans(SpanQa(exact_), passage_);
  const Passage stored{passage_.id, ""};
  for (const auto& [writer, reader] : {std::pair(exact_, model_), std::pair(model_, exact_)}) {
    for (const HiddenCodec codec : {HiddenCodec::kFp32, HiddenCodec::kFp16}) {
      const std::shared_ptr<PassageStore> store =
          open_passage_store("memory:", writer->fingerprint());
      const EncodeReport report =
          PassageEncoder(writer, store).encode(std::vector<Passage>{passage_}, {.codec = codec});
      EXPECT_EQ(report.encoded, 1U);
      expect_close(all_spans(SpanQa(reader, store), stored), expected);
    }
  }
}

// On a GPU one batch is computed while the next is made ready.
TEST_P(Devices, BatchesOfOneAnswerAsAllAtOnce) {
  std::vector<QaRequest> requests;
  for (const char* question : {"When did the river rise?", "What fell?", "When did it fall?"}) {
    requests.push_back({question, question, {passage_}});
  }
  const SpanQa qa(model_);
  const auto together = qa.answer(requests);
  const auto single = qa.answer(requests, {}, {.batch_tokens = 1});
  ASSERT_EQ(single.size(), requests.size());
  for (std::size_t i = 0; i < single.size(); ++i) {
    EXPECT_EQ(single[i].id, requests[i].id);
    EXPECT_NEAR(single[i].answers.at(0).score, together[i].answers.at(0).score,
                GetParam().tolerance);
  }
}

TEST_P(Devices, TheRuntimeSaysWhatWasAskedFor) {
  EXPECT_EQ(model_->runtime().device, GetParam().device);
  EXPECT_EQ(model_->runtime().precision, GetParam().precision);
  EXPECT_EQ(model_->fingerprint(), exact_->fingerprint());
}

INSTANTIATE_TEST_SUITE_P(Cpu, Devices,
                         testing::Values(DeviceCase{Device::kCpu, Precision::kInt8, 0.05},
                                         DeviceCase{Device::kCpu, Precision::kBf16, 0.05},
                                         DeviceCase{Device::kCpu, Precision::kFp16, 0.01}),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Cuda, Devices,
                         testing::Values(DeviceCase{Device::kCuda, Precision::kFp32, 1e-3},
                                         DeviceCase{Device::kCuda, Precision::kBf16, 0.05},
                                         DeviceCase{Device::kCuda, Precision::kFp16, 0.01}),
                         name_of);

TEST(DevicesOfThisMachine, WhatIsNotThereIsRefusedByName) {
  test::TempDir dir;
  test::write_tiny_model(dir.path(), {});
  const auto load = [&](Device device, Precision precision) {
    return Model::load(dir.path(), {.runtime = {.device = device, .precision = precision}});
  };
  if (!at::hasCUDA()) {
    test::expect_error(ErrorCode::kUnsupported, "device cuda: expected a LibTorch with CUDA",
                       [&] { static_cast<void>(load(Device::kCuda, Precision::kFp32)); });
  } else {
    EXPECT_EQ(load(Device::kCuda, Precision::kAuto)->runtime().precision, Precision::kFp16);
    test::expect_error(ErrorCode::kUnsupported, "precision int8: expected a CPU",
                       [&] { static_cast<void>(load(Device::kCuda, Precision::kInt8)); });
  }
  for (const Precision precision : {Precision::kBf16, Precision::kFp16}) {
    if (nn::supports(Device::kCpu, precision)) continue;
    test::expect_error(ErrorCode::kUnsupported, "expected a GPU or a processor with ",
                       [&] { static_cast<void>(load(Device::kCpu, precision)); });
  }
}

}  // namespace
}  // namespace deformer
