// For looking at a model without running it: what its weight files hold, and how much arithmetic
// an answer takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "deformer/device.h"
#include "deformer/export.h"
#include "deformer/model_config.h"

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
/// too, costs 6 h L^2. Embeddings, norms, activations and the head are not counted, nor XLNet's
/// table of distances (made once), nor what the last layer saves by computing the passage's rows
/// alone.
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
/// "packed up to 192 rows, plain above". docs/performance.md, "Products", says what they are. In
/// fp32 the machine is measured, where that has not been done yet.
[[nodiscard]] DEFORMER_EXPORT std::string describe_products(const Runtime& runtime);

/// The tensors of one element type in the weight files.
struct WeightFormat {
  std::string dtype;  ///< as safetensors names it: "F32", "F16", "BF16"
  std::size_t tensors = 0;
  std::int64_t values = 0;
  std::uint64_t bytes = 0;
};

/// Reads the headers of MODEL_DIR's weight files, not the weights. Ordered by `dtype`. Throws
/// kNotFound, kCorrupt.
[[nodiscard]] DEFORMER_EXPORT std::vector<WeightFormat> inspect_weights(
    const std::filesystem::path& model_dir);

}  // namespace deformer
