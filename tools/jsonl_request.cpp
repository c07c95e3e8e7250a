#include "tools/jsonl_request.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/json_id.h"
#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "tools/failure.h"

namespace deformer::tools {
namespace {

[[noreturn]] void fail_type(const std::string& where, const char* expected,
                            const nlohmann::json& found) {
  throw Error(ErrorCode::kCorrupt,
              where + ": expected " + expected + ", found " + found.type_name());
}

[[noreturn]] void fail_missing(const std::string& where, const std::string& keys) {
  throw Error(ErrorCode::kCorrupt, where + ": expected a key " + keys + ", found none");
}

// "[json.exception.parse_error.101] parse error at line 1, column 9: syntax error ..." -> "column
// 9: broken JSON: syntax error ...". The line is known to the caller.
std::string parse_problem(const std::string& what) {
  const std::size_t column = what.find("column ");
  const std::size_t colon = what.find(": ", column == std::string::npos ? 0 : column);
  if (column == std::string::npos || colon == std::string::npos) return "broken JSON: " + what;
  return what.substr(column, colon - column) + ": broken JSON: " + what.substr(colon + 2);
}

// "[json.exception.out_of_range.406] number overflow parsing '1e999'" -> "1e999".
std::string number_of(const std::string& what) {
  const std::size_t open = what.find('\'');
  const std::size_t close = what.rfind('\'');
  return open < close ? what.substr(open + 1, close - open - 1) : what;
}

nlohmann::json parse_object(std::string_view line, const std::string& where) {
  try {
    nlohmann::json value = nlohmann::json::parse(line.begin(), line.end());
    if (!value.is_object()) fail_type(where, "an object", value);
    return value;
  } catch (const nlohmann::json::parse_error& error) {
    throw Error(ErrorCode::kCorrupt, where + ", " + parse_problem(error.what()));
  } catch (const nlohmann::json::out_of_range& error) {
    throw Error(ErrorCode::kCorrupt,
                where + ": expected numbers of at most 1.8e308, found " + number_of(error.what()));
  }
}

// Null when absent or null.
const nlohmann::json* find_value(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// Null when absent or null.
const std::string* find_string(const nlohmann::json& object, const char* key,
                               const std::string& where) {
  const nlohmann::json* const found = find_value(object, key);
  if (found == nullptr) return nullptr;
  if (!found->is_string()) fail_type(where + ": " + key, "a string", *found);
  return &found->get_ref<const std::string&>();
}

std::string require_string(const nlohmann::json& object, const char* key,
                           const std::string& where) {
  const std::string* const value = find_string(object, key, where);
  if (value != nullptr) return *value;
  fail_missing(where, "\"" + std::string(key) + "\"");
}

// Null when absent or null.
const nlohmann::json* find_id(const nlohmann::json& object, const char* key,
                              const std::string& where) {
  const nlohmann::json* const id = find_value(object, key);
  if (id != nullptr && !id->is_string() && !id->is_number()) {
    fail_type(where + ": " + key, "a string or number", *id);
  }
  return id;
}

std::string require_passage_id(std::string id, const std::string& where) {
  if (!id.empty() && id.size() <= kMaxIdBytes) return id;
  throw invalid(where + ": expected an id of 1 to " + std::to_string(kMaxIdBytes) +
                " bytes, found " + std::to_string(id.size()));
}

// What a store knows a passage by: a number by its digits.
std::optional<std::string> find_passage_id(const nlohmann::json& object, const char* key,
                                           const std::string& where) {
  const nlohmann::json* const id = find_id(object, key, where);
  if (id == nullptr) return std::nullopt;
  if (id->is_string()) return require_passage_id(id->get<std::string>(), where + ": " + key);
  if (id->is_number_integer()) return id->dump();
  fail_type(where + ": " + key, "a string or an integer of at most 64 bits", *id);
}

// A passage by text, by id, or both; one of them is there. One whose text is there but empty has
// nothing to read.
void add_passage(const std::optional<std::string>& id, const std::string* text,
                 std::vector<Passage>& passages) {
  if (text != nullptr && text->empty()) return;
  passages.push_back({id ? *id : content_id(*text), text == nullptr ? "" : *text});
}

void add_passages(const nlohmann::json& list, const std::string& where,
                  std::vector<Passage>& passages) {
  if (!list.is_array()) fail_type(where, "an array", list);
  if (list.empty()) {
    throw invalid(where + ": expected at least one passage, found none");
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string place = where + "[" + std::to_string(i) + "]";
    if (!list[i].is_object()) fail_type(place, "an object", list[i]);
    const std::optional<std::string> id = find_passage_id(list[i], "id", place);
    const std::string* const text = find_string(list[i], "text", place);
    if (!id && text == nullptr) fail_missing(place, R"("id" or "text")");
    add_passage(id, text, passages);
  }
}

}  // namespace

JsonlRequest parse_jsonl_request(std::string_view line, const std::string& where) {
  const nlohmann::json object = parse_object(line, where);
  JsonlRequest parsed;
  if (find_id(object, "id", where) != nullptr) parsed.id_json = find_json_id(line);
  parsed.request.question = require_string(object, "question", where);
  const std::string* const text = find_string(object, "passage", where);
  const std::optional<std::string> passage_id = find_passage_id(object, "passage_id", where);
  const nlohmann::json* const list = find_value(object, "passages");
  const bool has_one = text != nullptr || passage_id;
  if (has_one == (list != nullptr)) {
    throw invalid(where + R"(: expected either "passages" or "passage" and "passage_id", found )" +
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
  const nlohmann::json object = parse_object(line, where);
  Passage passage;
  passage.text = require_string(object, "text", where);
  if (const nlohmann::json* const id = find_id(object, "id", where)) {
    std::string text = id->is_string() ? id->get<std::string>() : find_json_id(line);
    if (!id->is_string() && text.find_first_not_of("-0123456789") != std::string::npos) {
      fail_type(where + ": id", "a string or an integer", *id);
    }
    passage.id = require_passage_id(std::move(text), where + ": id");
  } else {
    passage.id = content_id(passage.text);
  }
  return passage;
}

bool is_blank_line(std::string_view line) noexcept {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace deformer::tools
