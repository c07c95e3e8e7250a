// Data sets, as the library reads them.
#include <deformer/dataset.h>
#include <deformer/error.h>
#include <deformer/known_datasets.h>
#include <deformer/squad.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "calls.h"
#include "rooms.h"

namespace deformer::python {
namespace {

using Gold = std::vector<std::pair<std::string, std::int64_t>>;

Gold answers_of(const Example& example) {
  Gold gold;
  if (const auto* const target = std::get_if<SpanTarget>(&example.target)) {
    for (const SquadAnswer& answer : target->answers) gold.emplace_back(answer.text, answer.start);
  }
  return gold;
}

bool is_impossible(const Example& example) {
  const auto* const target = std::get_if<SpanTarget>(&example.target);
  return target != nullptr && target->is_impossible;
}

std::vector<std::string> texts_of(const Dataset& dataset) {
  std::vector<std::string> texts;
  for (const DatasetPassage& passage : dataset.passages) texts.push_back(passage.text);
  return texts;
}

std::string passage_of(const Dataset& dataset, const Example& example) {
  if (example.passage < dataset.passages.size()) return dataset.passage_of(example);
  throw Error(ErrorCode::kInvalidArgument,
              "passage_of: expected an example of this data set, found one on passage " +
                  std::to_string(example.passage) + " of another");
}

SquadUse parse_use(const std::string& use) {
  if (use == "training") return SquadUse::kTraining;
  if (use == "questions") return SquadUse::kQuestions;
  if (use == "passages") return SquadUse::kPassages;
  throw Error(ErrorCode::kInvalidArgument,
              "use: expected training, questions or passages, found " + use);
}

Dataset load(const std::filesystem::path& path, const std::string& name, const std::string& use) {
  const SquadUse squad_use = parse_use(use);
  if (name == "squad") return to_dataset(load_squad(path, squad_use));
  if (squad_use == SquadUse::kTraining) return known_dataset(name).load(path);
  throw Error(ErrorCode::kInvalidArgument,
              "use: expected training, the only one of data other than squad, found " + use);
}

}  // namespace

void bind_data(nb::module_& module) {
  nb::class_<Example>(module, "Example", "A question with what is right. Read-only.")
      .def_ro("id", &Example::id)
      .def_ro("questions", &Example::questions,
              "What is read beside the passage: one text; of choices one for each option")
      .def_prop_ro(
          "question", [](const Example& example) { return example.questions.front(); },
          "The first of `questions`")
      .def_ro("passage", &Example::passage, "Place in Dataset.passages")
      .def_prop_ro(
          "answers", &answers_of,
          "Of spans: (text, start) of each right answer, start in characters, -1 where the "
          "file does not say")
      .def_prop_ro("is_impossible", &is_impossible, "The passage does not answer the question")
      .def_prop_ro("label", &Example::label,
                   "Number of the right class or option; None for spans and where it is not known");
  nb::class_<Dataset>(module, "Dataset", "Questions that share passages. Read-only.")
      .def_ro("name", &Dataset::name)
      .def_prop_ro(
          "kind", [](const Dataset& dataset) { return to_string(dataset.kind); },
          "\"span\", \"classes\" or \"choice\"")
      .def_ro("labels", &Dataset::labels)
      .def_ro("positive_label", &Dataset::positive_label)
      .def_ro("skipped", &Dataset::skipped, "Rows that could not be read (QQP)")
      .def_prop_ro("passages", &texts_of, "Their texts; a list made at each access")
      .def_ro("examples", &Dataset::examples,
              "In the order of the file; a list made at each access")
      .def("__len__", [](const Dataset& dataset) { return dataset.examples.size(); })
      .def("passage_of", &passage_of, nb::arg("example"),
           "The text that an example of this data set is about");
  module.def(
      "load_dataset",
      [](const std::filesystem::path& path, const std::string& name, const std::string& use) {
        return without_gil([&] { return load(path, name, use); });
      },
      nb::arg("path"), nb::arg("name") = "squad", nb::arg("use") = "training",
      "Reads a file (RACE: or a directory) of a known data set or form.\n\n"
      "name: \"squad\", \"boolq\", \"mnli\", \"qqp\", \"race\", \"classes\" or \"choice\". use: "
      "what a\n"
      "file of \"squad\" has to have: for \"training\" the answer_start of every answer, for\n"
      "\"questions\" (to answer, to validate a training) ids and questions, for \"passages\"\n"
      "contexts alone, and then there are no examples. Raises NotFoundError, CorruptError naming\n"
      "the file and the place, InvalidArgumentError.");
  module.def(
      "join_datasets", [](std::vector<Dataset> files) { return join(std::move(files)); },
      nb::arg("files"), "One data set of several files'.");
}

}  // namespace deformer::python
