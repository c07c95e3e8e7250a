// SentencePiece's table of replacements ("precompiled_charsmap"), used as Hugging Face's
// `tokenizers` uses it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/sourced_chars.h"

namespace deformer {

/// Immutable, safe for concurrent calls.
class PrecompiledCharsmap {
 public:
  /// `blob`: the size of a double array (little-endian), the array, strings that end in zeros.
  /// Throws kCorrupt naming `where`.
  PrecompiledCharsmap(std::string_view blob, const std::string& where);

  /// A grapheme of less than 6 bytes is replaced as a whole where the table holds a beginning of
  /// it; of any other one each character is replaced by itself.
  [[nodiscard]] SourcedChars apply(const SourcedChars& chars) const;

 private:
  /// What the shortest beginning of `text` that the table holds is replaced by; nothing for none.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view text) const;
  [[nodiscard]] bool keeps(char32_t c) const { return c < kept_.size() && kept_[c]; }
  void append_grapheme(const SourcedChars& chars, std::size_t begin, std::size_t end,
                       SourcedChars& result) const;

  std::vector<std::uint32_t> units_;
  std::string strings_;
  std::array<bool, 0x80> kept_{};  // ASCII that stays as it is
};

}  // namespace deformer
