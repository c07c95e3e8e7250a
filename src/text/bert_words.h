// BERT's text cleaning and word splitting, as Hugging Face's BertNormalizer + BertPreTokenizer:
// control characters dropped, CJK ideographs set apart, accents stripped (canonical decomposition
// without nonspacing marks), lower case, split at spaces, punctuation set apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/tokenizer.h"
#include "text/bert_chars.h"
#include "text/sourced_chars.h"

namespace deformer {

struct BertCleaning {
  bool lower_case = true;
  bool strip_accents = true;
  bool split_ideographs = true;
};

/// A text's code points after cleaning, in order, each with the bytes it was made from.
class BertCharStream {
 public:
  enum class Role : std::uint8_t {
    kPart,   ///< part of a word
    kAlone,  ///< a word of its own
    kBreak,  ///< between words
  };

  struct Char {
    char32_t code_point = 0;
    ByteSpan source;
    Role role = Role::kPart;
  };

  BertCharStream(std::string_view text, const BertCleaning& cleaning)
      : text_(text), cleaning_(cleaning) {}

  /// Byte up to which the text has been read; everything before it has been handed out if idle().
  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  /// Nothing is read but not yet handed out.
  [[nodiscard]] bool idle() const noexcept { return ready_at_ == ready_.size() && marks_.empty(); }
  /// Goes on reading at `position`; only when idle().
  void skip_to(std::size_t position) noexcept { position_ = position; }

  /// The next code point, nullptr at the end; valid until the next call. pop() removes it.
  [[nodiscard]] const Char* peek();
  void pop() noexcept { ++ready_at_; }

 private:
  struct Mark {
    char32_t code_point = 0;
    int combining_class = 0;
    BertCharKind kind = BertCharKind::kMark;
    bool leads = true;  // first code point of the decomposition of its source
  };

  void read_one();
  void decompose(char32_t code_point, ByteSpan source, Role role);
  void flush_marks();
  void emit(char32_t code_point, ByteSpan source, Role role);
  void emit_cased(char32_t code_point, ByteSpan source, Role role);

  std::string_view text_;
  BertCleaning cleaning_;
  std::size_t position_ = 0;
  std::vector<Char> ready_;
  std::size_t ready_at_ = 0;
  std::vector<Mark> marks_;             // a run of marks, not yet in canonical order
  std::vector<ByteSpan> mark_sources_;  // sources of its leading marks, in text order
  ByteSpan last_source_;
};

/// The whole text as Hugging Face's BertNormalizer leaves it: a space for white space, and one on
/// either side of an ideograph that is set apart. `text` must be shorter than 4 GiB.
[[nodiscard]] SourcedText bert_normalized(std::string_view text, const BertCleaning& cleaning);

/// Walks the words of a text. A view: the text must outlive it. Not safe for concurrent calls.
///
///   BertWords words(text, cleaning);
///   while (words.next()) use(words.word(), words.span(0, words.word().size()));
class BertWords {
 public:
  /// `text` must be shorter than 4 GiB.
  BertWords(std::string_view text, const BertCleaning& cleaning)
      : text_(text), cleaning_(cleaning), stream_(text, cleaning) {}

  /// Moves to the next word; false when there is none.
  [[nodiscard]] bool next();

  /// The cleaned word, UTF-8, never empty; valid until next().
  [[nodiscard]] std::string_view word() const noexcept { return word_; }
  [[nodiscard]] std::size_t code_points() const noexcept { return code_points_; }

  /// Bytes of the original text that word()[begin, end) was made from, begin < end: from the start
  /// of the first code point's source to the end of the last one's. Characters that were dropped or
  /// stripped belong to it only where they lie between those two.
  [[nodiscard]] ByteSpan span(std::size_t begin, std::size_t end) const noexcept {
    if (sources_.empty()) {
      return {word_begin_ + static_cast<std::uint32_t>(begin),
              word_begin_ + static_cast<std::uint32_t>(end)};
    }
    return {sources_[begin].begin, sources_[end - 1].end};
  }

 private:
  bool next_plain();
  void finish_mapped();
  void take_plain(std::size_t begin, std::size_t end);
  void map_plain();

  std::string_view text_;
  BertCleaning cleaning_;
  BertCharStream stream_;
  std::string_view word_;
  std::string buffer_;  // what word_ shows, unless that is a part of text_
  std::size_t code_points_ = 0;
  std::uint32_t word_begin_ = 0;
  std::vector<ByteSpan>
      sources_;  // of every byte of word_; empty: byte i came from word_begin_ + i
};

}  // namespace deformer
