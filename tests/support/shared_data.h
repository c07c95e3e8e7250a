// Files that lie beside a development checkout and are no part of the project. Tests that use them
// skip visibly.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace deformer::test {

/// shared/NAME beside the source tree.
inline std::filesystem::path shared_path(const std::string& name) {
  return std::filesystem::path(DEFORMER_SOURCE_DIR).parent_path() / "shared" / name;
}

}  // namespace deformer::test

/// Skips the running test when shared/NAME is absent.
#define DEFORMER_REQUIRE_SHARED(name)                                                \
  do {                                                                               \
    if (!std::filesystem::exists(::deformer::test::shared_path(name))) {             \
      GTEST_SKIP() << "needs shared/" << (name) << ", which is not on this machine"; \
    }                                                                                \
  } while (false)
