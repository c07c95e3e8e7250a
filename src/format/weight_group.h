// Weights that belong together, by name and shape.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "format/safetensors.h"

namespace deformer {

/// Weights of which a checkpoint holds all or none, by canonical name.
struct WeightGroup {
  static constexpr std::int64_t kAny = -1;  ///< of a shape: at least 1

  std::map<std::string, Shape> shapes;
  bool required = false;

  void add(const std::string& name, Shape shape) { shapes[name] = std::move(shape); }
  /// `name`.weight [out, in] and `name`.bias [out].
  void add_dense(const std::string& name, std::int64_t in, std::int64_t out) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  }
  /// `name`.weight and `name`.bias [size].
  void add_norm(const std::string& name, std::int64_t size) {
    add(name + ".weight", {size});
    add(name + ".bias", {size});
  }
};

}  // namespace deformer
