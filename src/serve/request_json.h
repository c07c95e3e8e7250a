// JSON of requests (docs/service.md). What does not fit throws ApiFault with the field's path.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "deformer/multiple_choice.h"
#include "deformer/pair_classifier.h"
#include "deformer/span_qa.h"
#include "deformer/types.h"
#include "serve/answer_service.h"

namespace deformer::serve {

/// The longest key of a passage store.
inline constexpr std::size_t kMaxIdBytes = 500;
/// Ids of one list.
inline constexpr std::size_t kMostListed = 1000;

struct RequestLimits {
  std::size_t question_bytes = 8192;
  /// While it is read a passage's states take some 2 KB a byte (768 numbers for each token of about
  /// four bytes, in overlapping windows).
  std::size_t passage_bytes = std::size_t{512} << 10;
  std::size_t passages = 100;  ///< of one question
  std::size_t choices = 16;    ///< of one question
};

/// Where a request has what the service may refuse, for ApiError::field.
struct QuestionPlaces {
  std::string question = "question";
  std::string passages = "passage_id";
};

/// What requests of all kinds may have.
struct CallFields {
  std::string id_json;  ///< as JSON text; empty: none
  std::optional<std::chrono::milliseconds> timeout;
  bool timing = false;  ///< the response says where the time went
  QuestionPlaces places = {};
};

/// A question about passages. Passages whose text is empty are left out; a passage with a text and
/// without an id has an empty one. Whether the question is blank is for the tokenizer to say
/// (AnswerService::has_token()).
struct AnswerCall {
  CallFields fields;
  QaRequest request;
};
[[nodiscard]] AnswerCall parse_answer_call(std::string_view json, const AnswerOptions& defaults,
                                           const RequestLimits& limits);
/// The same of one line of a stream: whoever tells its fault tells its number, so that of broken
/// JSON the column alone is said.
[[nodiscard]] AnswerCall parse_answer_line(std::string_view line, const AnswerOptions& defaults,
                                           const RequestLimits& limits);

/// Of the two requests the one that the task has.
struct ClassifyCall {
  CallFields fields;
  PairRequest pair;
  ChoiceRequest choice;
};
[[nodiscard]] ClassifyCall parse_classify_call(std::string_view json, TaskKind kind,
                                               const RequestLimits& limits);

/// Hugging Face's question answering: {"inputs": {"question", "context"}, "parameters": {...}}.
struct HuggingFaceCall {
  QaRequest request;
  QuestionPlaces places = {.question = "inputs.question", .passages = "inputs.context"};
  bool as_list = false;  ///< top_k was more than 1
};
[[nodiscard]] HuggingFaceCall parse_hugging_face_call(std::string_view json,
                                                      const AnswerOptions& defaults,
                                                      const RequestLimits& limits);

/// {"text"} of the passage `id`; or, without one, a line {"id", "text"} of a stream.
[[nodiscard]] Passage parse_passage(std::string_view json, const std::optional<std::string>& id,
                                    const RequestLimits& limits);

/// "prefix", "after" and "limit" of GET /v1/passages.
[[nodiscard]] PassageQuery parse_passage_query(std::string_view query);

/// What is not UTF-8 cannot stand in JSON.
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace deformer::serve
