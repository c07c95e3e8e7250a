// Measures encoders of base size with random weights: attention with a bias (MPNet, XLNet, DeBERTa)
// against BERT's, and whole passes, joint against decomposed. No test; run by hand on a machine
// that does nothing else: deformer_encoder_times [THREADS [QUESTIONS [ARCHITECTURE]]]
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "architecture/segment_layout.h"
#include "deformer/encoder.h"
#include "deformer/model.h"
#include "model/model_access.h"
#include "nn/attention.h"
#include "nn/distance_bias.h"
#include "nn/relative_attention.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer::test {
namespace {

constexpr std::int64_t kHidden = 768;
constexpr std::int64_t kHeads = 12;
constexpr int kRuns = 21;

// Rows of a question and of a passage, special tokens included: the slots of the paper, and the
// mean of the SQuAD 1.1 development set in XLNet's tokens.
struct Lengths {
  std::int64_t question;
  std::int64_t passage;
};
constexpr Lengths kLengths[] = {{27, 293}, {15, 167}};

double milliseconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

// Medians, the works taking turns so that a disturbance hits all of them.
std::vector<double> median_times(const std::vector<std::function<void()>>& works) {
  std::vector<std::vector<double>> times(works.size());
  for (const auto& work : works) work();
  for (int run = 0; run < kRuns; ++run) {
    for (std::size_t i = 0; i < works.size(); ++i) times[i].push_back(milliseconds(works[i]));
  }
  std::vector<double> medians;
  for (auto& series : times) {
    std::nth_element(series.begin(), series.begin() + kRuns / 2, series.end());
    medians.push_back(series[kRuns / 2]);
  }
  return medians;
}

// What one layer's attention over `pairs` pairs is given, in the form of every encoder.
class AttentionCase {
 public:
  AttentionCase(const Lengths& lengths, std::int64_t pairs)
      : length_(lengths.question + lengths.passage),
        query_(rows(pairs)),
        key_(rows(pairs)),
        value_(rows(pairs)),
        other_segment_(at::randn({pairs * length_, kHeads})),
        offsets_(at::arange(0, (pairs + 1) * length_, length_, at::kLong)),
        sequences_({offsets_.const_data_ptr<std::int64_t>(), static_cast<std::size_t>(pairs) + 1},
                   at::kCPU),
        biases_(static_cast<std::size_t>(pairs), bias_.scores(length_)),
        joined_(static_cast<std::size_t>(pairs), {{length_}}),
        segments_(static_cast<std::size_t>(pairs),
                  {{lengths.passage, 0, 0}, {lengths.question, lengths.passage, 1}}) {}

  void bert() const { attend({}); }
  void mpnet() const { attend(biases_); }

  void xlnet() const {
    const nn::RelativeInputs inputs{query_, query_, other_segment_, key_, value_};
    static_cast<void>(nn::attend_relative(inputs, {keys_, kReach}, segments_, segments_));
  }

  void deberta() const {
    const nn::RelativeInputs inputs{query_, query_, {}, key_, value_};
    static_cast<void>(nn::attend_relative(inputs, {keys_, kReach, queries_}, joined_, joined_));
  }

  /// Query, key, value and output, which are the same in all encoders.
  void projections() const {
    for (int i = 0; i < 4; ++i) static_cast<void>(at::linear(query_, weight_));
  }

 private:
  static constexpr std::int64_t kReach = 512;

  [[nodiscard]] at::Tensor rows(std::int64_t pairs) const {
    return at::randn({pairs * length_, kHidden});
  }
  void attend(std::span<const at::Tensor> biases) const {
    static_cast<void>(nn::attend({query_, key_, value_}, sequences_, sequences_, kHeads, biases));
  }
  static at::Tensor distances() { return at::randn({kHeads, kHidden / kHeads, 2 * kReach + 1}); }

