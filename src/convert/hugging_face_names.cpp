#include <algorithm>

#include "architecture/architecture.h"
#include "architecture/checkpoint.h"
#include "base/quote.h"
#include "convert/name_map.h"
#include "deformer/error.h"

namespace deformer {
namespace {

bool is_buffer(std::string_view name) {
  return name.ends_with("embeddings.position_ids") || name.ends_with("embeddings.token_type_ids");
}

}  // namespace

const NamedWeight* find_weight(std::span<const NamedWeight> weights, std::string_view name) {
  const auto found = std::lower_bound(
      weights.begin(), weights.end(), name,
      [](const NamedWeight& weight, std::string_view key) { return weight.name < key; });
  return found != weights.end() && found->name == name ? &*found : nullptr;
}

void sort_weights(NameMap& map, const CheckpointSource& source) {
  std::sort(map.weights.begin(), map.weights.end(),
            [](const NamedWeight& a, const NamedWeight& b) { return a.name < b.name; });
  const auto twice = std::adjacent_find(
      map.weights.begin(), map.weights.end(),
      [](const NamedWeight& a, const NamedWeight& b) { return a.name == b.name; });
  if (twice == map.weights.end()) return;
  throw Error(ErrorCode::kIncompatible,
              source.path.string() + ": expected one tensor for " + in_quotes(twice->name) +
                  ", found " + in_quotes(source.tensors[twice->source].name) + " and " +
                  in_quotes(source.tensors[std::next(twice)->source].name));
}

NameMap map_hugging_face_names(const CheckpointSource& source, const Architecture& architecture) {
  NameMap map;
  map.architecture = &architecture;
  for (std::size_t i = 0; i < source.tensors.size(); ++i) {
    const SourceTensor& tensor = source.tensors[i];
    std::string name = canonical_name(tensor.name, architecture);
    if (is_buffer(name)) {
      map.skipped.push_back({tensor.name, SkipReason::kBuffer});
    } else {
      map.weights.push_back({std::move(name), i, tensor});
    }
  }
  sort_weights(map, source);
  return map;
}

}  // namespace deformer
