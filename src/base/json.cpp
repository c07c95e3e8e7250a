#include "base/json.h"

#include <algorithm>
#include <limits>

#include "base/file.h"
#include "base/stand_in.h"
#include "deformer/error.h"

namespace deformer {
namespace {

// nlohmann counts bytes from 1; the byte reported is the last one read.
std::string place_in(std::string_view text, std::size_t byte, const std::string& where,
                     JsonText kind) {
  const std::size_t end = std::min(byte == 0 ? 0 : byte - 1, text.size());
  const std::string_view before = text.substr(0, end);
  const std::size_t newline = before.rfind('\n');
  const std::size_t column = newline == std::string_view::npos ? end + 1 : end - newline;
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  std::string place = where;
  if (kind == JsonText::kDocument) place += ": line " + std::to_string(line);
  if (!place.empty()) place += ", ";
  return place + "column " + std::to_string(column);
}

// "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..." -> "syntax
// error ...". The text may quote a piece of the document of any length, in any encoding.
std::string reason(std::string text) {
  constexpr std::size_t kMaxBytes = 200;
  if (const std::size_t id = text.find("] "); id != std::string::npos) text.erase(0, id + 2);
  if (text.starts_with("parse error")) text.erase(0, text.find(": ") + 2);
  if (text.size() > kMaxBytes) text = text.substr(0, kMaxBytes) + "...";
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

// Whole documents are written and copied level by level on the stack. No real file comes near this.
constexpr std::size_t kMaxLevels = 1000;

// Throws where brackets are nested deeper; what is broken otherwise is for the parser to say.
void require_shallow(std::string_view text, const std::string& where, JsonText kind) {
  std::size_t levels = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++levels <= kMaxLevels) continue;
      throw Error(ErrorCode::kCorrupt, place_in(text, i + 1, where, kind) + ": expected at most " +
                                           std::to_string(kMaxLevels) +
                                           " levels of nesting, found more");
    } else if ((c == ']' || c == '}') && levels > 0) {
      --levels;
    }
  }
}

// "[json.exception.out_of_range.406] number overflow parsing '1e999'" -> "1e999".
std::string number_of(const std::string& text) {
  const std::size_t open = text.find('\'');
  const std::size_t close = text.rfind('\'');
  constexpr std::size_t kMaxBytes = 60;
  const std::string number = open < close ? text.substr(open + 1, close - open - 1) : text;
  return number.size() > kMaxBytes ? number.substr(0, kMaxBytes) + "..." : number;
}

// Accepts every event; only the error is of interest.
class ErrorFinder : public JsonEvents {
 public:
  using JsonEvents::JsonEvents;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
};

}  // namespace

bool JsonEvents::parse_error(std::size_t position, const std::string& /*last_token*/,
                             const nlohmann::detail::exception& error) {
  constexpr int kNumberOverflow = 406;
  throw Error(ErrorCode::kCorrupt,
              place_in(text_, position, where_, kind_) +
                  (error.id == kNumberOverflow
                       ? ": expected numbers of at most 1.8e308, found " + number_of(error.what())
                       : ": broken JSON: " + reason(error.what())));
}

void JsonEvents::parse() {
  require_shallow(text_, where_, kind_);
  nlohmann::json::sax_parse(text_.begin(), text_.end(), this);
}

nlohmann::json parse_json(std::string_view text, const std::string& where, JsonText kind) {
  require_shallow(text, where, kind);
  nlohmann::json document = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  // Not every exception of nlohmann::json carries a position; a second pass over the events does.
  if (document.is_discarded()) ErrorFinder(text, where, kind).parse();
  return document;
}

nlohmann::json load_json(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  refuse_stand_in(text, path.string());
  return parse_json(text, path.string());
}

const char* json_type_name(const nlohmann::json& value) noexcept {
  switch (value.type()) {
    case nlohmann::json::value_t::null:
      return "null";
    case nlohmann::json::value_t::object:
      return "an object";
    case nlohmann::json::value_t::array:
      return "an array";
    case nlohmann::json::value_t::string:
      return "a string";
    case nlohmann::json::value_t::boolean:
      return "a boolean";
    case nlohmann::json::value_t::number_integer:
    case nlohmann::json::value_t::number_unsigned:
    case nlohmann::json::value_t::number_float:
      return "a number";
    default:
      return "binary data";
  }
}

std::string JsonPlace::where() const {
  return path_.empty() ? file_ : file_ + ": " + path_;
}

void JsonPlace::fail(const char* expected) const {
  throw Error(ErrorCode::kCorrupt,
              where() + ": expected " + expected + ", found " + json_type_name(*value_));
}

void JsonPlace::require_object() const {
  if (!value_->is_object()) fail("an object");
}

bool JsonPlace::has(const char* key) const {
  require_object();
  return value_->contains(key);
}

std::optional<JsonPlace> JsonPlace::find(const char* key) const {
  if (!has(key)) return std::nullopt;
  JsonPlace member = at(key);
  return member.value().is_null() ? std::nullopt : std::optional(std::move(member));
}

JsonPlace JsonPlace::at(const char* key) const {
  require_object();
  const auto found = value_->find(key);
  if (found == value_->end()) {
    throw Error(ErrorCode::kCorrupt, where() + ": expected a key \"" + key + "\", found none");
  }
  return {*found, file_, path_.empty() ? std::string(key) : path_ + "." + key};
}

JsonPlace JsonPlace::at(std::size_t index) const {
  if (index >= size()) {
    throw Error(ErrorCode::kCorrupt, where() + ": expected an element " + std::to_string(index) +
                                         ", found " + std::to_string(size()) + " elements");
  }
  return {(*value_)[index], file_, path_ + "[" + std::to_string(index) + "]"};
}

std::size_t JsonPlace::size() const {
  if (!value_->is_array()) fail("an array");
  return value_->size();
}

const std::string& JsonPlace::as_string() const {
  if (!value_->is_string()) fail("a string");
  return value_->get_ref<const std::string&>();
}

std::int64_t JsonPlace::as_integer() const {
  if (!value_->is_number_integer()) fail("an integer");
  if (value_->is_number_unsigned() &&
      value_->get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
    throw Error(ErrorCode::kCorrupt,
                where() + ": expected an integer below 2^63, found " + value_->dump());
  }
  return value_->get<std::int64_t>();
}

double JsonPlace::as_number() const {
  if (!value_->is_number()) fail("a number");
  return value_->get<double>();
}

bool JsonPlace::as_bool() const {
  if (!value_->is_boolean()) fail("a boolean");
  return value_->get<bool>();
}

std::string JsonPlace::as_id() const {
  if (value_->is_number_integer()) return value_->dump();
  if (!value_->is_string()) fail("a string or an integer of at most 64 bits");
  return value_->get<std::string>();
}

}  // namespace deformer
