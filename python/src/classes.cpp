// The answer steps of classes and choices.
#include <deformer/model.h>
#include <deformer/multiple_choice.h>
#include <deformer/pair_classifier.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "calls.h"
#include "errors.h"
#include "requests.h"
#include "rooms.h"
#include "texts.h"

namespace deformer::python {
namespace {

constexpr const char* kCallDoc =
    "One result a request, in order. The keyword arguments are those of SpanQa.answer().";

void bind_pairs(nb::module_& module) {
  nb::class_<PairRequest>(module, "PairRequest", "Two texts whose relation is asked for.")
      .def(
          "__init__",
          [](PairRequest* self, const nb::str& question, Passage passage, const nb::str& id) {
            new (self) PairRequest{.id = to_utf8("id", id),
                                   .question = to_utf8("question", question),
                                   .passage = std::move(passage)};
          },
          nb::arg("question"), nb::arg("passage"), nb::arg("id") = "")
      .def_ro("id", &PairRequest::id)
      .def_ro("question", &PairRequest::question);
  nb::class_<PairResult>(module, "PairResult", "The class of a pair.")
      .def_ro("id", &PairResult::id)
      .def_ro("label", &PairResult::label, "Number of the most probable class, by labels")
      .def_ro("probabilities", &PairResult::probabilities, "Softmax over the classes, by labels")
      .def_ro("logits", &PairResult::logits);
  nb::class_<PairClassifier>(module, "PairClassifier",
                             "Classifies pairs for a model of task \"classes\". Safe to use from "
                             "several threads.")
      .def(
          "__init__",
          [](PairClassifier* self, std::shared_ptr<Model> model,
             std::shared_ptr<PassageStore> store) {
            without_gil([&] { new (self) PairClassifier(std::move(model), std::move(store)); });
          },
          nb::arg("model"), nb::arg("store").none() = nb::none())
      .def_prop_ro("labels", &PairClassifier::labels, nb::rv_policy::copy,
                   "Names of the classes by number")
      .def(
          "classify",
          [](const PairClassifier& classifier, std::vector<PairRequest> requests,
             std::size_t batch_tokens, std::optional<double> timeout_s, bool return_errors,
             const Progress& progress) {
            set_deadlines(requests, timeout_s);
            const BatchOptions batches{batch_tokens, progress_callback(progress)};
            return collect<PairResult>(requests.size(), return_errors, [&](const PairSink& sink) {
              classifier.classify_each(requests, sink, batches);
            });
          },
          nb::arg("requests"), nb::kw_only(), nb::arg("batch_tokens") = 4096,
          nb::arg("timeout_s") = nb::none(), nb::arg("return_errors") = false,
          nb::arg("progress") = nb::none(), kCallDoc);
}

void bind_choices(nb::module_& module) {
  nb::class_<ChoiceRequest>(module, "ChoiceRequest",
                            "A question with its options about an article: one text for each "
                            "option, the question with the option in it.")
      .def(
          "__init__",
          [](ChoiceRequest* self, const std::vector<nb::str>& choices, Passage passage,
             const nb::str& id) {
            new (self) ChoiceRequest{.id = to_utf8("id", id),
                                     .choices = to_utf8("choices", choices),
                                     .passage = std::move(passage)};
          },
          nb::arg("choices"), nb::arg("passage"), nb::arg("id") = "")
      .def_ro("id", &ChoiceRequest::id)
      .def_ro("choices", &ChoiceRequest::choices);
  nb::class_<ChoiceResult>(module, "ChoiceResult", "The option of a question.")
      .def_ro("id", &ChoiceResult::id)
      .def_ro("choice", &ChoiceResult::choice, "The most probable option, from 0")
      .def_ro("probabilities", &ChoiceResult::probabilities, "Softmax over the options")
      .def_ro("logits", &ChoiceResult::logits);
  nb::class_<MultipleChoice>(module, "MultipleChoice",
                             "Chooses for a model of task \"choice\". Safe to use from several "
                             "threads.")
      .def(
          "__init__",
          [](MultipleChoice* self, std::shared_ptr<Model> model,
             std::shared_ptr<PassageStore> store) {
            without_gil([&] { new (self) MultipleChoice(std::move(model), std::move(store)); });
          },
          nb::arg("model"), nb::arg("store").none() = nb::none())
      .def(
          "choose",
          [](const MultipleChoice& chooser, std::vector<ChoiceRequest> requests,
             std::size_t batch_tokens, std::optional<double> timeout_s, bool return_errors,
             const Progress& progress) {
            set_deadlines(requests, timeout_s);
            const BatchOptions batches{batch_tokens, progress_callback(progress)};
            return collect<ChoiceResult>(
                requests.size(), return_errors,
                [&](const ChoiceSink& sink) { chooser.choose_each(requests, sink, batches); });
          },
          nb::arg("requests"), nb::kw_only(), nb::arg("batch_tokens") = 4096,
          nb::arg("timeout_s") = nb::none(), nb::arg("return_errors") = false,
          nb::arg("progress") = nb::none(), kCallDoc);
}

}  // namespace

void bind_classes(nb::module_& module) {
  bind_pairs(module);
  bind_choices(module);
}

}  // namespace deformer::python
