#include "train/training_set.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "task/preparation.h"
#include "text/utf8.h"

namespace deformer {
namespace {

// Tokens [first, last] of a passage.
struct TokenRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};

// The occurrence of `answer` that begins nearest to `start`.
std::optional<std::size_t> nearest_occurrence(std::string_view text, std::string_view answer,
                                              std::size_t start) {
  std::optional<std::size_t> best;
  const auto distance = [&](std::size_t at) { return at > start ? at - start : start - at; };
  for (std::size_t at = text.find(answer); at != std::string_view::npos;
       at = text.find(answer, at + 1)) {
    if (!best || distance(at) < distance(*best)) best = at;
  }
  return best;
}

class SpanSetBuilder {
 public:
  SpanSetBuilder(const Tokenizer& tokenizer, const SplitConfig& split, Negatives negatives)
      : tokenizer_(tokenizer), split_(split), negatives_(negatives) {}

  void add(const std::string& passage, const std::vector<const Example*>& examples) {
    TrainingDataReport& report = set_.report;
    report.questions += examples.size();
    const auto [tokens, windows, cut] =
        prepare_passage(tokenizer_, split_, TaskKind::kSpan, passage);
    const auto base = static_cast<std::uint32_t>(set_.windows.size());
    for (const Window& window : windows) {
      const auto* first = tokens.ids.data() + window.first_token;
      set_.windows.emplace_back(first, first + window.num_tokens);
    }
    std::vector<std::vector<TrainingPair>> by_window(windows.size());
    const ReadPassage read{passage, tokens, windows, base};
    for (const Example* example : examples) add_question(*example, read, by_window);
    for (const auto& pairs : by_window) {
      set_.pairs.insert(set_.pairs.end(), pairs.begin(), pairs.end());
    }
    ++report.paragraphs;
  }

  TrainingSet finish() {
    TrainingDataReport& report = set_.report;
    report.windows = set_.windows.size();
    report.pairs = set_.pairs.size();
    report.pairs_no_answer = static_cast<std::size_t>(
        std::count_if(set_.pairs.begin(), set_.pairs.end(),
                      [](const TrainingPair& pair) { return !pair.has_answer(); }));
    set_.no_answer = report.pairs_no_answer > 0;
    if (set_.pairs.empty()) {
      throw Error(ErrorCode::kInvalidArgument,
                  "training data: expected questions with answers, found " +
                      std::to_string(report.questions) + " questions of which none can be used (" +
                      std::to_string(report.without_answer) + " without an answer, " +
                      std::to_string(report.lost_answers) + " whose answer is not in the passage)");
    }
    return std::move(set_);
  }

 private:
  using PairsByWindow = std::vector<std::vector<TrainingPair>>;

  struct ReadPassage {
    const std::string& text;
    const TokenizedText& tokens;
    const std::vector<Window>& windows;
    std::uint32_t first_window;  ///< its place in the set
  };

  void add_question(const Example& example, const ReadPassage& passage, PairsByWindow& by_window) {
    const auto* target = std::get_if<SpanTarget>(&example.target);
    if (target == nullptr) {
      ++set_.report.without_answer;
      return;
    }
    const bool impossible = target->is_impossible;
    std::optional<TokenRange> answer;
    if (!impossible) {
      if (target->answers.front().start < 0) {
        throw Error(ErrorCode::kInvalidArgument,
                    "training data: question " + example.id +
                        ": expected the answer's place (answer_start), found none");
      }
      answer = locate(target->answers.front(), passage.text, passage.tokens);
      if (!answer) return;
    }
    std::vector<std::pair<std::size_t, TrainingPair>> pairs;
    bool found = impossible;
    for (std::size_t i = 0; i < passage.windows.size(); ++i) {
      const auto pair = pair_of(passage.windows[i], answer);
      if (!pair) continue;
      found = found || pair->has_answer();
      pairs.emplace_back(i, *pair);
    }
    if (!found) {
      ++set_.report.split_answers;
      return;
    }
    const std::uint32_t index = add_tokens(example);
    for (auto& [window, pair] : pairs) {
      pair.question = index;
      pair.window = passage.first_window + static_cast<std::uint32_t>(window);
      by_window[window].push_back(pair);
    }
  }

