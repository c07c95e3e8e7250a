// Unicode's normal form C, and where its characters came from. The reference is Hugging Face's
// `tokenizers`, whose facts belong to Unicode 9.0 (bert_chars.h).
#pragma once

#include <string_view>

#include "text/sourced_chars.h"

namespace deformer {

/// Invalid UTF-8 counts as U+FFFD, byte by byte. `text` must be shorter than 4 GiB. Neither end of
/// a byte's source is below that of the byte before.
[[nodiscard]] SourcedText nfc_text(std::string_view text);

/// False when nfc_text() would change nothing: `text` is UTF-8 without a character from U+0300 on.
[[nodiscard]] bool may_change_in_nfc(std::string_view text) noexcept;

}  // namespace deformer
