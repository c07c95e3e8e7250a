#include "deformer/class_metrics.h"

#include <string>

#include "deformer/error.h"

namespace deformer {
namespace {

struct Counts {
  std::size_t hits = 0;       // predicted and gold are the class
  std::size_t predicted = 0;  // times it was predicted
  std::size_t gold = 0;       // times it is right
};

double f1_percent(const Counts& counts) {
  if (counts.hits == 0) return 0;
  const double precision = static_cast<double>(counts.hits) / static_cast<double>(counts.predicted);
  const double recall = static_cast<double>(counts.hits) / static_cast<double>(counts.gold);
  return 100.0 * (2 * precision * recall) / (precision + recall);
}

}  // namespace

ClassScore score_classes(std::span<const int> predicted, std::span<const int> gold,
                         std::optional<int> positive_class) {
  if (gold.empty() || predicted.size() != gold.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                "score: expected as many predictions as labels and at least one, found " +
                    std::to_string(predicted.size()) + " and " + std::to_string(gold.size()));
  }
  ClassScore score;
  Counts counts;
  for (std::size_t i = 0; i < gold.size(); ++i) {
    const bool correct = predicted[i] == gold[i];
    ++score.total;
    score.correct += correct ? 1 : 0;
    if (!positive_class) continue;
    counts.predicted += predicted[i] == *positive_class ? 1 : 0;
    counts.gold += gold[i] == *positive_class ? 1 : 0;
    counts.hits += correct && gold[i] == *positive_class ? 1 : 0;
  }
  score.accuracy = 100.0 * static_cast<double>(score.correct) / static_cast<double>(score.total);
  if (positive_class) score.f1 = f1_percent(counts);
  return score;
}

}  // namespace deformer
