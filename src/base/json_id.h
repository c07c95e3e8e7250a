// The id of an object that may be broken.
#pragma once

#include <string>
#include <string_view>

namespace deformer {

/// The member "id" of an object, a string or a number, as JSON text in its own spelling
/// (12345678901234567890123, 1e2), but -0 as 0, which is what readers of values have. Empty when
/// there is none, or none before the place where the text breaks off.
[[nodiscard]] std::string find_json_id(std::string_view object);

}  // namespace deformer
