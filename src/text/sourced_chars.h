// A changed text that knows where its characters came from: as code points, what the steps of
// tokenizer.json's normalizer work on, or as UTF-8.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "deformer/tokenizer.h"

namespace deformer {

struct SourcedChar {
  char32_t code_point = 0;
  ByteSpan source;  ///< of the original text: one or several whole characters
};
using SourcedChars = std::vector<SourcedChar>;

struct SourcedText {
  std::string text;               ///< UTF-8
  std::vector<ByteSpan> sources;  ///< of every byte: the original characters it was made from
};

/// Invalid UTF-8 counts as U+FFFD, byte by byte. `text` must be shorter than 4 GiB.
[[nodiscard]] SourcedChars decode_chars(std::string_view text);

/// Unicode's White_Space, as Rust's char::is_whitespace.
[[nodiscard]] bool is_white_space(char32_t c) noexcept;

}  // namespace deformer
