// Stores that still exist when the verb has ended.
#pragma once

#include <string>

#include "deformer/error.h"

namespace deformer::tools {

/// Throws kInvalidArgument "VERB: ..." for a store in the process's own memory: all that the verb
/// puts there would be lost at its end.
inline void require_lasting_store(const std::string& uri, const std::string& verb) {
  if (!uri.starts_with("memory:")) return;
  throw Error(ErrorCode::kInvalidArgument,
              verb + ": expected a store that stays (lmdb:PATH or redis://...), found memory:");
}

}  // namespace deformer::tools
