#include "task/span_reading.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "task/not_finite.h"
#include "task/span_decoder.h"

namespace deformer {
namespace {

// Rows of the head, SpanHead::rows(): the window's tokens, its special tokens, [CLS].
WindowLogits logits_of(const Window& window, const WindowOutputs& outputs) {
  return {window, outputs.output(0).first(window.num_tokens),
          outputs.output(1).first(window.num_tokens)};
}

}  // namespace

void validate(const AnswerOptions& options) {
  if (options.top_k < 1 || options.top_k > kMaxTopK) {
    throw Error(ErrorCode::kInvalidArgument, "top_k: expected 1 to " + std::to_string(kMaxTopK) +
                                                 ", found " + std::to_string(options.top_k));
  }
  if (options.max_answer_tokens < 0) {
    throw Error(ErrorCode::kInvalidArgument, "max_answer_tokens: expected 0 or more, found " +
                                                 std::to_string(options.max_answer_tokens));
  }
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
  const EncodedPassage& passage = *pair.passage->encoded;
  std::vector<WindowLogits> windows;
  double no_answer_score = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < pair.windows.size(); ++i) {
    const WindowOutputs& outputs = pair.windows[i];
    windows.push_back(logits_of(passage.windows[i], outputs));
    const double cls = double{outputs.output(0).back()} + double{outputs.output(1).back()};
    no_answer_score = std::min(no_answer_score, cls);
  }
  const std::span<const ByteSpan> extents =
      options_.align_to_words ? pair.passage->words() : std::span<const ByteSpan>(passage.spans);
  const DecodedSpans spans = decode_spans(windows, extents, max_answer_tokens_, options_.top_k);
  if (!windows.empty() && !std::isfinite(spans.log_sum)) refuse_not_finite(model_, passage.id);
  collector_.add(passage, pair.place, spans, no_answer_score, options_);
}

void SpanReading::finish() {
  QaResult result = collector_.finish(options_);
  result.id = request_.id;
  result.question_cut = question_cut_;
  done_(std::move(result));
}

}  // namespace deformer
