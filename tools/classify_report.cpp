#include "tools/classify_report.h"

#include <algorithm>
#include <numeric>

#include "base/number_text.h"
#include "base/table_text.h"
#include "deformer/error.h"
#include "tools/json_line.h"

namespace deformer::tools {
namespace {

std::string label_of(const Dataset& data, const Prediction& prediction) {
  return label_names(data, prediction.probabilities.size())
      .at(static_cast<std::size_t>(prediction.label));
}

Json id_of(const Example& example) {
  return example.numeric_id ? Json::parse(example.id) : Json(example.id);
}

ClassScore score_level(const Dataset& data, const std::vector<Prediction>& predictions,
                       const std::string& level) {
  std::vector<int> predicted;
  std::vector<int> gold;
  for (std::size_t i = 0; i < data.examples.size(); ++i) {
    const Example& example = data.examples[i];
    if (!example.label()) continue;
    if (!level.empty() && data.passages[example.passage].level != level) continue;
    predicted.push_back(predictions[i].label);
    gold.push_back(*example.label());
  }
  return gold.empty() ? ClassScore{} : score_classes(predicted, gold, data.positive_label);
}

}  // namespace

std::string prediction_line(const Dataset& data, const Example& example,
                            const Prediction& prediction) {
  const std::vector<std::string> names = label_names(data, prediction.probabilities.size());
  Json line;
  if (!example.id.empty()) line["id"] = id_of(example);
  line["label"] = label_of(data, prediction);
  for (std::size_t i = 0; i < names.size(); ++i) {
    line["probabilities"][names[i]] = prediction.probabilities[i];
    line["logits"][names[i]] = prediction.logits[i];
  }
  if (example.label()) line["gold"] = names.at(static_cast<std::size_t>(*example.label()));
  return json_line(line);
}

std::string prediction_text(const Dataset& data, const Prediction& prediction) {
  const std::vector<std::string> names = label_names(data, prediction.probabilities.size());
  std::vector<std::size_t> order(names.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return prediction.probabilities[a] > prediction.probabilities[b];
  });
  std::string text = label_of(data, prediction) + "\n";
  for (const std::size_t i : order) {
    text += "  " + left_aligned(names[i], 14) + " " + fixed(prediction.probabilities[i], 3) + "\n";
  }
  return text;
}

void require_submission(const KnownDataset& form) {
  if (form.submission != SubmissionForm::kNone) return;
  throw Error(ErrorCode::kUnsupported, "--submission: expected boolq, mnli or qqp, found " +
                                           form.task.name + ", which has no such form");
}

std::string submission(SubmissionForm form, const Dataset& data,
                       const std::vector<Prediction>& predictions) {
  const bool superglue = form == SubmissionForm::kSuperGlue;
  std::string text = superglue ? "" : "index\tprediction\n";
  for (std::size_t i = 0; i < data.examples.size(); ++i) {
    const Example& example = data.examples[i];
    const std::string label = label_of(data, predictions[i]);
    if (superglue) {
      text.append(R"({"idx": )").append(json_text(id_of(example)));
      text.append(R"(, "label": ")").append(label).append("\"}\n");
    } else {
      // QQP's labels are the numbers of its file.
      const bool numbers = form == SubmissionForm::kGlueNumbers;
      text.append(example.id).append("\t");
      text.append(numbers ? std::to_string(predictions[i].label) : label).append("\n");
    }
  }
  return text;
}

std::vector<NamedClassScore> score_predictions(const Dataset& data,
                                               const std::vector<Prediction>& predictions) {
  std::vector<NamedClassScore> scores;
  for (const auto& [name, level] : {std::pair("all", ""), {"middle", "middle"}, {"high", "high"}}) {
    const ClassScore score = score_level(data, predictions, level);
    if (score.total > 0) scores.push_back({name, score});
  }
  return scores;
}

std::string to_table(const ClassifyReport& report) {
  std::string table;
  if (!report.scores.empty()) {
    const bool with_f1 = report.scores.front().score.f1.has_value();
    table = std::string(14, ' ') + right_aligned("examples", 10) + right_aligned("accuracy", 10) +
            (with_f1 ? right_aligned("F1", 10) : "") + "\n";
    for (const auto& [name, score] : report.scores) {
      table += left_aligned(name, 14) + right_aligned(grouped(score.total), 10) +
               right_aligned(fixed(score.accuracy, 2), 10) +
               (with_f1 ? right_aligned(fixed(score.f1.value_or(0), 2), 10) : "") + "\n";
    }
  }
  if (report.unlabelled > 0) {
    table += "examples without a label, not scored: " + grouped(report.unlabelled) + "\n";
  }
  if (report.skipped > 0) {
    table += "rows with too few columns, skipped: " + grouped(report.skipped) + "\n";
  }
  return table + cost_line(report.cost, "classified", "example");
}

std::string to_json(const ClassifyReport& report) {
  Json object;
  object["task"] = report.task;
  for (const auto& [name, score] : report.scores) {
    const std::string prefix = name == "all" ? "" : name + "_";
    object[prefix + "accuracy"] = score.accuracy;
    if (score.f1) object[prefix + "f1"] = *score.f1;
    object[prefix + "correct"] = score.correct;
    object[prefix + "total"] = score.total;
  }
  object["examples"] = report.cost.items;
  object["unlabelled"] = report.unlabelled;
  object["skipped"] = report.skipped;
  object["seconds"] = report.cost.seconds;
  object["ms_per_example"] = report.cost.ms_per_item();
  object["peak_rss_bytes"] = report.cost.peak_rss_bytes;
  return json_line(object);
}

}  // namespace deformer::tools
