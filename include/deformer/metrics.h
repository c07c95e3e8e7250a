// Exact match and F1 as the official SQuAD scorers compute them, to the last digit.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/export.h"
#include "deformer/predictions.h"
#include "deformer/squad.h"

namespace deformer {

/// Lower-cases, drops ASCII punctuation and the articles a/an/the, squeezes white space, with
/// Python's Unicode rules (str.lower, \b, str.split), as normalize_answer of the official scorers
/// does. Unicode 15.0; Python 3.11 has 14.0, which differs only in characters that 14.0 lacks.
/// Throws kInvalidArgument when `answer` is not UTF-8.
[[nodiscard]] DEFORMER_EXPORT std::string normalize_answer(std::string_view answer);

/// 1 or 0 after normalisation.
[[nodiscard]] DEFORMER_EXPORT double exact_match(std::string_view prediction,
                                                 std::string_view gold);
/// Token F1 after normalisation, in [0, 1]. SQuAD 1.1's rule: 0 when no token is shared, also for
/// two empty answers.
[[nodiscard]] DEFORMER_EXPORT double token_f1(std::string_view prediction, std::string_view gold);

/// One question's best scores over its gold answers, each in [0, 1].
struct QuestionScore {
  std::string id;
  double exact = 0;
  double f1 = 0;
  bool has_answer = false;  ///< the file lists gold answers (evaluate-v2.0.py: HasAns)
  bool predicted = false;   ///< false: no prediction for this id, both scores are 0
};

/// Every question's scores, in the order of the file, before any threshold. By the rules of the
/// official evaluate-v1.1.py when dataset.has_unanswerable() is false, else of evaluate-v2.0.py:
/// gold answers that normalise to nothing are skipped, a question without gold answers expects "",
/// and two empty answers agree (F1 1). Question ids must be unique, as load_squad() ensures.
/// Throws kInvalidArgument when a predicted question of a 1.1 file has no gold answer, and for text
/// that is not UTF-8.
[[nodiscard]] DEFORMER_EXPORT std::vector<QuestionScore> score_questions(
    const SquadDataset& dataset, const Predictions& predictions);

/// Percentages (0..100) over `total` questions.
struct SquadScore {
  double exact = 0;
  double f1 = 0;
  std::size_t total = 0;
};

/// The scores and thresholds that evaluate-v2.0.py's search finds when "" is predicted for all
/// questions above the threshold. A threshold stays 0 when answering nothing at all is best.
struct BestThreshold {
  double best_exact = 0;
  double best_exact_threshold = 0;
  double best_f1 = 0;
  double best_f1_threshold = 0;
};

struct SquadEvaluation {
  SquadScore overall;
  std::optional<SquadScore> has_answer;  ///< SQuAD 2.0 only; absent when no question is of the kind
  std::optional<SquadScore> no_answer;   ///< SQuAD 2.0 only; likewise
  std::optional<BestThreshold> best;     ///< SQuAD 2.0 with no-answer scores only
  std::size_t missing = 0;               ///< questions without a prediction
};

/// The metric of score_questions() over a whole file. Predictions for other questions are ignored.
///
/// A question without a prediction is wrong in both versions and stays in `total`.
/// evaluate-v1.1.py does the same; evaluate-v2.0.py gives no result then (it stops with a
/// KeyError), so where it gives one, this is the same.
///
/// No-answer scores matter in SQuAD 2.0 only: a question whose score is above
/// `no_answer_threshold` counts as answered "". Without them the threshold is ignored.
///
/// Throws kInvalidArgument when the dataset has no question, when a predicted question has no
/// no-answer score, and when a score is given twice or is not a number.
[[nodiscard]] DEFORMER_EXPORT SquadEvaluation
evaluate_squad(const SquadDataset& dataset, const Predictions& predictions,
               const NoAnswerScores* no_answer_scores = nullptr, double no_answer_threshold = 1.0);

}  // namespace deformer
