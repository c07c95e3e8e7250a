#include "text/windows.h"

#include <algorithm>
#include <limits>
#include <string>

#include "deformer/error.h"

namespace deformer {
namespace {

void require_positive(const char* name, std::int64_t value) {
  if (value < 1) {
    throw Error(ErrorCode::kInvalidArgument,
                std::string(name) + ": expected at least 1, found " + std::to_string(value));
  }
}

}  // namespace

std::vector<Window> make_windows(std::size_t num_tokens, std::int64_t window_tokens,
                                 std::int64_t window_step) {
  require_positive("window_tokens", window_tokens);
  require_positive("window_step", window_step);
  if (num_tokens > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ErrorCode::kInvalidArgument,
                "number of tokens: expected less than 2^32, found " + std::to_string(num_tokens));
  }
  const auto room = static_cast<std::size_t>(window_tokens);
  const std::size_t step = std::min(room, static_cast<std::size_t>(window_step));
  std::vector<Window> windows;
  for (std::size_t first = 0, end = 0; end < num_tokens; first += step) {
    end = first + std::min(room, num_tokens - first);
    windows.push_back({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(end - first)});
  }
  return windows;
}

}  // namespace deformer
