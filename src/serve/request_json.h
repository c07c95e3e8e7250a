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
#include "deformer/task.h"

namespace deformer::serve {

struct RequestLimits {
  std::size_t question_bytes = 8192;
  std::size_t passages = 100;  ///< of one question
  std::size_t choices = 16;    ///< of one question (RACE)
};

/// What requests of all kinds may have.
struct CallFields {
  std::string id_json;  ///< as JSON text; empty: none
  std::optional<std::chrono::milliseconds> timeout;
};

/// A question about passages. Passages whose text is empty are left out; a passage with a text and
/// without an id has an empty one.
struct AnswerCall {
  CallFields fields;
  QaRequest request;
};
[[nodiscard]] AnswerCall parse_answer_call(std::string_view json, const AnswerOptions& defaults,
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
  bool as_list = false;  ///< top_k was more than 1
};
[[nodiscard]] HuggingFaceCall parse_hugging_face_call(std::string_view json,
                                                      const AnswerOptions& defaults,
                                                      const RequestLimits& limits);

/// {"text"} of the passage `id`; or, without one, {"id", "text"}.
[[nodiscard]] Passage parse_passage(std::string_view json, const std::optional<std::string>& id);

/// The id of a line whose request is at fault, as JSON text; empty where it cannot be told.
[[nodiscard]] std::string id_of_line(std::string_view json) noexcept;

}  // namespace deformer::serve
