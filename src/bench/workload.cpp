#include "bench/workload.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>

#include "base/quote.h"
#include "bench/random.h"
#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "task/preparation.h"
#include "text/word_extents.h"
#include "text/word_mark.h"

namespace deformer {
namespace {

// SpanQa reckons with 4 bytes a token when it groups passages; longer words would make its groups
// smaller than the batches asked for.
constexpr std::size_t kMostWordBytes = 3;
constexpr std::size_t kWords = 500;
constexpr std::size_t kMostDraws = 200000;

FlopsEstimate window_flops(const ModelConfig& config, std::int64_t question, std::int64_t window) {
  const SpecialRows special = special_rows(config);
  return estimate_flops(config, {static_cast<int>(question) - special.question,
                                 static_cast<int>(window) - special.passage});
}

// Query, key and value of the first upper layer for all windows.
double projection_flops(const ModelConfig& config, const QuestionRows& rows) {
  const auto width = static_cast<double>(config.hidden_size);
  double flops = 0;
  for (const std::int64_t window : rows.windows) {
    flops += 2 * static_cast<double>(window) * width * 3 * width;
  }
  return flops;
}

bool is_plain(const std::string& word) {
  return !word.empty() && word.size() <= kMostWordBytes &&
         std::all_of(word.begin(), word.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0; });
}

// SentencePiece marks the beginning of a word; byte-level BPE has the space before it, as U+0120.
std::string spelling(const Tokenizer& tokenizer, std::size_t id) {
  constexpr std::array<std::string_view, 2> kWordStarts{kWordMarkText, "\u0120"};
  std::string word = tokenizer.token(static_cast<std::int32_t>(id));
  for (const std::string_view start : kWordStarts) {
    if (word.starts_with(start)) return word.substr(start.size());
  }
  return word;
}

// At the beginning of a text and behind another word, where it may be another token.
bool is_one_token(const Tokenizer& tokenizer, const std::string& word) {
  return tokenizer.tokenize(word).ids.size() == 1 &&
         tokenizer.tokenize(word + " " + word).ids.size() == 2;
}

// Short words that are one token each, wherever they stand.
std::vector<std::string> draw_words(const Tokenizer& tokenizer, BenchRandom& random) {
  const auto size = static_cast<std::size_t>(tokenizer.vocab_size());
  std::vector<std::string> words;
  for (std::size_t draw = 0; draw < kMostDraws && words.size() < kWords; ++draw) {
    const std::string word = spelling(tokenizer, random.below(size));
    if (is_plain(word) && is_one_token(tokenizer, word)) words.push_back(word);
  }
  if (words.empty()) {
    throw Error(ErrorCode::kUnsupported,
                "tokenizer: expected short words of one token for random texts, found none");
  }
  return words;
}

std::string draw_text(const Tokenizer& tokenizer, const std::vector<std::string>& words,
                      std::size_t tokens, BenchRandom& random) {
  std::string text;
  for (std::size_t i = 0; i < tokens; ++i) {
    if (i > 0) text += ' ';
    text += words[random.below(words.size())];
  }
  const std::size_t found = tokenizer.tokenize(text).ids.size();
  if (found == tokens) return text;
  throw Error(ErrorCode::kUnsupported, "tokenizer: expected " + std::to_string(tokens) +
                                           " tokens of as many words, found " +
                                           std::to_string(found));
}

int require_length(const char* name, int rows, int special, int most) {
  if (rows - special >= 1 && rows - special <= most) return rows - special;
  throw Error(ErrorCode::kInvalidArgument, std::string("lengths: expected ") +
                                               std::to_string(special + 1) + " to " +
                                               std::to_string(special + most) + " rows of a " +
                                               name + ", found " + std::to_string(rows));
}

void require_tokens(const char* name, const std::string& text, std::size_t tokens) {
  if (tokens > 0) return;
  throw Error(ErrorCode::kInvalidArgument, std::string(name) + " " + in_quotes(text) +
                                               ": expected at least one token, found none");
}

// Not blank in Unicode's sense, nor of control characters alone, which most tokenizers drop.
bool has_words(const std::string& text) {
  return !bert_words(text).empty();
}

// What may be asked about a paragraph.
struct Candidate {
  const SquadParagraph* paragraph = nullptr;
  std::vector<const SquadQuestion*> questions;
};

std::vector<Candidate> candidates_of(const SquadArticle& article) {
  std::vector<Candidate> candidates;
  for (const SquadParagraph& paragraph : article.paragraphs) {
    Candidate candidate{&paragraph, {}};
    for (const SquadQuestion& question : paragraph.questions) {
      if (has_words(question.question)) candidate.questions.push_back(&question);
    }
    const bool some = !candidate.questions.empty() && has_words(paragraph.context);
    if (some) candidates.push_back(std::move(candidate));
  }
  return candidates;
}

}  // namespace

SpecialRows special_rows(const ModelConfig& config) {
  const FlopsEstimate one = estimate_flops(config, {1, 1});
  return {one.question_rows - 1, one.passage_rows - 1};
}

