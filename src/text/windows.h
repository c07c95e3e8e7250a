// How a long passage is cut into windows that each fit the model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "deformer/types.h"

namespace deformer {

/// Windows start at 0, step, 2 * step, ...; each holds min(window_tokens, tokens left), and the
/// first that reaches the last token is the last one. A step beyond window_tokens counts as
/// window_tokens, so that no token is skipped. No tokens, no windows. Throws kInvalidArgument for
/// window_tokens or window_step below 1 and for more than 2^32 - 1 tokens.
[[nodiscard]] std::vector<Window> make_windows(std::size_t num_tokens, std::int64_t window_tokens,
                                               std::int64_t window_step);

}  // namespace deformer
