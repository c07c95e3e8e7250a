#include <algorithm>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/json.h"
#include "deformer/error.h"
#include "deformer/pair_dataset.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const JsonPlace& place, const std::string& expected,
                       const std::string& found) {
  throw Error(ErrorCode::kCorrupt, place.where() + ": expected " + expected + ", found " + found);
}

// Of a list that has one element a question.
void require_size(const JsonPlace& list, std::size_t questions) {
  if (list.size() == questions) return;
  fail(list, std::to_string(questions) + " elements, one a question", std::to_string(list.size()));
}

std::vector<std::string> read_options(const JsonPlace& list) {
  if (list.size() < 2) fail(list, "at least two options", std::to_string(list.size()));
  std::vector<std::string> options;
  for (std::size_t i = 0; i < list.size(); ++i) options.push_back(list.at(i).as_string());
  return options;
}

int read_answer(const JsonPlace& place, std::size_t options) {
  const std::string& letter = place.as_string();
  const int answer = letter.size() == 1 ? letter.front() - 'A' : -1;
  if (answer >= 0 && answer < static_cast<int>(options)) return answer;
  const char last = static_cast<char>('A' + static_cast<int>(options) - 1);
  fail(place, std::string("a letter from A to ") + last, place.value().dump());
}

RaceArticle read_article(const JsonPlace& root, const std::string& name) {
  RaceArticle article;
  const std::optional<JsonPlace> id = root.find("id");
  article.id = id ? id->as_id() : name;
  article.text = root.at("article").as_string();
  const JsonPlace questions = root.at("questions");
  const JsonPlace options = root.at("options");
  require_size(options, questions.size());
  const std::optional<JsonPlace> answers = root.find("answers");
  if (answers) require_size(*answers, questions.size());
  for (std::size_t i = 0; i < questions.size(); ++i) {
    RaceQuestion question;
    question.id = article.id + "-" + std::to_string(i);
    question.question = questions.at(i).as_string();
    question.options = read_options(options.at(i));
    if (answers) question.answer = read_answer(answers->at(i), question.options.size());
    article.questions.push_back(std::move(question));
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

std::size_t RaceDataset::num_questions() const noexcept {
  std::size_t count = 0;
  for (const RaceArticle& article : articles) count += article.questions.size();
  return count;
}

bool RaceDataset::is_labelled() const noexcept {
  for (const RaceArticle& article : articles) {
    for (const RaceQuestion& question : article.questions) {
      if (!question.answer) return false;
    }
  }
  return num_questions() > 0;
}

RaceDataset load_race(const fs::path& path) {
  RaceDataset dataset;
  std::unordered_set<std::string> ids;
  for (const fs::path& file : list_files(path)) {
    const nlohmann::json document = load_json(file);
    const std::string name = file == path ? file.filename().generic_string()
                                          : file.lexically_relative(path).generic_string();
    RaceArticle article = read_article(JsonPlace(document, file.string()), name);
    article.level = level_of(file);
    if (!ids.insert(article.id).second) {
      throw Error(ErrorCode::kCorrupt, file.string() + ": id: expected a new article id, found " +
                                           nlohmann::json(article.id).dump() +
                                           " for the second time");
    }
    dataset.articles.push_back(std::move(article));
  }
  return dataset;
}

std::string fill_option(const std::string& question, const std::string& option) {
  if (question.find('_') == std::string::npos) return question + " " + option;
  std::string filled;
  for (const char c : question) {
    if (c == '_') {
      filled += option;
    } else {
      filled += c;
    }
  }
  return filled;
}

}  // namespace deformer
