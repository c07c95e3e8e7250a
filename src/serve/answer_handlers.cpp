#include <algorithm>

#include "serve/answer_json.h"
#include "serve/handlers.h"
#include "serve/metrics.h"
#include "serve/response_json.h"

namespace deformer::serve {
namespace {

// Responds with what `body` makes of the result, or with the error.
template <typename Result, typename Body>
Done<Result> respond_with(const Call& call, QuestionPlaces places, Body body) {
  return then_in_connection<Result>(
      call.exchange,
      [call, places = std::move(places), body = std::move(body)](Outcome<Result>&& reply) {
        if (const Error* const error = reply.error()) {
          return call.exchange->respond(to_response(question_error(call, *error, places)));
        }
        call.exchange->respond({.body = body(reply.value())});
      });
}

}  // namespace

RequestControl control_of(const Call& call, std::optional<std::chrono::milliseconds> timeout) {
  const auto longest = call.api.options().timeout;
  return {
      .cancel = call.exchange->gone(),
      .deadline = std::chrono::steady_clock::now() + std::min(timeout.value_or(longest), longest)};
}

RequestControl timed_control(const Call& call, std::optional<std::chrono::milliseconds> timeout) {
  const auto longest = call.api.options().timeout;
  call.exchange->respond_within(std::min(timeout.value_or(longest), longest));
  return control_of(call, timeout);
}

void limit_time(const Call& call) {
  call.exchange->respond_within(call.api.options().timeout);
}

QaResult result_without_passages(const Call& call, const std::string& question,
                                 const QuestionPlaces& places) {
  if (!call.service->has_token(question)) {
    throw ApiFault({400, "invalid_request",
                    places.question + ": expected at least one token, found none",
                    places.question});
  }
  QaResult result;
  result.times = RequestTimes{};
  return result;
}

ApiError error_of(const Call& call, const Error& error, Work work) {
  // Only one that ended its half alone can read it; it is for log and metrics.
  if (error.code() == ErrorCode::kCancelled && call.exchange->client_left()) {
    return {kClientLeft, "client_left", "the client closed its side before there was an answer"};
  }
  ApiError told = to_api_error(error);
  // Of a store it may be the disk or the map that is full; without one it is the memory.
  if (error.code() == ErrorCode::kResourceExhausted && !call.service->has_store()) {
    told.code = kOutOfMemory;
  }
  if (!is_overloaded(error) || work == Work::kRead) return told;
  const bool write = work == Work::kWrite;
  Metrics& metrics = call.api.metrics();
  ++(write ? metrics.writes_refused : metrics.questions_refused);
  const ServiceStats stats = call.service->stats();
  told.retry_after = write ? stats.write_retry_after_s : stats.retry_after_s;
  return told;
}

void respond_error(const Call& call, const Error& error, Work work) {
  call.exchange->respond(to_response(error_of(call, error, work)));
}

ApiError question_error(const Call& call, const Error& error, const QuestionPlaces& places) {
  ApiError told = error_of(call, error, Work::kAnswer);
  // Options were checked before: what is left is a question without a token.
  if (error.code() == ErrorCode::kInvalidArgument) told.field = places.question;
  if (error.code() == ErrorCode::kNotFound) told.field = places.passages;
  return told;
}

void require_task(const Call& call, bool spans) {
  const TaskKind kind = call.service->kind();
  if ((kind == TaskKind::kSpan) == spans) return;
  throw ApiFault({400, "wrong_task",
                  "the model is for " + to_string(kind) + ", whose route is " +
                      (spans ? "/v1/classify" : "/v1/answer")});
}

std::vector<BodyLine> lines_of(const Call& call) {
  const std::string_view body = call.exchange->request().body;
  const std::size_t most = call.api.options().stream_lines;
  std::vector<BodyLine> lines;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < body.size();) {
    const std::size_t end = std::min(body.find('\n', begin), body.size());
    const std::string_view text = body.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (lines.size() == most) {
      throw ApiFault(
          {413, "too_large", "expected at most " + std::to_string(most) + " lines, found more"});
    }
    lines.push_back({number, text});
  }
  return lines;
}

void handle_answer(const Call& call) {
  require_task(call, true);
  if (call.lines) return stream_answers(call);
  AnswerCall asked = parse_answer_call(call.exchange->request().body, call.api.options().answers,
                                       call.api.options().limits);
  const LineFields fields{.id_json = asked.fields.id_json,
                          .question = "",
                          .no_answer_score = asked.request.options->allow_no_answer,
                          .timing = asked.fields.timing};
  const auto body = [fields](const QaResult& result) { return result_line(result, fields); };
  if (asked.request.passages.empty()) {
    return call.exchange->respond(
        {.body = body(result_without_passages(call, asked.request.question, asked.fields.places))});
  }
  asked.request.control = timed_control(call, asked.fields.timeout);
  call.service->answer(std::move(asked.request),
                       respond_with<QaResult>(call, asked.fields.places, body));
}

void handle_hugging_face(const Call& call) {
  require_task(call, true);
  HuggingFaceCall asked = parse_hugging_face_call(
      call.exchange->request().body, call.api.options().answers, call.api.options().limits);
  const auto body = [as_list = asked.as_list](const QaResult& result) {
    return hugging_face_body(result, as_list);
  };
  if (asked.request.passages.empty()) {
    return call.exchange->respond(
        {.body = body(result_without_passages(call, asked.request.question, asked.places))});
  }
  asked.request.control = timed_control(call, std::nullopt);
  call.service->answer(std::move(asked.request), respond_with<QaResult>(call, asked.places, body));
}

void handle_classify(const Call& call) {
  require_task(call, false);
  const TaskKind kind = call.service->kind();
  ClassifyCall asked =
      parse_classify_call(call.exchange->request().body, kind, call.api.options().limits);
  const RequestControl control = timed_control(call, asked.fields.timeout);
  const auto finished = [fields = asked.fields](std::string line, const auto& result) {
    return fields.timing && result.times ? with_timing(line, *result.times) : line;
  };
  const std::string id_json = asked.fields.id_json;
  if (kind == TaskKind::kChoice) {
    asked.choice.control = control;
    const auto body = [id_json, finished](const ChoiceResult& result) {
      return finished(choice_line(result, id_json), result);
    };
    return call.service->choose(std::move(asked.choice),
                                respond_with<ChoiceResult>(call, asked.fields.places, body));
  }
  asked.pair.control = control;
  const auto body = [id_json, finished, service = call.service](const PairResult& result) {
    return finished(class_line(service->labels(), result, id_json), result);
  };
  call.service->classify(std::move(asked.pair),
                         respond_with<PairResult>(call, asked.fields.places, body));
}

}  // namespace deformer::serve
