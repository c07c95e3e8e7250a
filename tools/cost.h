// What a run cost: time by stage, memory.
#pragma once

#include <cstddef>
#include <string>

#include "deformer/answering.h"

namespace deformer::tools {

/// "time 46.57 s, tokenise 0.01 s (0.0 %), ...": `seconds` are those of the whole.
[[nodiscard]] std::string timing_line(const StageTimes& times, double seconds);

/// The most that this process has held.
[[nodiscard]] std::size_t peak_rss_bytes();

}  // namespace deformer::tools
