#include "deformer/metrics.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "deformer/error.h"

namespace deformer {
namespace {

using Words = std::vector<std::string_view>;

// Of a normalised answer: U+0020 is the only white space there.
Words split_words(std::string_view normalized) {
  Words words;
  while (!normalized.empty()) {
    const std::size_t end = std::min(normalized.find(' '), normalized.size());
    words.push_back(normalized.substr(0, end));
    normalized.remove_prefix(std::min(end + 1, normalized.size()));
  }
  return words;
}

std::size_t count_shared(Words a, Words b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  Words shared;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(shared));
  return shared.size();
}

// The scorers' arithmetic, operation by operation: the simpler 2n / (p + g) rounds differently.
double f1_of_normalized(std::string_view prediction, std::string_view gold) {
  const Words predicted = split_words(prediction);
  const Words expected = split_words(gold);
  const auto shared = static_cast<double>(count_shared(predicted, expected));
  if (shared == 0) return 0;
  const double precision = shared / static_cast<double>(predicted.size());
  const double recall = shared / static_cast<double>(expected.size());
  return (2 * precision * recall) / (precision + recall);
}

enum class Rules { kSquad11, kSquad20 };

Rules rules_of(const SquadDataset& dataset) {
  return dataset.has_unanswerable() ? Rules::kSquad20 : Rules::kSquad11;
}

std::vector<std::string> normalized_golds(const SquadQuestion& question, Rules rules) {
  std::vector<std::string> golds;
  for (const SquadAnswer& answer : question.answers) {
    golds.push_back(normalize_answer(answer.text));
  }
  if (rules == Rules::kSquad20) {
    std::erase(golds, "");
    if (golds.empty()) golds.emplace_back();
  } else if (golds.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "question " + question.id +
                    ": expected at least one gold answer to compare with, found none (a question "
                    "without an answer is marked \"is_impossible\": true)");
  }
  return golds;
}

QuestionScore score_question(const SquadQuestion& question, const std::string* prediction,
                             Rules rules) {
  QuestionScore score{.id = question.id,
                      .has_answer = !question.answers.empty(),
                      .predicted = prediction != nullptr};
  if (prediction == nullptr) return score;
  const std::string predicted = normalize_answer(*prediction);
  for (const std::string& gold : normalized_golds(question, rules)) {
    const bool exact = predicted == gold;
    const bool both_empty = exact && gold.empty() && rules == Rules::kSquad20;
    score.exact = std::max(score.exact, exact ? 1.0 : 0.0);
    score.f1 = std::max(score.f1, both_empty ? 1.0 : f1_of_normalized(predicted, gold));
  }
  return score;
}

template <typename Function>
void for_each_question(const SquadDataset& dataset, Function&& visit) {
  for (const SquadArticle& article : dataset.articles) {
    for (const SquadParagraph& paragraph : article.paragraphs) {
      for (const SquadQuestion& question : paragraph.questions) visit(question);
    }
  }
}

// Plain sums in the order of the file, as the scorers (with Python before 3.12) add.
template <typename Predicate>
SquadScore average(const std::vector<QuestionScore>& scores, Predicate&& counts) {
  SquadScore sum;
  for (const QuestionScore& score : scores) {
    if (!counts(score)) continue;
    sum.exact += score.exact;
    sum.f1 += score.f1;
    ++sum.total;
  }
  const auto total = static_cast<double>(sum.total);
  return {100.0 * sum.exact / total, 100.0 * sum.f1 / total, sum.total};
}

template <typename Predicate>
std::optional<SquadScore> average_of_some(const std::vector<QuestionScore>& scores,
                                          Predicate&& counts) {
  if (std::none_of(scores.begin(), scores.end(), counts)) return std::nullopt;
  return average(scores, counts);
}

void check_no_answer_scores(const NoAnswerScores& no_answer_scores,
                            const std::vector<QuestionScore>& scores) {
  std::unordered_map<std::string_view, double> by_id;
  const auto fail = [](const std::string& id, const char* expected, const char* found) {
    throw Error(ErrorCode::kInvalidArgument, "no-answer score of question " + id + ": expected " +
                                                 expected + ", found " + found);
  };
  for (const auto& [id, value] : no_answer_scores) {
    if (std::isnan(value)) fail(id, "a number", "NaN");
    if (!by_id.emplace(id, value).second) fail(id, "one", "two");
  }
  for (const QuestionScore& score : scores) {
    if (score.predicted && !by_id.contains(score.id)) fail(score.id, "one", "none");
  }
}

using ScoreById = std::unordered_map<std::string_view, QuestionScore*>;

ScoreById index_predicted(std::vector<QuestionScore>& scores) {
  ScoreById index;
  for (QuestionScore& score : scores) {
    if (score.predicted) index.emplace(score.id, &score);
  }
  return index;
}

