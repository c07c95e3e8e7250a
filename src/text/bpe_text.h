// A text as byte-level BPE reads it, and where its bytes came from.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/tokenizer.h"

namespace deformer {

struct BpeReading {
  bool add_prefix_space = false;  ///< before a text that does not begin with a space
  bool nfc = false;               ///< Unicode's normal form C
};

/// UTF-8 throughout: U+FFFD in place of each invalid byte. A text that needs no change is not
/// copied and must outlive the object.
class BpeText {
 public:
  BpeText(std::string_view text, const BpeReading& reading);
  BpeText(const BpeText&) = delete;
  BpeText& operator=(const BpeText&) = delete;

  [[nodiscard]] std::string_view text() const noexcept { return text_; }

  /// The original bytes of text()[begin, end), begin < end: whole characters, without the spaces at
  /// either end unless there is nothing else. The added space counts as part of what follows.
  [[nodiscard]] ByteSpan span(std::size_t begin, std::size_t end) const noexcept;

 private:
  [[nodiscard]] ByteSpan whole_characters(std::size_t begin, std::size_t end) const noexcept;

  std::string_view text_;
  std::string copy_;
  std::size_t added_bytes_ = 0;
  std::vector<ByteSpan> sources_;  // of every byte; empty: byte i is i - added_bytes_
};

}  // namespace deformer
