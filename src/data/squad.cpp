#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/json.h"
#include "deformer/dataset.h"
#include "deformer/error.h"

namespace deformer {
namespace {

std::string optional_string(const JsonPlace& object, const char* key) {
  return object.has(key) ? object.at(key).as_string() : std::string();
}

template <typename Read>
auto read_all(const JsonPlace& array, Read&& read) {
  std::vector<decltype(read(array))> items;
  const std::size_t size = array.size();
  items.reserve(size);
  for (std::size_t i = 0; i < size; ++i) items.push_back(read(array.at(i)));
  return items;
}

SquadAnswer read_answer(const JsonPlace& place) {
  const JsonPlace start = place.at("answer_start");
  if (start.as_integer() < 0) {
    throw Error(ErrorCode::kCorrupt, start.where() + ": expected 0 or more, found " +
                                         std::to_string(start.as_integer()));
  }
  return {.text = place.at("text").as_string(), .start = start.as_integer()};
}

class SquadReader {
 public:
  SquadDataset read(const JsonPlace& root) {
    SquadDataset dataset;
    dataset.version = optional_string(root, "version");
    dataset.articles =
        read_all(root.at("data"), [this](const JsonPlace& place) { return read_article(place); });
    return dataset;
  }

 private:
  SquadArticle read_article(const JsonPlace& place) {
    return {.title = optional_string(place, "title"),
            .paragraphs = read_all(place.at("paragraphs"), [this](const JsonPlace& paragraph) {
              return read_paragraph(paragraph);
            })};
  }

  SquadParagraph read_paragraph(const JsonPlace& place) {
    return {.context = place.at("context").as_string(),
            .questions = read_all(place.at("qas"), [this](const JsonPlace& question) {
              return read_question(question);
            })};
  }

  SquadQuestion read_question(const JsonPlace& place) {
    SquadQuestion question;
    question.id = read_id(place.at("id"));
    question.question = place.at("question").as_string();
    if (place.has("answers")) question.answers = read_all(place.at("answers"), read_answer);
    if (place.has("is_impossible")) question.is_impossible = place.at("is_impossible").as_bool();
    return question;
  }

  const std::string& read_id(const JsonPlace& place) {
    const std::string& id = place.as_string();
    if (ids_.insert(id).second) return id;
    throw Error(ErrorCode::kCorrupt, place.where() + ": expected a new question id, found " +
                                         place.value().dump() + " for the second time");
  }

  std::unordered_set<std::string_view> ids_;  // of strings in the document
};

}  // namespace

std::size_t SquadDataset::num_paragraphs() const noexcept {
  std::size_t count = 0;
  for (const SquadArticle& article : articles) count += article.paragraphs.size();
  return count;
}

std::size_t SquadDataset::num_questions() const noexcept {
  std::size_t count = 0;
  for (const SquadArticle& article : articles) {
    for (const SquadParagraph& paragraph : article.paragraphs) count += paragraph.questions.size();
  }
  return count;
}

bool SquadDataset::has_unanswerable() const noexcept {
  const auto is_impossible = [](const SquadQuestion& question) { return question.is_impossible; };
  for (const SquadArticle& article : articles) {
    for (const SquadParagraph& paragraph : article.paragraphs) {
      const auto& questions = paragraph.questions;
      if (std::any_of(questions.begin(), questions.end(), is_impossible)) return true;
    }
  }
  return false;
}

SquadDataset load_squad(const std::filesystem::path& path) {
  const nlohmann::json document = load_json(path);
  return SquadReader().read(JsonPlace(document, path.string()));
}

}  // namespace deformer
