// Code points and sizes that several of the text's rules know.
#pragma once

#include <cstddef>

namespace deformer {

/// COMBINING GRAVE ACCENT: nothing below it combines.
inline constexpr char32_t kFirstCombiningMark = 0x300;
/// The one character whose full lower case is longer than itself: "i" and a combining dot above.
inline constexpr char32_t kCapitalIWithDot = 0x130;
inline constexpr char32_t kCombiningDotAbove = 0x307;
/// Code points of the longest compatibility decomposition, that of U+FDFA.
inline constexpr std::size_t kMaxDecomposition = 18;

}  // namespace deformer