  std::int64_t length_;
  at::Tensor query_;
  at::Tensor key_;
  at::Tensor value_;
  at::Tensor other_segment_;
  at::Tensor offsets_;
  nn::Sequences sequences_;
  nn::DistanceBias bias_{at::randn({nn::kDistanceBuckets, kHeads})};
  std::vector<at::Tensor> biases_;
  std::vector<nn::PositionRuns> joined_;
  std::vector<nn::PositionRuns> segments_;
  at::Tensor keys_ = distances();
  at::Tensor queries_ = distances();
  at::Tensor weight_ = at::randn({kHidden, kHidden});
};

// One layer's attention: the core alone, and with its four projections.
void measure_attention(const Lengths& lengths, std::int64_t pairs) {
  const c10::InferenceMode inference;
  const AttentionCase given(lengths, pairs);
  const std::vector<double> times =
      median_times({[&] { given.projections(); }, [&] { given.bert(); }, [&] { given.mpnet(); },
                    [&] { given.xlnet(); }, [&] { given.deberta(); }});
  const double projections = times[0];
  const double bert = times[1];
  std::printf("attention of one layer, %lld x (%lld + %lld) rows: projections %.2f ms\n",
              static_cast<long long>(pairs), static_cast<long long>(lengths.question),
              static_cast<long long>(lengths.passage), projections);
  constexpr const char* kNames[] = {"bert", "mpnet", "xlnet", "deberta"};
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    const double core = times[i + 1];
    std::printf("  %-8s %6.2f ms: %.2fx of bert's, with the projections %.2fx\n", kNames[i], core,
                core / bert, (core + projections) / (bert + projections));
  }
}

std::shared_ptr<const Model> make_model(const std::string& architecture, int split_layer) {
  const TempDir dir;
  write_tiny_model(dir.path(), {.architecture = architecture,
                                .layers = 12,
                                .hidden = kHidden,
                                .heads = kHeads,
                                .intermediate = 4 * kHidden,
                                .positions = 512,
                                .split_layer = split_layer,
                                .max_question_tokens = 25,
                                .window_tokens = 292,
                                .window_step = 128,
                                .weight_scale = 0.02f});
  return Model::load(dir.path());
}

std::vector<std::int32_t> ids(std::int64_t count) {
  std::vector<std::int32_t> ids;
  for (std::int64_t i = 0; i < count; ++i) ids.push_back(static_cast<std::int32_t>(8 + i % 80));
  return ids;
}

// The answer step with the passage given, against all layers over question and passage together.
void measure_model(const Model& model, const Lengths& lengths, std::size_t questions) {
  const c10::InferenceMode inference;
  const auto joint = model.encoder().with_split_layer(0);
  const SegmentLayout& layout = ModelAccess::layout(model);
  const std::vector<Segment> question(questions, layout.question(ids(lengths.question - 2)));
  const std::vector<Segment> passage(questions, layout.passage(ids(lengths.passage - 1), 0));
  std::vector<SegmentPair> pairs;
  for (std::int64_t i = 0; i < std::ssize(question); ++i) pairs.push_back({i, i});
  const Encoding stored = model.encoder().lower(passage);
  const auto answer = [&](const Encoder& encoder, const Encoding& passages) {
    static_cast<void>(encoder.upper(encoder.lower(question), passages, pairs, JointRows::kPassage));
  };
  const std::vector<double> times = median_times(
      {[&] { answer(*joint, joint->lower(passage)); }, [&] { answer(model.encoder(), stored); },
       [&] { static_cast<void>(model.encoder().lower(passage)); }});
  const auto count = static_cast<double>(questions);
  std::printf(
      "%s, split %d, %zu x (%lld + %lld) rows: full %.1f ms, decomposed %.1f ms: %.2fx; "
      "encode %.1f ms, each per question\n",
      model.config().architecture.c_str(), model.config().split.split_layer, questions,
      static_cast<long long>(lengths.question), static_cast<long long>(lengths.passage),
      times[0] / count, times[1] / count, times[0] / times[1], times[2] / count);
}

void measure(std::size_t questions, const std::string& architecture) {
  for (const Lengths& lengths : kLengths) {
    measure_attention(lengths, static_cast<std::int64_t>(questions));
  }
  for (const auto& [kind, split] : {std::pair("bert", 9), std::pair("xlnet", 8)}) {
    if (!architecture.empty() && architecture != kind) continue;
    const auto model = make_model(kind, split);
    for (const Lengths& lengths : kLengths) measure_model(*model, lengths, questions);
  }
}

}  // namespace
}  // namespace deformer::test

int main(int argc, char** argv) {
  if (argc > 1) at::set_num_threads(std::atoi(argv[1]));
  deformer::test::measure(argc > 2 ? static_cast<std::size_t>(std::atoi(argv[2])) : 1,
                          argc > 3 ? argv[3] : "");
}
