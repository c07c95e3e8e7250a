// SentencePiece's mark of a word's beginning.
#pragma once

#include <string_view>

namespace deformer {

inline constexpr char32_t kWordMark = 0x2581;
inline constexpr std::string_view kWordMarkText = "\u2581";

}  // namespace deformer
