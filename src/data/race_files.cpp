// RACE's articles, one a file.
#include <algorithm>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/json.h"
#include "data/readers.h"
#include "deformer/error.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

// Of a list that has one element a question.
void require_size(const JsonPlace& list, std::size_t questions) {
  if (list.size() == questions) return;
  fail_reading(list.where(), std::to_string(questions) + " elements, one a question",
               std::to_string(list.size()));
}

int read_letter(const JsonPlace& place, std::size_t options) {
  if (options > kOptionLetters) {
    fail_reading(place.where(), "a letter, so at most 26 options",
                 std::to_string(options) + " options");
  }
  const std::string& letter = place.as_string();
  const int answer = letter.size() == 1 ? letter.front() - 'A' : -1;
  if (answer >= 0 && answer < static_cast<int>(options)) return answer;
  fail_reading(place.where(), "a letter from A to " + option_name(options - 1, options),
               place.value().dump());
}

// Adds an article with its questions; returns its id.
std::string add_article(const JsonPlace& root, const std::string& name, std::string level,
                        Dataset& dataset) {
  const std::optional<JsonPlace> id = root.find("id");
  std::string article = id ? id->as_id() : name;
  dataset.passages.push_back({root.at("article").as_string(), std::move(level)});
  const JsonPlace questions = root.at("questions");
  const JsonPlace options = root.at("options");
  require_size(options, questions.size());
  const std::optional<JsonPlace> answers = root.find("answers");
  if (answers) require_size(*answers, questions.size());
  for (std::size_t i = 0; i < questions.size(); ++i) {
    Example example;
    example.id = article + "-" + std::to_string(i);
    example.passage = dataset.passages.size() - 1;
    const std::string& question = questions.at(i).as_string();
    for (const std::string& option : read_options(options.at(i))) {
      example.questions.push_back(fill_option_at(options.at(i).where(), question, option));
    }
    if (answers) example.target = read_letter(answers->at(i), example.questions.size());
    dataset.examples.push_back(std::move(example));
  }
  return article;
}

bool is_article(const fs::directory_entry& entry) {
  return entry.path().extension() == ".txt" && entry.is_regular_file();
}

std::vector<fs::path> list_files(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::vector<fs::path> files;
  try {
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (is_article(entry)) files.push_back(entry.path());
    }
  } catch (const fs::filesystem_error& failure) {
    throw Error(ErrorCode::kIo, path.string() + ": cannot list: " + failure.code().message());
  }
  if (files.empty()) {
    throw Error(ErrorCode::kNotFound,
                path.string() + ": expected RACE's *.txt files in or below it, found none");
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string level_of(const fs::path& file) {
  const std::string directory = file.parent_path().filename().string();
  return directory == "middle" || directory == "high" ? directory : "";
}

}  // namespace

Dataset load_race(const fs::path& path) {
  Dataset dataset{.name = "race", .kind = TaskKind::kChoice};
  std::unordered_set<std::string> ids;
  for (const fs::path& file : list_files(path)) {
    const nlohmann::json document = load_json(file);
    const std::string name = file == path ? file.filename().generic_string()
                                          : file.lexically_relative(path).generic_string();
    const std::string id =
        add_article(JsonPlace(document, file.string()), name, level_of(file), dataset);
    if (!ids.insert(id).second) {
      fail_reading(file.string() + ": id", "a new article id",
                   nlohmann::json(id).dump() + " for the second time");
    }
  }
  return dataset;
}

}  // namespace deformer
