// Expected values of tests/golden/metrics, made by scripts/golden/make_golden_metrics.py.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/json.h"

namespace deformer::test {

inline std::filesystem::path golden_path(const std::string& name) {
  return std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests/golden/metrics" / name;
}

inline nlohmann::json load_golden(const std::string& name) {
  return load_json(golden_path(name));
}

}  // namespace deformer::test
