// How GPT-2 cuts a text into words before its pieces are looked for. The reference is the pattern
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// of Hugging Face's `tokenizers`.
#pragma once

#include <cstddef>
#include <string_view>

namespace deformer {

/// End of the word that begins at `begin`, which must be < text.size(). Words follow each other
/// without a gap; one that is not the first may depend on what stands before it only by where it
/// begins. An invalid byte counts as U+FFFD.
[[nodiscard]] std::size_t gpt2_word_end(std::string_view text, std::size_t begin) noexcept;

}  // namespace deformer
