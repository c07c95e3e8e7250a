// From a source's names to Hugging Face's.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "architecture/architecture.h"
#include "convert/checkpoint_source.h"
#include "convert/source_tensor.h"
#include "deformer/convert.h"

namespace deformer {

/// A weight under its new name. `tensor` is a view of the source's: transposed, a part, or itself.
struct NamedWeight {
  std::string name;
  std::size_t source = 0;  ///< index of the source's tensor
  SourceTensor tensor;
};

struct TensorflowForm;

struct NameMap {
  const Architecture* architecture = nullptr;
  const TensorflowForm* form = nullptr;  ///< of TensorFlow's names; null for others
  std::vector<NamedWeight> weights;      ///< by name; names the model may not have are among them
  std::vector<SkippedTensor> skipped;    ///< known and left out
  std::vector<std::string> unmatched;    ///< source names that mean nothing here
  /// Number of lower layers, where the names show a decomposed BERT.
  std::optional<int> split_layer;
};

/// Google's BERT, DeFormer (`bert`, `ebert` and what training with a teacher makes of them; what
/// stands before these scopes is ignored) and XLNet (official and csarron/xlnet); the table is in
/// docs/model_format.md. Throws kIncompatible when the variables are of none of these, when two are
/// one weight, or when layers contradict each other.
[[nodiscard]] NameMap map_tensorflow_names(const CheckpointSource& source);

/// Names of Hugging Face's present and past (model/checkpoint.h). Throws kIncompatible for two
/// spellings of one weight.
[[nodiscard]] NameMap map_hugging_face_names(const CheckpointSource& source,
                                             const Architecture& architecture);

/// Of weights sorted by name; null where there is none.
[[nodiscard]] const NamedWeight* find_weight(std::span<const NamedWeight> weights,
                                             std::string_view name);

/// Sorts by name. Throws kIncompatible when two weights have one name.
void sort_weights(NameMap& map, const CheckpointSource& source);

}  // namespace deformer