std::vector<BenchQuestion> make_synthetic_questions(const Model& model, const RowLengths& lengths,
                                                    std::size_t count, std::uint64_t seed) {
  const SplitConfig& split = model.config().split;
  const SpecialRows special = special_rows(model.config());
  const int question =
      require_length("question", lengths.question, special.question, split.max_question_tokens);
  const int passage =
      require_length("passage", lengths.passage, special.passage, split.window_tokens);
  BenchRandom random(seed);
  const std::vector<std::string> words = draw_words(model.tokenizer(), random);
  std::vector<BenchQuestion> questions(count);
  for (BenchQuestion& each : questions) {
    each.question = draw_text(model.tokenizer(), words, static_cast<std::size_t>(question), random);
    each.passage.text =
        draw_text(model.tokenizer(), words, static_cast<std::size_t>(passage), random);
    each.passage.id = content_id(each.passage.text);
  }
  return questions;
}

std::vector<BenchQuestion> sample_questions(const SquadDataset& dataset, std::size_t count,
                                            std::uint64_t seed) {
  std::vector<Candidate> candidates;
  for (const SquadArticle& article : dataset.articles) {
    for (Candidate& each : candidates_of(article)) candidates.push_back(std::move(each));
  }
  BenchRandom random(seed);
  std::vector<BenchQuestion> questions;
  for (const std::size_t index : random.choose(count, candidates.size())) {
    const Candidate& candidate = candidates[index];
    const std::string& context = candidate.paragraph->context;
    const std::size_t chosen = random.below(candidate.questions.size());
    questions.push_back({candidate.questions[chosen]->question, {content_id(context), context}});
  }
  if (questions.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "expected at least one paragraph with a question, found none");
  }
  return questions;
}

std::vector<QuestionRows> count_rows(const Model& model, std::span<const BenchQuestion> questions) {
  const ModelConfig& config = model.config();
  const SpecialRows special = special_rows(config);
  std::vector<QuestionRows> rows(questions.size());
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const PreparedQuestion question = prepare_question(
        model.tokenizer(), config.split.max_question_tokens, questions[i].question);
    require_tokens("question", questions[i].question, question.ids.size());
    rows[i].question = std::ssize(question.ids) + special.question;
    const PreparedPassage passage =
        prepare_passage(model.tokenizer(), config.split, config.task, questions[i].passage.text);
    require_tokens("passage", questions[i].passage.text, passage.tokens.ids.size());
    for (const Window& window : passage.windows) {
      rows[i].windows.push_back(std::int64_t{window.num_tokens} + special.passage);
    }
  }
  return rows;
}

BenchWork summarize(std::span<const QuestionRows> rows) {
  BenchWork work{.questions = rows.size(), .asked = rows.size()};
  for (const QuestionRows& each : rows) {
    work.question_rows += static_cast<double>(each.question);
    work.windows += static_cast<double>(each.windows.size());
    for (const std::int64_t window : each.windows) {
      work.passage_rows += static_cast<double>(window);
    }
  }
  const auto count = static_cast<double>(std::max<std::size_t>(rows.size(), 1));
  work.question_rows /= count;
  work.windows /= count;
  work.passage_rows /= count;
  return work;
}

std::vector<std::size_t> new_shapes(std::span<const QuestionRows> rows,
                                    std::span<const std::size_t> indices,
                                    std::set<QuestionRows>& seen) {
  std::vector<std::size_t> fresh;
  for (const std::size_t index : indices) {
    if (seen.insert(rows[index]).second) fresh.push_back(index);
  }
  return fresh;
}

std::int64_t joint_rows(const QuestionRows& rows) {
  std::int64_t sum = 0;
  for (const std::int64_t window : rows.windows) sum += rows.question + window;
  return sum;
}

double encode_flops(const ModelConfig& config, BenchMode mode, const QuestionRows& rows) {
  double flops = mode == BenchMode::kProjected ? projection_flops(config, rows) : 0;
  for (const std::int64_t window : rows.windows) {
    flops += window_flops(config, rows.question, window).encode_passage;
  }
  return flops;
}

double question_flops(const ModelConfig& config, BenchMode mode, const QuestionRows& rows) {
  // `decomposed` counts the lower layers over the question with each window, which happens once.
  // They cost what encoding a window of the question's length does.
  const SpecialRows special = special_rows(config);
  const double question_lower =
      estimate_flops(config, {1, static_cast<int>(rows.question) - special.passage}).encode_passage;
  double full = 0;
  double warm = question_lower;
  for (const std::int64_t window : rows.windows) {
    const FlopsEstimate estimate = window_flops(config, rows.question, window);
    full += estimate.full;
    warm += estimate.decomposed - question_lower;
  }
  switch (mode) {
    case BenchMode::kFull:
      return full;
    case BenchMode::kCold:
      return warm + encode_flops(config, mode, rows);
    case BenchMode::kWarm:
      return warm;
    case BenchMode::kProjected:
      return warm - projection_flops(config, rows);
  }
  return 0;
}

}  // namespace deformer
