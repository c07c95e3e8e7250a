// The lower pass over passages, window by window in batches of a token budget.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "deformer/answering.h"
#include "deformer/model.h"
#include "deformer/passage_store.h"

namespace deformer {

/// Whether a passage, by its index, is still waited for.
using IsWanted = std::function<bool(std::size_t index)>;

struct PassageBatchOptions {
  std::size_t batch_tokens = 4096;
  HiddenCodec codec = HiddenCodec::kFp32;
  bool projections = false;  // EncodeOptions::projections
  StageTimes* stage_times = nullptr;
  /// Asked before a passage is begun and before each further batch of a long one: where it says no,
  /// the rest is left out and the passage is not handed over. Null: always yes.
  IsWanted is_wanted = nullptr;
};

/// Receives the passages that a batch finished, in order, with their indices in the input.
using EncodedSink = std::function<void(std::span<const std::size_t> indices,
                                       std::vector<EncodedPassage>&& passages)>;

/// Encodes `passages` and hands each that stays wanted to `sink` once. Memory: one batch plus the
/// passages under way. Returns the number of rows computed. The model's layout must not depend on
/// the question.
std::size_t encode_in_batches(const Model& model, std::span<const Passage* const> passages,
                              const PassageBatchOptions& options, const EncodedSink& sink);

/// Throws kIncompatible naming both when the store belongs to another fingerprint than the model's.
void require_fingerprint(const Model& model, const PassageStore& store);

}  // namespace deformer
