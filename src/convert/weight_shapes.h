// Sizes that the weights of a checkpoint tell by their shapes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "convert/name_map.h"

namespace deformer {

/// Views of its arguments, which outlive it.
class WeightShapes {
 public:
  WeightShapes(const NameMap& map, const CheckpointSource& source) : map_(&map), source_(&source) {}

  /// Throws kIncompatible when the weight is missing.
  [[nodiscard]] std::int64_t size(const std::string& name, std::size_t axis) const;

  /// 1 + the highest number after `prefix`.
  [[nodiscard]] std::int64_t layers(std::string_view prefix) const;

  [[nodiscard]] const CheckpointSource& source() const noexcept { return *source_; }

 private:
  const NameMap* map_;
  const CheckpointSource* source_;
};

}  // namespace deformer
