// A store's URI in messages and reports.
#pragma once

#include <string>
#include <string_view>

namespace deformer {

/// Without the user and the password of a redis:// URI, whatever else may be wrong with it.
[[nodiscard]] std::string shown_uri(std::string_view uri);

}  // namespace deformer
