// What XLNet and ALBERT do to a text before SentencePiece sees it: white space squeezed, quotes
// made plain, accents stripped. The reference is Hugging Face's XLNetTokenizer, whose rules are
// Python's. Other kinds lower the case at most.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/tokenizer.h"

namespace deformer {

struct XlnetCleaning {
  bool remove_space = true;  ///< runs of white space become one space, none at the ends
  bool keep_accents = false;
  bool lower_case = false;
  bool plain_quotes = true;  ///< `` and '' become "
};

/// A cleaned text, UTF-8, and where each of its bytes came from.
struct XlnetText {
  std::string text;
  std::vector<ByteSpan> sources;  ///< of every byte: the original character or characters
};

/// Accents go by compatibility decomposition (NFKD)
/// without its combining characters, so this also makes "\uFF11" a "1" and "\uFB01" an "fi".
/// Invalid UTF-8 counts as U+FFFD, byte by byte. `text` must be shorter than 4 GiB.
[[nodiscard]] XlnetText clean_xlnet_text(std::string_view text, const XlnetCleaning& cleaning);

/// str.isdigit() of Python for one code point: what stands before a comma that XLNet cuts off.
[[nodiscard]] bool is_python_digit(char32_t c);

}  // namespace deformer
