// Token spans in about one byte each (docs/store_format.md, 1.3).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "deformer/types.h"

namespace deformer {

[[nodiscard]] std::vector<std::byte> encode_token_spans(std::span<const ByteSpan> spans);

/// Nothing when `bytes` is not exactly the canonical code of `count` spans with ends below 2^32.
[[nodiscard]] std::optional<std::vector<ByteSpan>> decode_token_spans(
    std::span<const std::byte> bytes, std::size_t count);

}  // namespace deformer
