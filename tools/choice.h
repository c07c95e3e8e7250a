// Options whose value is one of a few names.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "deformer/error.h"
#include "deformer/types.h"

namespace deformer::tools {

/// The value that goes by `name`. Throws kInvalidArgument naming the option and the known names.
template <typename Value>
[[nodiscard]] Value choice(const char* option, const std::string& name,
                           const std::vector<std::pair<const char*, Value>>& choices) {
  std::string known;
  for (const auto& [spelling, value] : choices) {
    if (name == spelling) return value;
    known += (known.empty() ? "" : ", ") + std::string(spelling);
  }
  throw Error(ErrorCode::kInvalidArgument,
              std::string(option) + ": expected one of " + known + ", found \"" + name + "\"");
}

/// The element type of weights written.
[[nodiscard]] inline SaveFormat save_format(const char* option, const std::string& name) {
  return choice<SaveFormat>(option, name,
                            {{"fp32", SaveFormat::kFp32},
                             {"fp16", SaveFormat::kFp16},
                             {"bf16", SaveFormat::kBf16},
                             {"int8", SaveFormat::kInt8}});
}

}  // namespace deformer::tools
