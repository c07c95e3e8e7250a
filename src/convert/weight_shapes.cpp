#include "convert/weight_shapes.h"

#include <algorithm>
#include <charconv>

#include "base/quote.h"
#include "deformer/error.h"

namespace deformer {

std::int64_t WeightShapes::size(const std::string& name, std::size_t axis) const {
  const NamedWeight* const weight = find_weight(map_->weights, name);
  if (weight != nullptr && axis < weight->tensor.shape.size()) return weight->tensor.shape[axis];
  throw Error(ErrorCode::kIncompatible,
              source_->path.string() + ": expected a tensor " + in_quotes(name) +
                  " to tell the sizes (or the configuration's json beside the checkpoint), " +
                  "found none");
}

std::int64_t WeightShapes::layers(std::string_view prefix) const {
  std::int64_t layers = 0;
  for (const NamedWeight& weight : map_->weights) {
    if (!weight.name.starts_with(prefix)) continue;
    std::int64_t layer = 0;
    const char* const end = weight.name.data() + weight.name.size();
    std::from_chars(weight.name.data() + prefix.size(), end, layer);
    layers = std::max(layers, layer + 1);
  }
  return layers;
}

}  // namespace deformer
