#include "text/text_size.h"

#include <cstdint>
#include <limits>
#include <string>

#include "deformer/error.h"

namespace deformer {

void require_text_size(std::string_view text) {
  if (text.size() <= std::numeric_limits<std::uint32_t>::max()) return;
  throw Error(ErrorCode::kInvalidArgument,
              "text: expected less than 4 GiB, found " + std::to_string(text.size()) + " bytes");
}

}  // namespace deformer
