// Base64 (RFC 4648), for bytes inside JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace deformer {

/// Nothing for what is no base64: another character, another length than a multiple of four.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace deformer
