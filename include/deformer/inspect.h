// For looking into a model: what its weight files hold, how much arithmetic an answer takes, and
// all intermediate states of one question on one passage window, for checking parity with another
// implementation.
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

/// Lengths of a question and of a passage window in tokens, special tokens not counted. The
/// defaults are the slots of the paper's measurements (Cao et al., ACL 2020): 27 + 293 with special
/// tokens.
struct FlopsSizes {
  int question_tokens = 25;
  int passage_tokens = 292;
};

/// Floating-point operations, a multiply-add counting as two. A layer of width h with an inner
/// width i over L rows costs 8 h^2 L (projections) + 4 h i L (feed-forward) + 4 h L^2 (attention);
/// for i = 4 h that is the paper's 24 h^2 L + 4 h L^2. XLNet's attention, which scores positions
/// too, costs 6 h L^2, DeBERTa's, which scores them twice, 8 h L^2. Embeddings, norms, activations
/// and the head are not counted, nor XLNet's table of distances (made once), nor what the last
/// layer saves by computing the passage's rows alone.
struct FlopsEstimate {
  int question_rows = 0;      ///< with special tokens
  int passage_rows = 0;       ///< with special tokens
  double full = 0;            ///< all layers over question and passage together
  double decomposed = 0;      ///< the passage given: lower over the question, upper over both
  double encode_passage = 0;  ///< lower layers over the passage, once
};

/// Throws kInvalidArgument for a length below 1.
[[nodiscard]] DEFORMER_EXPORT FlopsEstimate estimate_flops(const ModelConfig& config,
                                                           const FlopsSizes& sizes = {});

/// What sets an encoder apart from BERT's, in words.
struct ArchitectureFacts {
  std::string embeddings;  ///< "128 wide, then a dense layer to 768"
  std::string layers;      ///< "12, all with the same weights"
  std::string positions;   ///< "absolute, a table of 512"
};

/// Of a valid configuration.
[[nodiscard]] DEFORMER_EXPORT ArchitectureFacts describe_architecture(const ModelConfig& config);

/// Which matrix products the layers of a model that runs so use (Model::runtime()): "fp16",
/// "packed up to 192 rows (measured), plain above". docs/design_measurements.md, "Products", says
/// what they are. In fp32 the machine is measured, where that has not been done yet.
[[nodiscard]] DEFORMER_EXPORT std::string describe_products(const Runtime& runtime);

/// The tensors of one element type in the weight files.
struct WeightFormat {
  std::string dtype;  ///< as safetensors names it: "F32", "F16", "BF16", "I8"
  std::size_t tensors = 0;
  std::int64_t values = 0;
  std::uint64_t bytes = 0;
};

/// Reads the headers of MODEL_DIR's weight files, not the weights. Ordered by `dtype`. Throws
/// kNotFound, kCorrupt.
[[nodiscard]] DEFORMER_EXPORT std::vector<WeightFormat> inspect_weights(
    const std::filesystem::path& model_dir);

// ---- Intermediate states

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
