// Ids for passages that the caller has not named, so that equal texts are stored once.
#pragma once

#include <string>
#include <string_view>

#include "deformer/export.h"

namespace deformer {

/// An id that depends on the text alone: 128 bits of XXH3 as 32 hexadecimal digits. The same on
/// every machine and in every version; equal for two texts only by an accident that 128 bits make
/// negligible, but not safe against malice.
[[nodiscard]] DEFORMER_EXPORT std::string content_id(std::string_view text);

}  // namespace deformer
