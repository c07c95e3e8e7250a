#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/guard.h"
#include "base/json.h"
#include "data/readers.h"
#include "deformer/error.h"
#include "deformer/squad.h"

namespace deformer {
namespace {

constexpr std::int64_t kUnknownStart = -1;

[[noreturn]] void fail(const JsonPlace& place, const std::string& expected,
                       const std::string& found) {
  throw Error(ErrorCode::kCorrupt, place.where() + ": expected " + expected + ", found " + found);
}

// Of what only describes a file: any type will do.
std::string optional_text(const JsonPlace& object, const char* key) {
  const std::optional<JsonPlace> place = object.find(key);
  if (!place) return "";
  return place->value().is_string() ? place->as_string() : place->value().dump();
}

template <typename Read>
auto read_all(const JsonPlace& array, Read&& read) {
  std::vector<decltype(read(array))> items;
  const std::size_t size = array.size();
  items.reserve(size);
  for (std::size_t i = 0; i < size; ++i) items.push_back(read(array.at(i)));
  return items;
}

// Some programs write every number with a point.
bool is_whole_number(const nlohmann::json& value) {
  constexpr double kExact = 9007199254740992;  // 2^53
  if (!value.is_number_float()) return value.is_number_integer();
  const auto number = value.get<double>();
  return number == std::floor(number) && std::abs(number) <= kExact;
}

std::int64_t read_start(const JsonPlace& place) {
  const bool whole = place.value().is_number_float() && is_whole_number(place.value());
  const auto start =
      whole ? static_cast<std::int64_t>(place.value().get<double>()) : place.as_integer();
  if (start < 0) fail(place, "0 or more", std::to_string(start));
  return start;
}

// True and false, or the 1 and 0 of table programs.
bool read_flag(const JsonPlace& place) {
  if (!place.value().is_number()) return place.as_bool();
  return place.value().get<double>() != 0;
}

class SquadReader {
 public:
  explicit SquadReader(SquadUse use) : use_(use) {}

  void read(const JsonPlace& root) {
    dataset_.version = optional_text(root, "version");
    const JsonPlace data = root.at("data");
    const std::size_t size = data.size();
    for (std::size_t i = 0; i < size; ++i) {
      const JsonPlace place = data.at(i);
      if (is_flat(place, use_)) {
        add_flat(place);
      } else {
        dataset_.articles.push_back(read_article(place));
      }
    }
  }

  // A question with its context, or, for scores, without.
  static bool is_flat(const JsonPlace& place, SquadUse use) {
    const char* const mark = use == SquadUse::kScores ? "id" : "context";
    return place.has(mark) && !place.has("paragraphs") && !place.has("data");
  }

  // Joins the paragraph before it where that has the same context.
  void add_flat(const JsonPlace& place) {
    std::string title = optional_text(place, "title");
    const std::string context = text_to_read(place, "context");
    if (!in_flat_ || dataset_.articles.back().title != title) {
      dataset_.articles.push_back({std::move(title), {}});
    }
    in_flat_ = true;
    std::vector<SquadParagraph>& paragraphs = dataset_.articles.back().paragraphs;
    if (paragraphs.empty() || paragraphs.back().context != context) {
      paragraphs.push_back({context, {}});
    }
    if (use_ == SquadUse::kPassages) return;
    paragraphs.back().questions.push_back(read_question(place));
  }

  SquadDataset finish() { return std::move(dataset_); }

 private:
  SquadArticle read_article(const JsonPlace& place) {
    in_flat_ = false;
    return {.title = optional_text(place, "title"),
            .paragraphs = read_all(place.at("paragraphs"), [this](const JsonPlace& paragraph) {
              return read_paragraph(paragraph);
            })};
  }

  SquadParagraph read_paragraph(const JsonPlace& place) {
    SquadParagraph paragraph;
    paragraph.context = text_to_read(place, "context");
    if (use_ == SquadUse::kPassages) return paragraph;
    paragraph.questions = read_all(
        place.at("qas"), [this](const JsonPlace& question) { return read_question(question); });
    return paragraph;
  }

