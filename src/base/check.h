// Broken invariants: bugs of this library, not of its caller.
#pragma once

#include <string>

#include "deformer/error.h"

namespace deformer {

[[noreturn]] inline void fail_check(const char* file, int line, const char* condition) {
  throw Error(ErrorCode::kInternal, std::string("internal error at ") + file + ":" +
                                        std::to_string(line) + ": expected " + condition);
}

}  // namespace deformer

/// Throws kInternal when `condition` is false. For states that no input can cause.
#define DEFORMER_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::deformer::fail_check(__FILE__, __LINE__, #condition))
