// Exact match and F1 as the official SQuAD scorers compute them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "deformer/dataset.h"
#include "deformer/export.h"

namespace deformer {

/// Answer text by question id; "" means "no answer".
using Predictions = std::unordered_map<std::string, std::string>;
/// How sure the system is that a question has no answer, by question id; any increasing scale.
using NoAnswerScores = std::unordered_map<std::string, double>;

/// Lower-cases, drops ASCII punctuation and the articles a/an/the, squeezes white space, with
/// Python's Unicode rules (str.lower, \b, str.split), as normalize_answer of the official scorers
/// does.
[[nodiscard]] DEFORMER_EXPORT std::string normalize_answer(std::string_view answer);

/// 1 or 0 after normalisation.
[[nodiscard]] DEFORMER_EXPORT double exact_match(std::string_view prediction,
                                                 std::string_view gold);
/// Token F1 after normalisation, in [0, 1]. SQuAD 1.1's rule: 0 when no token is shared, also for
/// two empty answers.
[[nodiscard]] DEFORMER_EXPORT double token_f1(std::string_view prediction, std::string_view gold);

/// Percentages (0..100) over `total` questions.
struct SquadScore {
  double exact = 0;
  double f1 = 0;
  std::size_t total = 0;
};

struct BestThreshold {
  double best_exact = 0;
  double best_exact_threshold = 0;
  double best_f1 = 0;
  double best_f1_threshold = 0;
};

struct SquadEvaluation {
  SquadScore overall;
  std::optional<SquadScore> has_answer;  ///< SQuAD 2.0 only
  std::optional<SquadScore> no_answer;   ///< SQuAD 2.0 only
  std::optional<BestThreshold> best;     ///< SQuAD 2.0 with no-answer scores only
  std::size_t missing = 0;  ///< questions without a prediction; 1.1 counts them as wrong
};

/// The metric of the official evaluate-v1.1.py when the dataset has no unanswerable question, else
/// of evaluate-v2.0.py. A question without a prediction counts as wrong in both (evaluate-v2.0.py
/// leaves it out of its sums and of `total`; `missing` tells).
[[nodiscard]] DEFORMER_EXPORT SquadEvaluation
evaluate_squad(const SquadDataset& dataset, const Predictions& predictions,
               const NoAnswerScores* no_answer_scores = nullptr, double no_answer_threshold = 1.0);

}  // namespace deformer
