#include "deformer/dataset.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/quote.h"
#include "data/readers.h"
#include "deformer/error.h"

namespace deformer {
namespace {

// Adds files one after the other.
class Joiner {
 public:
  explicit Joiner(Dataset first) : joined_(std::move(first)) {
    if (joined_.kind != TaskKind::kClasses) return;
    for (std::size_t i = 0; i < joined_.passages.size(); ++i) {
      places_.emplace(joined_.passages[i].text, i);
    }
  }

  void add(Dataset file) {
    if (file.kind != joined_.kind) {
      throw Error(ErrorCode::kInvalidArgument, "data: expected files of one kind, found " +
                                                   to_string(joined_.kind) + " and " +
                                                   to_string(file.kind));
    }
    if (file.name != joined_.name) joined_.name = to_string(joined_.kind);
    if (file.positive_label != joined_.positive_label) joined_.positive_label.reset();
    std::vector<std::size_t> places;
    for (DatasetPassage& passage : file.passages) places.push_back(add_passage(std::move(passage)));
    std::vector<int> numbers;
    for (std::string& label : file.labels) numbers.push_back(add_label(std::move(label)));
    for (Example& example : file.examples) {
      example.passage = places[example.passage];
      if (!numbers.empty() && example.label()) {
        example.target = numbers[static_cast<std::size_t>(*example.label())];
      }
      joined_.examples.push_back(std::move(example));
    }
    joined_.skipped += file.skipped;
  }

  [[nodiscard]] Dataset take() { return std::move(joined_); }

 private:
  std::size_t add_passage(DatasetPassage passage) {
    const std::size_t next = joined_.passages.size();
    if (joined_.kind == TaskKind::kClasses) {
      const auto [entry, added] = places_.emplace(passage.text, next);
      if (!added) return entry->second;
    }
    joined_.passages.push_back(std::move(passage));
    return next;
  }

  int add_label(std::string label) {
    auto place = find_label(joined_.labels, label);
    if (!place) {
      place = joined_.labels.size();
      joined_.labels.push_back(std::move(label));
    }
    return static_cast<int>(*place);
  }

  Dataset joined_;
  std::unordered_map<std::string, std::size_t> places_;  // kClasses: of the passages' texts
};

Example to_example(SquadQuestion question, std::size_t passage) {
  Example example{.id = std::move(question.id), .questions = {}, .passage = passage};
  example.questions.push_back(std::move(question.question));
  if (!question.answers.empty() || question.is_impossible) {
    example.target = SpanTarget{std::move(question.answers), question.is_impossible};
  }
  return example;
}

void add_paragraph(Dataset& dataset, SquadParagraph& paragraph) {
  for (SquadQuestion& question : paragraph.questions) {
    dataset.examples.push_back(to_example(std::move(question), dataset.passages.size()));
  }
  dataset.passages.push_back({std::move(paragraph.context)});
}

}  // namespace

std::optional<int> Example::label() const noexcept {
  const int* number = std::get_if<int>(&target);
  return number != nullptr ? std::optional(*number) : std::nullopt;
}

bool Dataset::is_labelled() const noexcept {
  const auto has_target = [](const Example& example) { return example.has_target(); };
  return !examples.empty() && std::all_of(examples.begin(), examples.end(), has_target);
}

Dataset to_dataset(SquadDataset squad) {
  Dataset dataset{.name = "squad", .kind = TaskKind::kSpan};
  for (SquadArticle& article : squad.articles) {
    for (SquadParagraph& paragraph : article.paragraphs) add_paragraph(dataset, paragraph);
  }
  return dataset;
}

Dataset join(std::vector<Dataset> files) {
  if (files.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "data: expected at least one file, found none");
  }
  if (files.size() == 1) return std::move(files.front());
  Joiner joiner(std::move(files.front()));
  for (std::size_t i = 1; i < files.size(); ++i) joiner.add(std::move(files[i]));
  return joiner.take();
}

void use_labels(Dataset& dataset, const std::vector<std::string>& labels) {
  if (dataset.kind != TaskKind::kClasses) return;
  std::vector<std::optional<std::size_t>> places;
  for (const std::string& label : dataset.labels) places.push_back(find_label(labels, label));
  const auto place_of = [&](int number, const std::string& where) {
    const auto index = static_cast<std::size_t>(number);
    if (places[index]) return static_cast<int>(*places[index]);
    throw Error(ErrorCode::kInvalidArgument, "data (" + dataset.name + "): " + where +
                                                 "expected labels among " + label_list(labels) +
                                                 ", found \"" + dataset.labels[index] + "\"");
  };
  for (Example& example : dataset.examples) {
    if (!example.label()) continue;
    example.target = place_of(*example.label(), "example " + in_quotes(example.id) + ": ");
  }
  if (dataset.positive_label) dataset.positive_label = place_of(*dataset.positive_label, "");
  dataset.labels = labels;
}

std::string fill_option(const std::string& question, const std::string& option,
                        std::size_t max_bytes) {
  const auto blanks = static_cast<std::size_t>(std::count(question.begin(), question.end(), '_'));
  const std::size_t bytes = blanks == 0 ? question.size() + 1 + option.size()
                                        : question.size() - blanks + blanks * option.size();
  if (bytes > max_bytes) {
    throw Error(ErrorCode::kInvalidArgument,
                "expected a question of at most " + std::to_string(max_bytes) +
                    " bytes with the option in it, found " + std::to_string(bytes));
  }
  if (blanks == 0) return question + " " + option;
  std::string filled;
  filled.reserve(bytes);
  for (const char c : question) {
    if (c == '_') {
      filled += option;
    } else {
      filled += c;
    }
  }
  return filled;
}

std::string option_name(std::size_t option, std::size_t count) {
  if (count > kOptionLetters) return std::to_string(option);
  return {static_cast<char>('A' + static_cast<char>(option))};
}

}  // namespace deformer
