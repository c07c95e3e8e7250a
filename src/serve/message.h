// Requests and responses as the routes see them: no part of the HTTP library.
#pragma once

#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace deformer::serve {

inline constexpr const char* kJsonType = "application/json";
inline constexpr const char* kLinesType = "application/x-ndjson";  ///< JSON Lines

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;
  std::string path;   ///< as sent, without the query
  std::string query;  ///< as sent, behind the "?"
  Headers headers;    ///< in the order of the request
  std::string body;   ///< empty while only the head has been read
  std::string remote;

  /// The first header of this name, whatever its case; null when there is none.
  [[nodiscard]] const std::string* header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = kJsonType;
  std::string body = {};
  Headers headers = {};
};

[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

/// "%C3%AB" and the like as bytes. False for a broken escape.
[[nodiscard]] bool percent_decode(std::string_view text, std::string& decoded);

/// "a=b%20c&d=" -> {{"a", "b c"}, {"d", ""}}; "+" is a space. False for a broken escape.
[[nodiscard]] bool parse_query(std::string_view text, Headers& fields);

/// "Sun, 06 Nov 1994 08:49:37 GMT", as the header Date has it.
[[nodiscard]] std::string http_date(std::time_t seconds);

/// "application/json; charset=utf-8" -> "application/json", in lower case.
[[nodiscard]] std::string media_type(std::string_view content_type);

}  // namespace deformer::serve
