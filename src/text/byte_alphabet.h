// The characters that stand for bytes in the vocabulary of a byte-level BPE model: printable ones
// for themselves, U+0100 and on for the others, in their order.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace deformer {

[[nodiscard]] char32_t byte_character(unsigned char byte) noexcept;

/// The bytes that a token's spelling stands for ("\u0120of" is " of"); none when it holds a
/// character of no byte.
[[nodiscard]] std::optional<std::string> bytes_of_spelling(std::string_view token);

}  // namespace deformer
