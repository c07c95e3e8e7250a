// The official metrics.
#include <deformer/class_metrics.h>
#include <deformer/metrics.h>
#include <deformer/predictions.h>
#include <deformer/squad.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/unordered_map.h>
#include <nanobind/stl/vector.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "calls.h"
#include "rooms.h"

namespace deformer::python {
namespace {

SquadEvaluation evaluate(const std::filesystem::path& path, const Predictions& predictions,
                         const std::optional<std::unordered_map<std::string, double>>& scores,
                         double threshold) {
  return without_gil([&] {
    const SquadDataset dataset = load_squad(path, SquadUse::kScores);
    if (!scores) return evaluate_squad(dataset, predictions, nullptr, threshold);
    // The official search for a threshold goes by the order of the questions.
    NoAnswerScores ordered;
    for (const SquadArticle& article : dataset.articles) {
      for (const SquadParagraph& paragraph : article.paragraphs) {
        for (const SquadQuestion& question : paragraph.questions) {
          const auto score = scores->find(question.id);
          if (score != scores->end()) ordered.emplace_back(*score);
        }
      }
    }
    return evaluate_squad(dataset, predictions, &ordered, threshold);
  });
}

}  // namespace

void bind_metrics(nb::module_& module) {
  nb::class_<SquadScore>(module, "SquadScore", "Percentages (0 to 100) over `total` questions.")
      .def_ro("exact", &SquadScore::exact)
      .def_ro("f1", &SquadScore::f1)
      .def_ro("total", &SquadScore::total)
      .def("__repr__", [](const SquadScore& score) {
        const nb::str form("<deformer.SquadScore exact={:.2f} f1={:.2f} total={}>");
        return nb::str(form.attr("format")(score.exact, score.f1, score.total));
      });
  nb::class_<BestThreshold>(module, "BestThreshold", "What evaluate-v2.0.py's search finds.")
      .def_ro("best_exact", &BestThreshold::best_exact)
      .def_ro("best_exact_threshold", &BestThreshold::best_exact_threshold)
      .def_ro("best_f1", &BestThreshold::best_f1)
      .def_ro("best_f1_threshold", &BestThreshold::best_f1_threshold);
  nb::class_<SquadEvaluation>(module, "SquadEvaluation", "Scores of a SQuAD file.")
      .def_ro("overall", &SquadEvaluation::overall)
      .def_ro("has_answer", &SquadEvaluation::has_answer, "SQuAD 2.0 only")
      .def_ro("no_answer", &SquadEvaluation::no_answer, "SQuAD 2.0 only")
      .def_ro("best", &SquadEvaluation::best, "SQuAD 2.0 with no-answer scores only")
      .def_ro("missing", &SquadEvaluation::missing, "Questions without a prediction");
  module.def("evaluate_squad", &evaluate, nb::arg("path"), nb::arg("predictions"),
             nb::arg("no_answer_scores") = nb::none(), nb::arg("no_answer_threshold") = 1.0,
             "Scores answer texts by question id as the official scorers do.\n\n"
             "path: a SQuAD file. predictions: {id: text}, \"\" for no answer. no_answer_scores:\n"
             "{id: how sure it is that there is no answer}, SQuAD 2.0.");
  module.def("normalize_answer", &normalize_answer, nb::arg("answer"));
  module.def("exact_match", &exact_match, nb::arg("prediction"), nb::arg("gold"),
             "1 or 0 after normalisation.");
  module.def("token_f1", &token_f1, nb::arg("prediction"), nb::arg("gold"),
             "Token F1 after normalisation, 0 to 1.");
  nb::class_<ClassScore>(module, "ClassScore", "Percentages (0 to 100).")
      .def_ro("total", &ClassScore::total)
      .def_ro("correct", &ClassScore::correct)
      .def_ro("accuracy", &ClassScore::accuracy)
      .def_ro("f1", &ClassScore::f1, "Of the positive class, where one was named");
  module.def(
      "score_classes",
      [](const std::vector<int>& predicted, const std::vector<int>& gold,
         std::optional<int> positive_class) {
        return score_classes(predicted, gold, positive_class);
      },
      nb::arg("predicted"), nb::arg("gold"), nb::arg("positive_class") = nb::none());
}

}  // namespace deformer::python
