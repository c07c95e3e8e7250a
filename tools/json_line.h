// JSON on one line. For .cpp files: the library behind it is heavy.
#pragma once

#include <string>

#include "base/json.h"

namespace deformer::tools {

using Json = nlohmann::ordered_json;

/// Bytes that are no UTF-8, as the names in a file may have, are replaced.
[[nodiscard]] inline std::string json_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// The same with a line feed.
[[nodiscard]] inline std::string json_line(const Json& value) {
  return json_text(value) + "\n";
}

}  // namespace deformer::tools
