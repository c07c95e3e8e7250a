#include "task/parallel_pass.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "bench/process.h"
#include "deformer/error.h"
#include "nn/fp16_weight.h"
#include "nn/int8_weight.h"
#include "nn/linear.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer {
namespace {

using testing::ElementsAre;
using Rows = std::vector<std::int64_t>;

constexpr int kThreads = 2;

TEST(PlanParts, CutsWhereTheRowsAreAboutEven) {
  EXPECT_THAT(plan_parts(Rows{100, 100, 100, 100}, 2), ElementsAre(0, 2, 4));
  EXPECT_THAT(plan_parts(Rows{300, 100, 98, 103}, 2), ElementsAre(0, 1, 4));
  EXPECT_THAT(plan_parts(Rows{100, 98, 103, 300}, 2), ElementsAre(0, 3, 4));
  EXPECT_THAT(plan_parts(Rows{200, 100, 101, 199}, 3), ElementsAre(0, 1, 3, 4));
}

TEST(PlanParts, LeavesWholeWhatHasNoEvenPartsOfManyRows) {
  EXPECT_THAT(plan_parts(Rows{100, 200}, 2), ElementsAre(0, 2));    // uneven
  EXPECT_THAT(plan_parts(Rows{600}, 2), ElementsAre(0, 1));         // one item
  EXPECT_THAT(plan_parts(Rows{20, 20, 20}, 3), ElementsAre(0, 3));  // few rows
  EXPECT_THAT(plan_parts(Rows{900, 0, 0}, 3), ElementsAre(0, 3));   // parts without rows
  EXPECT_THAT(plan_parts(Rows{500, 500}, 1), ElementsAre(0, 2));    // one thread
  EXPECT_THAT(plan_parts(Rows{}, 2), ElementsAre(0, 0));
}

Segment make_segment(SegmentRole role, std::int32_t rows, std::int32_t first_id) {
  Segment segment{.role = role};
  for (std::int32_t i = 0; i < rows; ++i) {
    segment.ids.push_back(first_id + i % 7);
    segment.positions.push_back(i);
  }
  return segment;
}

class ParallelPass : public testing::TestWithParam<std::string> {
 protected:
  ParallelPass() {
    test::write_tiny_model(dir_.path(), {.architecture = GetParam()});
    model_ = Model::load(dir_.path());
    for (std::int32_t i = 0; i < 8; ++i) {
      questions_.push_back(make_segment(SegmentRole::kQuestion, 6 + i % 3, 10 + i));
      passages_.push_back(make_segment(SegmentRole::kPassage, 30 + i % 2, 20 + i));
    }
    // One passage asked twice, one question on two passages, an order that goes back.
    for (std::int64_t i = 0; i < 8; ++i) pairs_.push_back({i, i / 2});
    pairs_.push_back({0, 6});
    pairs_.push_back({7, 5});
  }

  [[nodiscard]] const Encoder& encoder() const { return model_->encoder(); }

  static void expect_same(const Encoding& found, const Encoding& expected) {
    EXPECT_EQ(found.offsets, expected.offsets);
    ASSERT_EQ(found.hidden.sizes(), expected.hidden.sizes());
    EXPECT_LT((found.hidden - expected.hidden).abs().max().item<float>(), 1e-4);
  }

  // More than is added to by rounding, so that a wrong row shows.
  static void expect_rows_differ(const Encoding& encoding) {
    const std::int64_t half = encoding.hidden.size(0) / 2;
    const auto difference =
        encoding.hidden.narrow(0, 0, half) - encoding.hidden.narrow(0, half, half);
    EXPECT_GT(difference.abs().max().item<float>(), 0.1);
  }

