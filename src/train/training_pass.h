// One forward pass of a batch and its losses.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "architecture/segment_layout.h"
#include "deformer/encoder.h"
#include "deformer/training.h"
#include "model/head.h"
#include "train/losses.h"
#include "train/training_set.h"

namespace deformer {

/// Segments of a pass, each once, and who meets whom.
struct PassBatch {
  std::vector<Segment> questions;
  std::vector<Segment> windows;
  std::vector<SegmentPair> pairs;
  std::vector<std::int64_t> passage_tokens;  ///< by pair: its window's own tokens
  /// Right candidates, by choice and example: first and last token of a span (two lists), or the
  /// class (one).
  std::vector<std::vector<std::int64_t>> targets;
  bool no_answer = false;  ///< [CLS] is the last candidate of every pair, and the target of pairs
                           ///< without an answer

  [[nodiscard]] std::int64_t joint_rows() const;
};

/// The pairs of `indices`, which stand window by window.
[[nodiscard]] PassBatch make_pass_batch(const TrainingSet& set,
                                        std::span<const std::uint32_t> indices,
                                        const SegmentLayout& layout);

struct PassLosses {
  LossTerm task;
  std::optional<LossTerm> kd;
  std::optional<LossTerm> lrs;
};

struct PassOptions {
  LossWeights weights = {};  ///< a loss without weight is not computed, the task's loss always is
  double temperature = 2.0;
  LrsScale lrs_scale = LrsScale::kRaw;
  TrainingPrecision precision = TrainingPrecision::kFp32;  ///< of both encoders
  double dropout = 0;  ///< the student's; the teacher always sees all values
  std::optional<at::Generator> generator = {};
};

/// An encoder with its head.
struct ModelView {
  const Encoder& encoder;
  const Head& head;
};

/// What a model's forward pass leaves for the losses.
struct PassStates {
  at::Tensor logits = {};        ///< [choices, examples, candidates]
  std::int64_t first_layer = 0;  ///< the first that is compared
  std::vector<at::Tensor> layers =
      {};  ///< all joint rows of it and the following; empty without lrs
};

/// The teacher's states, at split layer 0 and without gradient: the target of every student that
/// is split at `first_layer` or above. Nothing when neither kd nor lrs has a weight.
[[nodiscard]] std::optional<PassStates> run_teacher(const ModelView& teacher,
                                                    std::int64_t first_layer,
                                                    const PassBatch& batch,
                                                    const PassOptions& options);

/// `target`: run_teacher() of the same batch and options; null when neither kd nor lrs has a
/// weight. `first_upper_layer`: the student's split layer; the layers from there on are compared.
[[nodiscard]] PassLosses run_pass(const ModelView& student, const PassStates* target,
                                  std::int64_t first_upper_layer, const PassBatch& batch,
                                  const PassOptions& options);

}  // namespace deformer
