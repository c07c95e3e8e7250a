// JSON values with errors that name file and place. Include only from .cpp files (nlohmann/json is
// heavy).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace deformer {

/// What a text is, and so how an error names a place in it.
enum class JsonText {
  kDocument,  ///< "WHERE: line 3, column 5: "
  kLine,      ///< of JSON Lines; WHERE has its number, or is empty: "WHERE, column 5: "
};

/// Parses one text. `where` names it in errors. Throws kCorrupt with the place (lines and columns
/// from 1, columns in bytes), also for more than 1,000 levels of nesting and a number that no
/// double holds.
[[nodiscard]] nlohmann::json parse_json(std::string_view text, const std::string& where,
                                        JsonText kind = JsonText::kDocument);

/// Reads a document as a stream of events, for files whose order or duplicate keys count. Derive,
/// handle the events (nlohmann::json_sax), call parse(). Broken JSON throws kCorrupt with line and
/// column, as parse_json() does. `text` must outlive the object.
class JsonEvents : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonEvents(std::string_view text, std::string where, JsonText kind = JsonText::kDocument)
      : text_(text), where_(std::move(where)), kind_(kind) {}

  void parse();
  bool parse_error(std::size_t position, const std::string& last_token,
                   const nlohmann::detail::exception& error) final;
  /// CBOR's; no event of a JSON text.
  bool binary(binary_t&) final { return false; }

  [[nodiscard]] const std::string& where() const noexcept { return where_; }

 private:
  std::string_view text_;
  std::string where_;
  JsonText kind_;
};

/// read_file() + refuse_stand_in() + parse_json().
[[nodiscard]] nlohmann::json load_json(const std::filesystem::path& path);

/// "a string", "a number", ... for messages.
[[nodiscard]] const char* json_type_name(const nlohmann::json& value) noexcept;

/// A JSON value that knows its place, e.g. "dev.json: data[3].paragraphs". Accessors throw kCorrupt
/// with that place, what was expected and what was found. A view: the document must outlive it.
class JsonPlace {
 public:
  JsonPlace(const nlohmann::json& value, std::string file)
      : value_(&value), file_(std::move(file)) {}

  [[nodiscard]] const nlohmann::json& value() const noexcept { return *value_; }
  /// "file: path", or "file" at the root.
  [[nodiscard]] std::string where() const;

  [[nodiscard]] bool has(const char* key) const;
  /// Member of an object; absent where there is none or it is null.
  [[nodiscard]] std::optional<JsonPlace> find(const char* key) const;
  [[nodiscard]] JsonPlace at(const char* key) const;    ///< member of an object
  [[nodiscard]] JsonPlace at(std::size_t index) const;  ///< element of an array
  [[nodiscard]] std::size_t size() const;               ///< of an array
  [[nodiscard]] const std::string& as_string() const;
  [[nodiscard]] std::int64_t as_integer() const;
  [[nodiscard]] double as_number() const;
  [[nodiscard]] bool as_bool() const;
  /// What names something: a string, or an integer as its digits.
  [[nodiscard]] std::string as_id() const;
  /// Throws unless the value is an object.
  void require_object() const;

 private:
  JsonPlace(const nlohmann::json& value, std::string file, std::string path)
      : value_(&value), file_(std::move(file)), path_(std::move(path)) {}
  [[noreturn]] void fail(const char* expected) const;

  const nlohmann::json* value_;
  std::string file_;
  std::string path_;
};

}  // namespace deformer