// A question above the threshold counts as answered "".
void apply_threshold(const NoAnswerScores& no_answer_scores, double threshold,
                     std::vector<QuestionScore>& scores) {
  const ScoreById index = index_predicted(scores);
  for (const auto& [id, value] : no_answer_scores) {
    const auto found = index.find(id);
    if (found == index.end() || !(value > threshold)) continue;
    found->second->exact = found->second->has_answer ? 0 : 1;
    found->second->f1 = found->second->exact;
  }
}

struct Candidate {
  double no_answer_score;
  const QuestionScore* score;
  bool answered;  // the prediction is not ""
};

// From the question that is most surely answerable on; equal ones in the order of the file.
std::vector<Candidate> sorted_candidates(const NoAnswerScores& no_answer_scores,
                                         std::vector<QuestionScore>& scores,
                                         const Predictions& predictions) {
  const ScoreById index = index_predicted(scores);
  std::vector<Candidate> candidates;
  for (const auto& [id, value] : no_answer_scores) {
    const auto found = index.find(id);
    if (found == index.end()) continue;
    candidates.push_back({value, found->second, !predictions.at(id).empty()});
  }
  std::stable_sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
    return a.no_answer_score < b.no_answer_score;
  });
  return candidates;
}

struct Best {
  double score;
  double threshold;
};

// Starts with "" for every question, then lets one question after the other be answered. As in
// evaluate-v2.0.py the best point may lie between two questions of equal no-answer score, which no
// threshold can tell apart.
Best find_best(const std::vector<Candidate>& candidates, double QuestionScore::*metric,
               std::size_t total) {
  auto sum = static_cast<double>(
      std::count_if(candidates.begin(), candidates.end(),
                    [](const Candidate& candidate) { return !candidate.score->has_answer; }));
  Best best{sum, 0};
  for (const Candidate& candidate : candidates) {
    if (candidate.score->has_answer) {
      sum += candidate.score->*metric;
    } else if (candidate.answered) {
      sum -= 1;
    }
    if (sum > best.score) best = {sum, candidate.no_answer_score};
  }
  return {100.0 * best.score / static_cast<double>(total), best.threshold};
}

BestThreshold find_best_thresholds(const std::vector<Candidate>& candidates, std::size_t total) {
  const Best exact = find_best(candidates, &QuestionScore::exact, total);
  const Best f1 = find_best(candidates, &QuestionScore::f1, total);
  return {exact.score, exact.threshold, f1.score, f1.threshold};
}

}  // namespace

double exact_match(std::string_view prediction, std::string_view gold) {
  return normalize_answer(prediction) == normalize_answer(gold) ? 1 : 0;
}

double token_f1(std::string_view prediction, std::string_view gold) {
  return f1_of_normalized(normalize_answer(prediction), normalize_answer(gold));
}

std::vector<QuestionScore> score_questions(const SquadDataset& dataset,
                                           const Predictions& predictions) {
  const Rules rules = rules_of(dataset);
  std::vector<QuestionScore> scores;
  scores.reserve(dataset.num_questions());
  for_each_question(dataset, [&](const SquadQuestion& question) {
    const auto found = predictions.find(question.id);
    const std::string* prediction = found == predictions.end() ? nullptr : &found->second;
    scores.push_back(score_question(question, prediction, rules));
  });
  return scores;
}

SquadEvaluation evaluate_squad(const SquadDataset& dataset, const Predictions& predictions,
                               const NoAnswerScores* no_answer_scores, double no_answer_threshold) {
  std::vector<QuestionScore> scores = score_questions(dataset, predictions);
  if (scores.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "dataset: expected at least one question, found none");
  }
  const bool squad20 = rules_of(dataset) == Rules::kSquad20;
  SquadEvaluation evaluation;
  if (squad20 && no_answer_scores != nullptr) {
    check_no_answer_scores(*no_answer_scores, scores);
    const auto candidates = sorted_candidates(*no_answer_scores, scores, predictions);
    evaluation.best = find_best_thresholds(candidates, scores.size());
    apply_threshold(*no_answer_scores, no_answer_threshold, scores);
  }
  const auto predicted = [](const QuestionScore& score) { return score.predicted; };
  const auto has_answer = [](const QuestionScore& score) { return score.has_answer; };
  evaluation.overall = average(scores, [](const QuestionScore&) { return true; });
  if (squad20) {
    evaluation.has_answer = average_of_some(scores, has_answer);
    evaluation.no_answer = average_of_some(scores, std::not_fn(has_answer));
  }
  evaluation.missing =
      static_cast<std::size_t>(std::count_if(scores.begin(), scores.end(), std::not_fn(predicted)));
  return evaluation;
}

}  // namespace deformer