  std::uint32_t add_tokens(const Example& example) {
    PreparedQuestion question =
        prepare_question(tokenizer_, split_.max_question_tokens, example.questions.front());
    set_.report.cut_questions += question.cut ? 1 : 0;
    set_.questions.push_back(std::move(question.ids));
    set_.question_ids.push_back(example.id);
    return static_cast<std::uint32_t>(set_.questions.size() - 1);
  }

  std::optional<TokenRange> locate(const SquadAnswer& answer, const std::string& context,
                                   const TokenizedText& tokens) {
    const CodePointIndex index(context);
    const std::size_t begin =
        index.byte_of(std::min(static_cast<std::size_t>(answer.start), index.size()));
    const auto place =
        answer.text.empty() ? std::nullopt : nearest_occurrence(context, answer.text, begin);
    if (place) {
      const auto range = tokens_of(tokens, *place, *place + answer.text.size());
      if (range) {
        if (*place != begin) ++set_.report.moved_answers;
        return range;
      }
    }
    ++set_.report.lost_answers;
    return std::nullopt;
  }

  // All tokens that share a byte with [begin, end).
  static std::optional<TokenRange> tokens_of(const TokenizedText& tokens, std::size_t begin,
                                             std::size_t end) {
    const auto& spans = tokens.spans;
    const auto first = std::partition_point(
        spans.begin(), spans.end(), [&](const ByteSpan& span) { return span.end <= begin; });
    const auto after = std::partition_point(first, spans.end(),
                                            [&](const ByteSpan& span) { return span.begin < end; });
    if (first == after) return std::nullopt;
    return TokenRange{static_cast<std::uint32_t>(first - spans.begin()),
                      static_cast<std::uint32_t>(after - spans.begin() - 1)};
  }

  // Nothing when the window is not trained on. No `answer`: the question is unanswerable.
  [[nodiscard]] std::optional<TrainingPair> pair_of(const Window& window,
                                                    const std::optional<TokenRange>& answer) const {
    TrainingPair pair;
    if (!answer) return pair;
    const std::uint32_t end = window.first_token + window.num_tokens;
    if (answer->first >= window.first_token && answer->last < end) {
      pair.first = static_cast<std::int32_t>(answer->first - window.first_token);
      pair.last = static_cast<std::int32_t>(answer->last - window.first_token);
      return pair;
    }
    const bool overlaps = answer->first < end && answer->last >= window.first_token;
    if (overlaps || negatives_ == Negatives::kDrop) return std::nullopt;
    return pair;
  }

  const Tokenizer& tokenizer_;
  const SplitConfig& split_;
  Negatives negatives_;
  TrainingSet set_;
};

}  // namespace

TrainingSet make_span_set(const Dataset& dataset, const Tokenizer& tokenizer,
                          const SplitConfig& split, Negatives negatives) {
  std::vector<std::vector<const Example*>> by_passage(dataset.passages.size());
  for (const Example& example : dataset.examples) by_passage[example.passage].push_back(&example);
  SpanSetBuilder builder(tokenizer, split, negatives);
  for (std::size_t i = 0; i < by_passage.size(); ++i) {
    builder.add(dataset.passages[i].text, by_passage[i]);
  }
  return builder.finish();
}

TrainingSet make_training_set(const Dataset& dataset, const Tokenizer& tokenizer,
                              const SplitConfig& split, Negatives negatives) {
  TrainingSet set = dataset.kind == TaskKind::kSpan
                        ? make_span_set(dataset, tokenizer, split, negatives)
                        : make_pair_set(dataset, tokenizer, split);
  set.data_name = dataset.name;
  return set;
}

}  // namespace deformer
