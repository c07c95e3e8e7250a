// The Unicode rules of Python's str and re that the official scorers rely on.
#pragma once

#include <string>
#include <string_view>

namespace deformer {

/// Throws kInvalidArgument, with the byte offset, when `text` is not UTF-8.
[[nodiscard]] std::u32string to_utf32(std::string_view text);
/// `text` holds code points only, no surrogates.
[[nodiscard]] std::string to_utf8(std::u32string_view text);

/// str.lower(): full mapping, with the final sigma rule.
[[nodiscard]] std::u32string python_lower(std::u32string_view text);
/// \w of a str pattern.
[[nodiscard]] bool is_python_word(char32_t c);
/// str.isspace(): where str.split() splits.
[[nodiscard]] bool is_python_space(char32_t c);

}  // namespace deformer
