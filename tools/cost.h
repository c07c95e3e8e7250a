// What a run cost: time, memory.
#pragma once

#include <cstddef>
#include <string>

namespace deformer::tools {

struct RunCost {
  std::size_t items = 0;
  double seconds = 0;  ///< without loading the model
  std::size_t peak_rss_bytes = 0;

  [[nodiscard]] double ms_per_item() const {
    return items == 0 ? 0 : 1000 * seconds / static_cast<double>(items);
  }
};

/// With the most memory that this process has held.
[[nodiscard]] RunCost run_cost(std::size_t items, double seconds);

/// "answered 3 questions in 1.5 s, 500.00 ms per question; peak memory 700 MiB" and a line feed.
[[nodiscard]] std::string cost_line(const RunCost& cost, const std::string& verb,
                                    const std::string& item);

}  // namespace deformer::tools
