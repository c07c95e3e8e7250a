// For checking parity with another implementation: all intermediate states of one question on one
// passage window.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/export.h"
#include "deformer/model.h"

namespace deformer {

/// A named matrix or vector in row-major order.
struct TraceTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

/// What the model computed. Without padding: one row per token.
struct Trace {
  /// The segments that went in, special tokens included.
  std::vector<std::int32_t> question_ids;
  std::vector<std::int32_t> passage_ids;
  /// In the order of computation, layers by absolute number:
  ///   lower.question.embeddings, lower.question.<layer>   [question tokens, hidden]
  ///   lower.passage.embeddings, lower.passage.<layer>     [passage tokens, hidden]
  ///   upper.<layer>      [joint tokens, hidden], rows in the model's joint order (BERT: the
  ///                      question's, then the passage's; XLNet: the other way round)
  ///   logits.start, logits.end                            [joint tokens], in the same order
  std::vector<TraceTensor> tensors;
  std::size_t windows = 1;    ///< of the whole passage; one of them is traced
  bool question_cut = false;  ///< the question was longer than max_question_tokens
};

/// Traces a question on window number `window` (from 0) of a passage. Throws kInvalidArgument for a
/// text without tokens or a window that the passage does not have, kIncompatible when the weights
/// hold no span head.
[[nodiscard]] DEFORMER_EXPORT Trace trace_texts(const Model& model, std::string_view question,
                                                std::string_view passage, std::size_t window = 0);

/// Traces whole segments, taken as they are: the ids include the special tokens. Throws
/// kInvalidArgument for a segment too short to hold them, or an id or a length out of range.
[[nodiscard]] DEFORMER_EXPORT Trace trace_ids(const Model& model,
                                              std::span<const std::int32_t> question_ids,
                                              std::span<const std::int32_t> passage_ids);

/// Writes a safetensors file, whole or not at all: the tensors as F32, and `ids.question`,
/// `ids.passage` as I64. Throws kIo, kNotFound, kResourceExhausted.
DEFORMER_EXPORT void save_trace(const Trace& trace, const std::filesystem::path& path);

}  // namespace deformer
