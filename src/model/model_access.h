// What the library itself needs of a Model beside the public class.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "architecture/segment_layout.h"
#include "deformer/encoder.h"
#include "deformer/model.h"
#include "model/head.h"

namespace deformer {

/// What a Model is made of, for those who have the parts already.
struct ModelParts {
  ModelConfig config;
  Runtime runtime;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const Head> head;  ///< for the configuration's task
  std::unique_ptr<const Encoder> encoder;
};

/// A friend of Model. Results live as long as the model.
struct ModelAccess {
  /// Of parts that exist already, as while training. It answers, but belongs to no store: it has
  /// neither fingerprint() nor projection_hash(), which throw kInternal.
  [[nodiscard]] static std::shared_ptr<const Model> assemble(ModelParts parts);

  /// Where special tokens, types and positions go.
  [[nodiscard]] static const SegmentLayout& layout(const Model& model) noexcept;
  /// The head for the model's task; null when the weights hold none.
  [[nodiscard]] static const Head* head(const Model& model) noexcept;

  /// The first weight that holds a NaN or an infinity: "FILE: tensor "NAME": expected finite
  /// numbers, found nan". Reads all weights, at the first call. Absent where all are finite.
  [[nodiscard]] static const std::optional<std::string>& find_non_finite_weight(const Model& model);
};

}  // namespace deformer
