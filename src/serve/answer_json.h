// Answers as JSON: one form in every mode (docs/cli.md, "Answers in JSON").
#pragma once

#include <string>
#include <string_view>

#include "deformer/span_qa.h"

namespace deformer::serve {

/// A JSON string literal; bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

/// What a line says beside the answers.
struct LineFields {
  std::string id_json;   ///< as JSON text; empty: no "id"
  std::string question;  ///< empty: no "question"
  bool no_answer_score = false;
  bool timing = false;  ///< "timing", where the result has its times
};

/// `line` with a last field "timing": {"wait_ms", "tokenize_ms", "read_ms", "lower_ms", "upper_ms",
/// "total_ms"}.
[[nodiscard]] std::string with_timing(const std::string& line, const RequestTimes& times);

/// {"id": ..., "answers": [...], "question_cut": false} and a line feed.
[[nodiscard]] std::string result_line(const QaResult& result, const LineFields& fields);

/// {"id": ..., "line": 7, "error": "..."} and a line feed.
[[nodiscard]] std::string error_line(std::size_t line, std::string_view message,
                                     const std::string& id_json);

/// The answers as a JSON array.
[[nodiscard]] std::string answers_array(const QaResult& result);

}  // namespace deformer::serve
