// JSON of responses (docs/service.md). Answers have the form of `deformer answer`
// (serve/answer_json.h).
#pragma once

#include <string>

#include "deformer/multiple_choice.h"
#include "deformer/pair_classifier.h"
#include "deformer/span_qa.h"
#include "deformer/types.h"
#include "serve/answer_service.h"
#include "serve/api_error.h"

namespace deformer::serve {

/// {"id", "label", "probabilities": {name: number}, "question_cut", "passage_cut"} and a line feed.
[[nodiscard]] std::string class_line(const std::vector<std::string>& labels,
                                     const PairResult& result, const std::string& id_json);
/// The same; labels of choices are "A", "B", ...
[[nodiscard]] std::string choice_line(const ChoiceResult& result, const std::string& id_json);

/// Hugging Face's {"answer", "score", "start", "end"}, or a list of them.
[[nodiscard]] std::string hugging_face_body(const QaResult& result, bool as_list);

/// {"id", "text", "tokens", "windows"} and a line feed.
[[nodiscard]] std::string passage_line(const StoredPassage& passage);
/// {"passages": [{"id"}, ...], "next"} and a line feed; "next" where there is more.
[[nodiscard]] std::string passage_list(const PassageList& list);
/// {"version", "task", "labels", "layers", "split_layer", "store": {"engine", "passages", "bytes"}}
/// and a line feed.
[[nodiscard]] std::string info_line(const ServiceDescription& description, TaskKind kind,
                                    const std::vector<std::string>& labels);
/// {"id", "encoded"} and a line feed.
[[nodiscard]] std::string put_line(const std::string& id, bool encoded);
/// {"id", "stored": true} and a line feed.
[[nodiscard]] std::string stored_line(const std::string& id);

/// {"id", "line", "error": {...}} and a line feed: one line of a stream has failed.
[[nodiscard]] std::string fault_line(std::size_t line, const ApiError& error,
                                     const std::string& id_json);

}  // namespace deformer::serve
