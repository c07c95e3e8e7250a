// Reads and writes prediction files of the official SQuAD scorers: one JSON object, {"question
// id": value, ...}.
#pragma once

#include <filesystem>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "deformer/export.h"

namespace deformer {

/// Answer text by question id; "" means "no answer".
using Predictions = std::unordered_map<std::string, std::string>;
/// Question id and answer text, in the order in which a file lists them.
using PredictionList = std::vector<std::pair<std::string, std::string>>;
/// Question id and how sure the system is that it has no answer (any increasing scale), in the
/// order of the file: evaluate-v2.0.py's search for the best threshold takes equal scores in that
/// order.
using NoAnswerScores = std::vector<std::pair<std::string, double>>;

/// Reads {"id": "text"}. Throws kNotFound, kIo, kCorrupt: broken JSON with line and column; a value
/// that is no string, with its id; an id that occurs twice.
[[nodiscard]] DEFORMER_EXPORT Predictions load_predictions(const std::filesystem::path& path);

/// Reads {"id": number}. Throws as load_predictions().
[[nodiscard]] DEFORMER_EXPORT NoAnswerScores
load_no_answer_scores(const std::filesystem::path& path);

/// The JSON text that write_predictions() writes: UTF-8, one prediction a line, in the given order.
/// Throws kInvalidArgument for an id that occurs twice and for text that is not UTF-8.
[[nodiscard]] DEFORMER_EXPORT std::string format_predictions(const PredictionList& predictions);

/// Writes {"id": "text"}: the whole file, or nothing and the old file stays. Throws
/// kInvalidArgument as format_predictions(), kNotFound (no such directory), kIo,
/// kResourceExhausted (disk full).
DEFORMER_EXPORT void write_predictions(const std::filesystem::path& path,
                                       const PredictionList& predictions);

/// The same for {"id": number}; the numbers read back as the same doubles. A number that is not
/// finite is kInvalidArgument: JSON has none.
[[nodiscard]] DEFORMER_EXPORT std::string format_no_answer_scores(const NoAnswerScores& scores);
DEFORMER_EXPORT void write_no_answer_scores(const std::filesystem::path& path,
                                            const NoAnswerScores& scores);

}  // namespace deformer
