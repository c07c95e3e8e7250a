// JSON Lines of anybody's own examples, with classes or with choices.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/quote.h"
#include "data/readers.h"

namespace deformer {
namespace {

// A name, or what is written without quotation marks: true, false, 17.
std::string read_label(const JsonPlace& place) {
  if (place.value().is_boolean()) return place.as_bool() ? "true" : "false";
  if (place.value().is_number_integer()) return place.value().dump();
  const std::string& label = place.as_string();
  if (label.empty()) fail_reading(place.where(), "a label", "an empty text");
  return label;
}

std::vector<std::string> read_line_options(const JsonPlace& line) {
  const std::optional<JsonPlace> choices = line.find("choices");
  return read_options(choices ? *choices : line.at("options"));
}

int read_answer(const JsonPlace& place, std::size_t options) {
  const std::string last = std::to_string(options - 1);
  if (place.value().is_string()) {
    const std::string& letter = place.as_string();
    const std::size_t answer =
        letter.size() == 1 ? static_cast<std::size_t>(letter.front()) - 'A' : options;
    if (answer < options && answer < kOptionLetters) return static_cast<int>(answer);
    fail_reading(place.where(), "an option's letter, or its number from 0 to " + last,
                 in_quotes(letter));
  }
  const std::int64_t answer = place.as_integer();
  if (answer >= 0 && answer < static_cast<std::int64_t>(options)) return static_cast<int>(answer);
  fail_reading(place.where(), "an option's number from 0 to " + last, std::to_string(answer));
}

// Calls read(line, example) for each line, with id and passage in place.
template <typename Read>
void read_lines(const std::filesystem::path& path, Dataset& dataset, Read&& read) {
  const std::string file = path.string();
  PassageTable passages(dataset);
  for_each_line(read_data_file(path), file, [&](std::string_view text, std::size_t number) {
    if (is_blank(text)) return;
    const nlohmann::json document = parse_json(text, in_line(file, number), JsonText::kLine);
    const JsonPlace line(document, in_line(file, number));
    Example example;
    set_id(line.find("id"), dataset.examples.size(), example);
    read(line, example);
    example.passage = passages.add(line.at("passage").as_string());
    dataset.examples.push_back(std::move(example));
  });
}

}  // namespace

Dataset load_class_lines(const std::filesystem::path& path) {
  Dataset dataset{.name = "classes", .kind = TaskKind::kClasses};
  std::unordered_map<std::string, int> numbers;
  read_lines(path, dataset, [&](const JsonPlace& line, Example& example) {
    example.questions.push_back(line.at("question").as_string());
    const std::optional<JsonPlace> place = line.find("label");
    if (!place) return;
    const std::string label = read_label(*place);
    const auto [entry, added] = numbers.emplace(label, static_cast<int>(dataset.labels.size()));
    if (added) dataset.labels.push_back(label);
    example.target = entry->second;
  });
  return dataset;
}

Dataset load_choice_lines(const std::filesystem::path& path) {
  Dataset dataset{.name = "choice", .kind = TaskKind::kChoice};
  read_lines(path, dataset, [](const JsonPlace& line, Example& example) {
    const std::string& question = line.at("question").as_string();
    for (const std::string& option : read_line_options(line)) {
      example.questions.push_back(fill_option_at(line.where(), question, option));
    }
    const std::optional<JsonPlace> answer = line.find("answer");
    if (answer) example.target = read_answer(*answer, example.questions.size());
  });
  return dataset;
}

}  // namespace deformer
