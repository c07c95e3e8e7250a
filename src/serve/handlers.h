// Handlers of the routes, by file: answers, streams of answers, passages, and what operators ask.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/answer_service.h"
#include "serve/api.h"

namespace deformer::serve {

// answer_handlers.cpp
void handle_answer(const Call& call);
void handle_classify(const Call& call);
void handle_hugging_face(const Call& call);
// answer_stream.cpp
void stream_answers(const Call& call);
// passage_handlers.cpp
void handle_put_passage(const Call& call);
void handle_list_passages(const Call& call);
void handle_get_passage(const Call& call);
void handle_delete_passage(const Call& call);
// passage_stream.cpp
void handle_put_passages(const Call& call);
// status_handlers.cpp
void handle_livez(const Call& call);
void handle_readyz(const Call& call);
void handle_metrics(const Call& call);
void handle_openapi(const Call& call);
void handle_info(const Call& call);
void handle_page(const Call& call);

/// When the client leaves, and by when it wants its answer.
[[nodiscard]] RequestControl control_of(const Call& call,
                                        std::optional<std::chrono::milliseconds> timeout);

/// control_of() of a request of its own, no line of a stream: it is answered 504 when its time is
/// over, whatever computes.
[[nodiscard]] RequestControl timed_control(const Call& call,
                                           std::optional<std::chrono::milliseconds> timeout);

/// The same for what cannot be given up: it goes on, and may still be done.
void limit_time(const Call& call);

/// What a question is answered that has no passage with a text: nothing, in no time. Throws the 400
/// of one without a token: it is no question, whatever there is to read.
[[nodiscard]] QaResult result_without_passages(const Call& call, const std::string& question,
                                               const QuestionPlaces& places);

/// What a request has the service do: each has a queue of its own.
enum class Work : std::uint8_t { kAnswer, kRead, kWrite };

/// The error of a reply as a client sees it; counts refusals, so for what a client is told alone.
[[nodiscard]] ApiError error_of(const Call& call, const Error& error, Work work);

/// What a reply that has no result is answered with.
void respond_error(const Call& call, const Error& error, Work work);

/// error_of() of questions, with the field at fault.
[[nodiscard]] ApiError question_error(const Call& call, const Error& error,
                                      const QuestionPlaces& places);

/// Throws the 400 of a route that the model's task does not have.
void require_task(const Call& call, bool spans);

/// The lines of a body that are not blank, with their numbers from 1. Throws the 413 of too many.
struct BodyLine {
  std::size_t number = 0;
  std::string_view text;
};
[[nodiscard]] std::vector<BodyLine> lines_of(const Call& call);

/// A callback of the service that goes on in the connection's thread.
template <typename Result, typename Then>
[[nodiscard]] Done<Result> then_in_connection(const std::shared_ptr<Exchange>& exchange,
                                              Then&& then) {
  return [exchange, then = std::forward<Then>(then)](Outcome<Result>&& reply) {
    exchange->run([then, shared = std::make_shared<Outcome<Result>>(std::move(reply))] {
      then(std::move(*shared));
    });
  };
}

}  // namespace deformer::serve
