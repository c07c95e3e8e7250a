// Unicode's normal form C, and where its characters came from. The reference is Hugging Face's
// `tokenizers`, whose facts belong to Unicode 9.0 (bert_chars.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "deformer/tokenizer.h"

namespace deformer {

struct NfcText {
  std::string text;               ///< UTF-8
  std::vector<ByteSpan> sources;  ///< of every byte: the original characters; neither end decreases
};

/// Invalid UTF-8 counts as U+FFFD, byte by byte. `text` must be shorter than 4 GiB.
[[nodiscard]] NfcText nfc_text(std::string_view text);

/// False when nfc_text() would change nothing: `text` is UTF-8 without a character from U+0300 on.
[[nodiscard]] bool may_change_in_nfc(std::string_view text) noexcept;

}  // namespace deformer
