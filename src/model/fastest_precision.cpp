#include "model/fastest_precision.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "architecture/segment_layout.h"
#include "base/stopwatch.h"
#include "deformer/encoder.h"
#include "deformer/tokenizer.h"
#include "model/make_encoder.h"
#include "model/weights.h"
#include "nn/inference_scope.h"
#include "nn/placement.h"

namespace deformer {
namespace {

constexpr int kTurns = 3;
constexpr int kMeasuredTokens = 512;
constexpr double kWorthwhile = 1.1;

// One layer over both segments, and a vocabulary of one token: its embeddings are not measured.
ModelConfig one_layer_of(ModelConfig config) {
  config.num_hidden_layers = 1;
  config.split.split_layer = 0;
  config.vocab_size = 1;
  // As long as texts usually are: some architectures have no longest text, and a model may read
  // one whole.
  config.split.max_question_tokens = std::min(config.split.max_question_tokens, kMeasuredTokens);
  config.split.window_tokens = std::min(config.split.window_tokens, kMeasuredTokens);
  return config;
}

class Candidate {
 public:
  Candidate(const ModelConfig& config, Precision precision) : precision_(precision) {
    WeightLoader weights(RandomWeights{.deviation = config.initializer_range});
    weights.place({.precision = precision});
    encoder_ = make_encoder(config, weights);
    const auto layout = make_segment_layout(config, SpecialTokens{});
    const std::vector<std::int32_t> question(config.split.max_question_tokens);
    const std::vector<std::int32_t> window(config.split.window_tokens);
    const auto window_rows = std::ssize(window) + layout->passage_special_tokens();
    const Segment question_segment = layout->question(question, window_rows);
    const auto question_rows = std::ssize(question_segment.ids);
    question_ = encoder_->lower({&question_segment, 1});
    const Segment window_segment = layout->passage(window, question_rows);
    window_ = encoder_->lower({&window_segment, 1});
  }

  // A disturbance makes times longer, never shorter.
  void time() {
    const SegmentPair pair;
    const Stopwatch watch;
    static_cast<void>(encoder_->upper(question_, window_, {&pair, 1}, JointRows::kAll));
    seconds_ = std::min(seconds_, watch.seconds());
  }

  [[nodiscard]] Precision precision() const { return precision_; }
  [[nodiscard]] double seconds() const { return seconds_; }

 private:
  Precision precision_;
  std::unique_ptr<const Encoder> encoder_;
  Encoding question_;
  Encoding window_;
  double seconds_ = std::numeric_limits<double>::infinity();
};

}  // namespace

Precision fastest_precision(const ModelConfig& config) {
  const nn::InferenceScope inference;
  const ModelConfig layer = one_layer_of(config);
  std::vector<Candidate> candidates;
  for (const Precision precision : {Precision::kFp32, Precision::kBf16, Precision::kInt8}) {
    if (nn::supports(Device::kCpu, precision)) candidates.emplace_back(layer, precision);
  }
  if (candidates.size() == 1) return candidates.front().precision();
  // In turn; the first turn warms up.
  for (int turn = 0; turn <= kTurns; ++turn) {
    for (Candidate& candidate : candidates) candidate.time();
  }
  const Candidate* best = &candidates.front();
  for (const Candidate& candidate : candidates) {
    if (candidate.seconds() * kWorthwhile < best->seconds()) best = &candidate;
  }
  return best->precision();
}

}  // namespace deformer