  const c10::InferenceMode inference_;
  const ThreadsGuard threads_{kThreads};
  test::TempDir dir_;
  std::shared_ptr<const Model> model_;
  std::vector<Segment> questions_;
  std::vector<Segment> passages_;
  std::vector<SegmentPair> pairs_;
};

TEST_P(ParallelPass, LowerLayersAreThoseOfTheWholePass) {
  const Encoding expected = encoder().lower(passages_);
  expect_rows_differ(expected);
  expect_same(lower_in_parts(encoder(), kThreads, passages_), expected);
}

TEST_P(ParallelPass, UpperLayersAreThoseOfTheWholePass) {
  const Encoding questions = encoder().lower(questions_);
  Encoding passages = encoder().lower(passages_);
  for (const bool projected : {false, true}) {
    if (projected) passages.projections = encoder().project(passages.hidden);
    for (const JointRows rows : {JointRows::kAll, JointRows::kPassageAndCls, JointRows::kCls}) {
      const Encoding expected = encoder().upper(questions, passages, pairs_, rows);
      expect_rows_differ(expected);
      expect_same(upper_in_parts(encoder(), kThreads, {questions, passages, pairs_, rows}),
                  expected);
    }
  }
}

TEST_P(ParallelPass, AnErrorOfOnePartIsThatOfThePass) {
  passages_.back().ids.back() = 1 << 30;
  test::expect_error(ErrorCode::kInvalidArgument, "token id",
                     [&] { static_cast<void>(lower_in_parts(encoder(), kThreads, passages_)); });
}

INSTANTIATE_TEST_SUITE_P(Architectures, ParallelPass,
                         testing::Values("bert", "xlnet", "mpnet", "roberta", "distilbert",
                                         "electra", "albert", "deberta-v2"),
                         [](const auto& tested) {
                           std::string name = tested.param;
                           std::erase(name, '-');
                           return name;
                         });

// Says which threads were in it.
class WitnessEncoder final : public Encoder {
 public:
  Encoding lower(std::span<const Segment> segments, const ForwardOptions&) const override {
    const std::lock_guard lock(mutex_);
    threads_.insert(std::this_thread::get_id());
    all_alone_ = all_alone_ && at::in_parallel_region() && c10::InferenceMode::is_enabled();
    Encoding encoding{at::zeros({0, 1}), {0}};
    for (const Segment& segment : segments) {
      encoding.offsets.push_back(encoding.offsets.back() + std::ssize(segment.ids));
    }
    encoding.hidden = at::zeros({encoding.offsets.back(), 1});
    const int threads = at::get_num_threads();
    for (const nn::Linear& layer : layers_) {
      static_cast<void>(layer.forward(at::ones({encoding.offsets.back(), kWidth})));
    }
    all_alone_ = all_alone_ && at::get_num_threads() == threads;
    return encoding;
  }
  at::Tensor project(const at::Tensor& hidden) const override { return hidden; }
  Encoding upper(const Encoding&, const Encoding&, std::span<const SegmentPair>, JointRows,
                 const ForwardOptions&) const override {
    return {};
  }
  std::vector<std::int64_t> joint_rows(const Encoding&, const Encoding&,
                                       std::span<const SegmentPair>, JointRows) const override {
    return {};
  }
  std::vector<Parameter> parameters() const override { return {}; }
  std::unique_ptr<const Encoder> with_split_layer(std::int64_t) const override { return nullptr; }

  // In each part all rows are multiplied with it.
  void add_layer(nn::Linear layer) { layers_.push_back(std::move(layer)); }
  static constexpr std::int64_t kWidth = 64;

  [[nodiscard]] std::size_t num_threads() const { return threads_.size(); }
  [[nodiscard]] bool all_alone() const { return all_alone_; }

 private:
  std::vector<nn::Linear> layers_;
  mutable std::mutex mutex_;
  mutable std::set<std::thread::id> threads_;
  mutable bool all_alone_ = true;
};

// Without OpenMP's compiler flag LibTorch's parallel_for is a plain loop, and nothing says so.
TEST(ParallelPassThreads, EachPartHasAThreadOfItsOwn) {
  const ThreadsGuard threads(kThreads);
  const std::vector<Segment> segments(2, make_segment(SegmentRole::kPassage, 100, 1));
  const WitnessEncoder encoder;
  const Encoding encoding = lower_in_parts(encoder, kThreads, segments);
  EXPECT_THAT(encoding.offsets, ElementsAre(0, 100, 200));
  EXPECT_EQ(encoder.num_threads(), std::size_t{kThreads});
  EXPECT_TRUE(encoder.all_alone());
}

std::ptrdiff_t threads_of_this_process() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                       std::filesystem::directory_iterator());
}

// Of every kind, laid out in a part and used again.
TEST(ParallelPassThreads, AProductStaysOnThePartsThread) {
  const ThreadsGuard threads(kThreads);
  const std::vector<Segment> segments(2, make_segment(SegmentRole::kPassage, 300, 1));
  WitnessEncoder encoder;
  static_cast<void>(lower_in_parts(encoder, kThreads, segments));  // starts the parts' own threads
  {
    const c10::InferenceMode inference;
    const at::Tensor weight = at::ones({WitnessEncoder::kWidth, WitnessEncoder::kWidth});
    encoder.add_layer({weight, {}});
    if (nn::has_fp16_weights()) encoder.add_layer({weight.to(at::kHalf), {}});
    if (nn::has_int8()) encoder.add_layer({weight, {}, Precision::kInt8});
  }
  const std::ptrdiff_t before = threads_of_this_process();
  for (int pass = 0; pass < 2; ++pass) {
    static_cast<void>(lower_in_parts(encoder, kThreads, segments));
  }
  EXPECT_EQ(threads_of_this_process(), before);
  EXPECT_EQ(encoder.num_threads(), std::size_t{kThreads});
  EXPECT_TRUE(encoder.all_alone());
}

}  // namespace
}  // namespace deformer
