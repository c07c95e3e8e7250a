#include "tools/jsonl_request.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/json_id.h"
#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "tools/failure.h"

namespace deformer::tools {
namespace {

std::string require_passage_id(std::string id, const std::string& where) {
  if (!id.empty() && id.size() <= kMaxIdBytes) return id;
  throw invalid(where + ": expected an id of 1 to " + std::to_string(kMaxIdBytes) +
                " bytes, found " + std::to_string(id.size()));
}

// What a store knows a passage by: a number by its digits.
std::optional<std::string> find_passage_id(const JsonPlace& object, const char* key) {
  const std::optional<JsonPlace> id = object.find(key);
  if (!id) return std::nullopt;
  return require_passage_id(id->as_id(), id->where());
}

// The id of a passage to be stored: an integer of any length, by its digits.
std::optional<std::string> find_stored_id(const JsonPlace& object, std::string_view line) {
  const std::optional<JsonPlace> id = object.find("id");
  if (!id || !id->value().is_number_float()) return find_passage_id(object, "id");
  std::string digits = find_json_id(line);
  if (digits.find_first_not_of("-0123456789") != std::string::npos) {
    throw Error(ErrorCode::kCorrupt,
                id->where() + ": expected a string or an integer, found " + digits);
  }
  return require_passage_id(std::move(digits), id->where());
}

std::optional<std::string> find_text(const JsonPlace& object, const char* key) {
  const std::optional<JsonPlace> text = object.find(key);
  return text ? std::optional(text->as_string()) : std::nullopt;
}

// A question's id is given back, not looked up: any number will do.
std::string find_question_id(const JsonPlace& object, std::string_view line) {
  const std::optional<JsonPlace> id = object.find("id");
  if (!id) return "";
  if (!id->value().is_number()) (void)id->as_id();
  return find_json_id(line);
}

// A passage by text, by id, or both; one of them is there. One whose text is there but empty has
// nothing to read.
void add_passage(const std::optional<std::string>& id, const std::optional<std::string>& text,
                 std::vector<Passage>& passages) {
  if (text && text->empty()) return;
  passages.push_back({id ? *id : content_id(*text), text.value_or("")});
}

void add_passages(const JsonPlace& list, std::vector<Passage>& passages) {
  const std::size_t size = list.size();
  if (size == 0) throw invalid(list.where() + ": expected at least one passage, found none");
  for (std::size_t i = 0; i < size; ++i) {
    const JsonPlace passage = list.at(i);
    const std::optional<std::string> id = find_passage_id(passage, "id");
    const std::optional<std::string> text = find_text(passage, "text");
    if (!id && !text) {
      throw Error(ErrorCode::kCorrupt,
                  passage.where() + R"(: expected a key "id" or "text", found none)");
    }
    add_passage(id, text, passages);
  }
}

}  // namespace

JsonlRequest parse_jsonl_request(std::string_view line, const std::string& where) {
  const nlohmann::json document = parse_json(line, where, JsonText::kLine);
  const JsonPlace object(document, where);
  JsonlRequest parsed;
  parsed.id_json = find_question_id(object, line);
  parsed.request.question = object.at("question").as_string();
  const std::optional<std::string> text = find_text(object, "passage");
  const std::optional<std::string> passage_id = find_passage_id(object, "passage_id");
  const std::optional<JsonPlace> list = object.find("passages");
  const bool has_one = text || passage_id;
  if (has_one == list.has_value()) {
    throw invalid(where + R"(: expected either "passages" or "passage" and "passage_id", found )" +
                  (has_one ? "both" : "neither"));
  }
  if (has_one) {
    add_passage(passage_id, text, parsed.request.passages);
  } else {
    add_passages(*list, parsed.request.passages);
  }
  return parsed;
}

Passage parse_jsonl_passage(std::string_view line, const std::string& where) {
  const nlohmann::json document = parse_json(line, where, JsonText::kLine);
  const JsonPlace object(document, where);
  Passage passage;
  passage.text = object.at("text").as_string();
  const std::optional<std::string> id = find_stored_id(object, line);
  passage.id = id ? *id : content_id(passage.text);
  return passage;
}

bool is_blank_line(std::string_view line) noexcept {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace deformer::tools
