#include "tools/jsonl_request.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "deformer/content_id.h"
#include "deformer/error.h"

namespace deformer::tools {
namespace {

using Json = nlohmann::json;

[[noreturn]] void fail_type(const std::string& where, const char* expected, const Json& found) {
  throw Error(ErrorCode::kCorrupt,
              where + ": expected " + expected + ", found " + found.type_name());
}

// "[json.exception.parse_error.101] parse error at line 1, column 9: syntax error ..." -> "column
// 9: broken JSON: syntax error ...". The line is known to the caller.
std::string parse_problem(const std::string& what) {
  const std::size_t column = what.find("column ");
  const std::size_t colon = what.find(": ", column == std::string::npos ? 0 : column);
  if (column == std::string::npos || colon == std::string::npos) return "broken JSON: " + what;
  return what.substr(column, colon - column) + ": broken JSON: " + what.substr(colon + 2);
}

Json parse_object(std::string_view line, const std::string& where) {
  try {
    Json value = Json::parse(line.begin(), line.end());
    if (!value.is_object()) fail_type(where, "an object", value);
    return value;
  } catch (const Json::parse_error& error) {
    throw Error(ErrorCode::kCorrupt, where + ", " + parse_problem(error.what()));
  }
}

// Null when absent.
const std::string* find_string(const Json& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end()) return nullptr;
  if (!found->is_string()) fail_type(where + ": " + key, "a string", *found);
  return &found->get_ref<const std::string&>();
}

std::string require_string(const Json& object, const char* key, const std::string& where) {
  const std::string* const value = find_string(object, key, where);
  if (value != nullptr) return *value;
  throw Error(ErrorCode::kCorrupt, where + ": expected a key \"" + key + "\", found none");
}

// Null when absent.
const Json* find_id(const Json& object, const std::string& where) {
  const auto id = object.find("id");
  if (id == object.end()) return nullptr;
  if (!id->is_string() && !id->is_number()) fail_type(where + ": id", "a string or number", *id);
  return &*id;
}

// A passage by text, by id, or both; one of them is there. One whose text is there but empty has
// nothing to read.
void add_passage(const std::string* id, const std::string* text, std::vector<Passage>& passages) {
  if (text != nullptr && text->empty()) return;
  passages.push_back({id == nullptr ? content_id(*text) : *id, text == nullptr ? "" : *text});
}

void add_passages(const Json& list, const std::string& where, std::vector<Passage>& passages) {
  if (!list.is_array()) fail_type(where, "an array", list);
  if (list.empty()) {
    throw Error(ErrorCode::kInvalidArgument, where + ": expected at least one passage, found none");
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string place = where + "[" + std::to_string(i) + "]";
    if (!list[i].is_object()) fail_type(place, "an object", list[i]);
    const std::string id = require_string(list[i], "id", place);
    add_passage(&id, find_string(list[i], "text", place), passages);
  }
}

}  // namespace

JsonlRequest parse_jsonl_request(std::string_view line, const std::string& where) {
  const Json object = parse_object(line, where);
  JsonlRequest parsed;
  if (const Json* const id = find_id(object, where)) parsed.id_json = id->dump();
  parsed.request.question = require_string(object, "question", where);
  const std::string* const text = find_string(object, "passage", where);
  const std::string* const passage_id = find_string(object, "passage_id", where);
  const auto list = object.find("passages");
  const bool has_one = text != nullptr || passage_id != nullptr;
  if (has_one == (list != object.end())) {
    throw Error(ErrorCode::kInvalidArgument,
                where + R"(: expected either "passages" or "passage" and "passage_id", found )" +
                    (has_one ? "both" : "neither"));
  }
  if (has_one) {
    add_passage(passage_id, text, parsed.request.passages);
  } else {
    add_passages(*list, where + ": passages", parsed.request.passages);
  }
  return parsed;
}

Passage parse_jsonl_passage(std::string_view line, const std::string& where) {
  const Json object = parse_object(line, where);
  Passage passage;
  passage.text = require_string(object, "text", where);
  const Json* const id = find_id(object, where);
  if (id == nullptr) {
    passage.id = content_id(passage.text);
  } else {
    passage.id = id->is_string() ? id->get<std::string>() : id->dump();
  }
  return passage;
}

bool is_blank_line(std::string_view line) noexcept {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

std::string jsonl_id(std::string_view line) noexcept {
  try {
    const Json object = Json::parse(line.begin(), line.end(), nullptr, false);
    if (!object.is_object() || !object.contains("id")) return "";
    const Json& id = object["id"];
    return id.is_string() || id.is_number() ? id.dump() : "";
  } catch (const std::exception&) {
    return "";
  }
}

}  // namespace deformer::tools