  SquadQuestion read_question(const JsonPlace& place) {
    SquadQuestion question;
    question.id = read_id(place.at("id"));
    question.question = text_to_read(place, "question");
    if (const auto answers = place.find("answers")) {
      question.answers = read_answers(*answers);
      question.is_impossible = answers->value().is_object() && question.answers.empty();
    }
    if (const auto mark = place.find("is_impossible")) question.is_impossible = read_flag(*mark);
    return question;
  }

  std::vector<SquadAnswer> read_answers(const JsonPlace& place) const {
    if (place.value().is_object()) return read_columns(place);
    return read_all(place, [this](const JsonPlace& answer) {
      return SquadAnswer{answer.at("text").as_string(), start_of(answer, std::nullopt)};
    });
  }

  // {"text": [...], "answer_start": [...]}
  std::vector<SquadAnswer> read_columns(const JsonPlace& place) const {
    const JsonPlace texts = place.at("text");
    std::vector<SquadAnswer> answers;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      answers.push_back({texts.at(i).as_string(), start_of(place, i)});
    }
    return answers;
  }

  // The answer_start of an answer, or the one at `index` of a list. Only training needs it.
  [[nodiscard]] std::int64_t start_of(const JsonPlace& answer,
                                      std::optional<std::size_t> index) const {
    constexpr const char* kKey = "answer_start";
    try {
      const JsonPlace place = answer.at(kKey);
      return read_start(index ? place.at(*index) : place);
    } catch (const Error&) {
      if (use_ == SquadUse::kTraining) throw;
      return kUnknownStart;
    }
  }

  // Scores are of answers alone.
  [[nodiscard]] std::string text_to_read(const JsonPlace& place, const char* key) const {
    return use_ == SquadUse::kScores ? optional_text(place, key) : place.at(key).as_string();
  }

  std::string read_id(const JsonPlace& place) {
    std::string id = place.as_id();
    // What is trained on is asked for by no id.
    if (use_ == SquadUse::kTraining || ids_.insert(id).second) return id;
    fail(place, "a new question id", place.value().dump() + " for the second time");
  }

  SquadUse use_;
  SquadDataset dataset_;
  bool in_flat_ = false;  // the last article is of flat questions
  std::unordered_set<std::string> ids_;
};

// JSON Lines: the first line that is not blank is a whole object, not that of a file, and others
// follow.
bool is_json_lines(std::string_view text, const std::string& file) {
  std::string_view line;
  while (!text.empty() && is_blank(line)) {
    line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  if (is_blank(text) || !nlohmann::json::accept(line.begin(), line.end())) return false;
  const nlohmann::json document = parse_json(line, file);
  return document.is_object() && !document.contains("data") && !document.contains("paragraphs");
}

void read_lines(std::string_view text, const std::string& file, SquadReader& reader) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (is_blank(line)) continue;
    const std::string where = file + ": line " + std::to_string(number);
    const nlohmann::json document = parse_json(line, where, JsonText::kLine);
    reader.add_flat(JsonPlace(document, where));
  }
}

SquadDataset read_squad(const std::filesystem::path& path, SquadUse use) {
  const std::string file = path.string();
  const std::string text = read_data_file(path);
  SquadReader reader(use);
  if (is_json_lines(text, file)) {
    read_lines(text, file, reader);
    return reader.finish();
  }
  const nlohmann::json document = parse_json(text, file);
  const JsonPlace root(document, file);
  if (root.value().is_object() && SquadReader::is_flat(root, use)) {
    reader.add_flat(root);
  } else {
    reader.read(root);
  }
  return reader.finish();
}

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
  bool any_answer = false;
  bool any_without = false;
  const auto is_marked = [&](const SquadQuestion& question) {
    (question.answers.empty() ? any_without : any_answer) = true;
    return question.is_impossible;
  };
  for (const SquadArticle& article : articles) {
    for (const SquadParagraph& paragraph : article.paragraphs) {
      const auto& questions = paragraph.questions;
      if (std::any_of(questions.begin(), questions.end(), is_marked)) return true;
    }
  }
  return any_answer && any_without;
}

SquadDataset load_squad(const std::filesystem::path& path, SquadUse use) {
  return guard_entry(path.native(), [&] { return read_squad(path, use); });
}

}  // namespace deformer
