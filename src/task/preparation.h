// Texts made ready for the encoder: token ids, cut to what a model reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "deformer/model_config.h"
#include "deformer/passage_store.h"
#include "deformer/tokenizer.h"

namespace deformer {

/// English WordPiece makes about one token of 4 bytes or more: to bound and estimate, where a text
/// has not been tokenised.
inline constexpr std::size_t kBytesPerToken = 4;

struct PreparedQuestion {
  std::vector<std::int32_t> ids;  ///< without special tokens, at most max_question_tokens
  bool cut = false;               ///< the text has more
};

/// `max_tokens`: longer ones are cut; 0: none is.
[[nodiscard]] PreparedQuestion prepare_question(const Tokenizer& tokenizer, int max_tokens,
                                                std::string_view text);

struct PreparedPassage {
  TokenizedText tokens;  ///< of the whole text; of the first window where the task reads one
  std::vector<Window> windows;
  bool cut = false;  ///< the task reads one window, and the text has more
};

[[nodiscard]] PreparedPassage prepare_passage(const Tokenizer& tokenizer, const SplitConfig& split,
                                              TaskKind kind, std::string_view text);

}  // namespace deformer
