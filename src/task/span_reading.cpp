#include "task/span_reading.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "architecture/config_check.h"
#include "task/not_finite.h"
#include "task/span_decoder.h"
#include "text/word_extents.h"

namespace deformer {
namespace {

// Rows of the head, SpanHead::rows(): the window's tokens, its special tokens, [CLS].
WindowLogits logits_of(const Window& window, const WindowOutputs& outputs) {
  return {window, outputs.output(0).first(window.num_tokens),
          outputs.output(1).first(window.num_tokens)};
}

}  // namespace

// Probabilities of which all are numbers.
bool is_finite(const WindowSpans& spans) {
  return std::isfinite(spans.no_answer) &&
         std::all_of(spans.best.begin(), spans.best.end(),
                     [](const SpanCandidate& span) { return std::isfinite(span.score); });
}

void validate(const SequenceLengths& lengths, const Model& model) {
  const auto require = [](bool holds, const char* name, const char* expected, int found) {
    if (holds) return;
    throw Error(ErrorCode::kInvalidArgument,
                std::string(name) + ": expected " + expected + ", found " + std::to_string(found));
  };
  if (model.can_store_passages()) {
    throw Error(ErrorCode::kIncompatible,
                "sequence: expected a model whose windows may depend on the question (split_layer "
                "0, layout continue), found split_layer " +
                    std::to_string(model.config().split.split_layer) + ", layout " +
                    to_string(model.config().split.layout));
  }
  require(lengths.sequence_tokens >= 1, "sequence_tokens", "at least 1", lengths.sequence_tokens);
  require(lengths.overlap_tokens >= 0, "overlap_tokens", "0 or more", lengths.overlap_tokens);
  require(lengths.max_question_tokens >= 0, "max_question_tokens", "0 or more",
          lengths.max_question_tokens);
  const auto positions = usable_positions(model.config());
  if (positions && lengths.sequence_tokens > *positions) {
    throw Error(ErrorCode::kInvalidArgument, "sequence_tokens: expected at most the model's " +
                                                 std::to_string(*positions) + " positions, found " +
                                                 std::to_string(lengths.sequence_tokens));
  }
}

void validate(const AnswerOptions& options, const Model& model) {
  if (options.top_k < 1 || options.top_k > kMaxTopK) {
    throw Error(ErrorCode::kInvalidArgument, "top_k: expected 1 to " + std::to_string(kMaxTopK) +
                                                 ", found " + std::to_string(options.top_k));
  }
  if (options.max_answer_tokens < 0) {
    throw Error(ErrorCode::kInvalidArgument, "max_answer_tokens: expected 0 or more, found " +
                                                 std::to_string(options.max_answer_tokens));
  }
  if (std::isnan(options.no_answer_threshold)) {
    throw Error(ErrorCode::kInvalidArgument, "no_answer_threshold: expected a number, found NaN");
  }
  if (options.sequence) validate(*options.sequence, model);
}

SpanReading::SpanReading(const Model& model, const QaRequest& request, const AnswerOptions& options,
                         std::string name, Done done)
    : model_(model),
      request_(request),
      options_(options),
      name_(std::move(name)),
      done_(std::move(done)),
      max_answer_tokens_(options.max_answer_tokens > 0 ? options.max_answer_tokens
                                                       : model.config().split.max_answer_tokens) {}

void SpanReading::take(const ReadPair& pair) {
  question_cut_ = pair.question_cut;
  if (options_.scoring == Scoring::kWindowProbability) {
    take_by_window(pair);
    return;
  }
  const EncodedPassage& passage = *pair.passage->encoded;
  std::vector<WindowLogits> windows;
  double no_answer_score = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < pair.windows.size(); ++i) {
    const WindowOutputs& outputs = pair.windows[i];
    windows.push_back(logits_of(passage.windows[i], outputs));
    const double cls = double{outputs.output(0).back()} + double{outputs.output(1).back()};
    if (!std::isfinite(cls)) refuse_not_finite(model_, passage.id, pair.passage->origin);
    no_answer_score = std::min(no_answer_score, cls);
  }
  const std::span<const ByteSpan> extents =
      options_.align_to_words ? pair.passage->words() : pair.passage->tokens();
  const DecodedSpans spans = best_spans(windows, extents, max_answer_tokens_, options_.top_k);
  if (!windows.empty() && !std::isfinite(spans.log_sum)) {
    refuse_not_finite(model_, passage.id, pair.passage->origin);
  }
  collector_.add(*pair.passage, pair.place, spans, no_answer_score, options_);
}

void SpanReading::take_by_window(const ReadPair& pair) {
  const EncodedPassage& passage = *pair.passage->encoded;
  // Words may make one span of several.
  const std::size_t count = options_.align_to_words ? 2 * options_.top_k + 10 : options_.top_k;
  by_window_.begin(pair.place);
  for (std::size_t i = 0; i < pair.windows.size(); ++i) {
    const WindowOutputs& outputs = pair.windows[i];
    const WindowWithCls window{logits_of(passage.windows[i], outputs), outputs.output(0).back(),
                               outputs.output(1).back()};
    const std::vector<ByteSpan> extents = clipped_extents(*pair.passage, passage.windows[i]);
    const WindowSpans spans = decode_window(window, extents, max_answer_tokens_, count);
    if (!is_finite(spans)) refuse_not_finite(model_, passage.id, pair.passage->origin);
    by_window_.add(*pair.passage, spans);
  }
}

// Hugging Face's pipeline knows of a word what lies in the window.
std::vector<ByteSpan> SpanReading::clipped_extents(const ReadyPassage& passage,
                                                   const Window& window) const {
  const std::vector<ByteSpan>& spans = passage.encoded->spans;
  if (window.num_tokens == 0) return {};
  if (!options_.align_to_words) {
    return word_extents(passage.encoded->text, {},
                        std::span(spans).subspan(window.first_token, window.num_tokens));
  }
  const auto own =
      passage.words_of(model_.tokenizer()).subspan(window.first_token, window.num_tokens);
  std::vector<ByteSpan> extents(own.begin(), own.end());
  const std::uint32_t begin = spans[window.first_token].begin;
  const std::uint32_t end = spans[window.first_token + window.num_tokens - 1].end;
  for (ByteSpan& extent : extents) {
    extent = {std::max(extent.begin, begin), std::min(extent.end, end)};
  }
  return extents;
}

void SpanReading::finish() {
  QaResult result = options_.scoring == Scoring::kWindowProbability ? by_window_.finish(options_)
                                                                    : collector_.finish(options_);
  result.id = request_.id;
  result.question_cut = question_cut_;
  done_(std::move(result));
}

}  // namespace deformer
