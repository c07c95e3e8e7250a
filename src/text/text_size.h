// How long a text may be.
#pragma once

#include <string_view>

namespace deformer {

/// Places in a text are ByteSpans of 32 bits. Throws kInvalidArgument for a text of 4 GiB or more.
void require_text_size(std::string_view text);

}  // namespace deformer
