// Broken invariants: bugs of this library, not of its caller.
#pragma once

#include <string>

#include "deformer/error.h"

/// Throws kInternal when `condition` is false. For states that no input can cause.
#define DEFORMER_CHECK(condition)                                                       \
  do {                                                                                  \
    if (!(condition)) {                                                                 \
      throw ::deformer::Error(::deformer::ErrorCode::kInternal,                         \
                              std::string("internal error at ") + __FILE__ + ":" +      \
                                  std::to_string(__LINE__) + ": expected " #condition); \
    }                                                                                   \
  } while (false)
