// What a conversion did, for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "deformer/convert.h"

namespace deformer::tools {

/// Lines without line feeds: what was read, counts, what the new model is and lacks.
[[nodiscard]] std::vector<std::string> summary_lines(const ConvertReport& report,
                                                     const std::string& to);
/// A line for every tensor: "mapped SOURCE -> NAME", "skipped SOURCE (REASON)", "unused SOURCE".
[[nodiscard]] std::vector<std::string> tensor_lines(const ConvertReport& report);
/// One object in one line (docs/cli.md).
[[nodiscard]] std::string to_json(const ConvertReport& report);

}  // namespace deformer::tools
