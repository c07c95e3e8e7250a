#include "task/preparation.h"

#include <cstddef>
#include <utility>

#include "text/windows.h"

namespace deformer {

PreparedQuestion prepare_question(const Tokenizer& tokenizer, int max_tokens,
                                  std::string_view text) {
  PreparedQuestion question{.ids = tokenizer.tokenize(text).ids};
  const auto limit = static_cast<std::size_t>(max_tokens);
  question.cut = max_tokens > 0 && question.ids.size() > limit;
  if (question.cut) question.ids.resize(limit);
  return question;
}

PreparedPassage prepare_passage(const Tokenizer& tokenizer, const SplitConfig& split, TaskKind kind,
                                std::string_view text) {
  PreparedPassage passage{.tokens = tokenizer.tokenize(text), .windows = {}};
  const auto window = static_cast<std::size_t>(split.window_tokens);
  if (kind != TaskKind::kSpan && passage.tokens.ids.size() > window) {
    passage.tokens.ids.resize(window);
    passage.tokens.spans.resize(window);
    passage.cut = true;
  }
  passage.windows = make_windows(passage.tokens.ids.size(), split.window_tokens, split.window_step);
  return passage;
}

}  // namespace deformer
