// The version of the library, for messages and checks at run time.
#pragma once

#include "deformer/export.h"

namespace deformer {

/// "major.minor.patch" of the library that runs, which may differ from the headers compiled
/// against.
DEFORMER_EXPORT const char* version() noexcept;

}  // namespace deformer
