#include "base/guard.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <ios>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "support/expect_error.h"

namespace deformer::test {
namespace {

template <typename Exception>
void refuse(ErrorCode code, const std::string& text, const Exception& exception) {
  expect_error(code, text, [&] { guard_entry("place", [&] { throw exception; }); });
}

TEST(GuardEntry, ReturnsWhatTheFunctionReturns) {
  int value = 1;
  int& same = guard_entry("x", [&]() -> int& { return value; });
  EXPECT_EQ(&same, &value);
}

TEST(GuardEntry, TranslatesTheStandardLibrary) {
  refuse(ErrorCode::kResourceExhausted, "place: out of memory", std::bad_alloc());
  refuse(ErrorCode::kResourceExhausted, "place: a size", std::length_error("vector"));
  refuse(ErrorCode::kInternal, "place: internal error: at", std::out_of_range("at\nline 2"));
  expect_error(ErrorCode::kResourceExhausted, "place", [] {
    guard_entry("place", [] { std::string().resize(std::numeric_limits<std::size_t>::max()); });
  });
}

TEST(GuardEntry, TellsSystemErrorsApart) {
  namespace fs = std::filesystem;
  const auto system = [](int error) {
    return std::system_error(error, std::generic_category(), "what");
  };
  refuse(ErrorCode::kResourceExhausted, "place: what", system(ENOSPC));
  refuse(ErrorCode::kResourceExhausted, "place: what", system(EAGAIN));
  refuse(ErrorCode::kIo, "place: what", system(EIO));
  // Numbers of another category are none of errno's.
  refuse(ErrorCode::kIo, "place: what",
         std::system_error(ENOENT, std::iostream_category(), "what"));
  expect_error(ErrorCode::kNotFound, "/absent",
               [] { guard_entry("", [] { static_cast<void>(fs::file_size("/absent")); }); });
}

TEST(GuardEntry, LeavesErrorsAndTheCallersOwnExceptionsAlone) {
  expect_error(ErrorCode::kCorrupt, "damaged",
               [] { guard_entry("place", [] { throw Error(ErrorCode::kCorrupt, "damaged"); }); });
  EXPECT_THROW(guard_entry("place", [] { throw std::runtime_error("stop"); }), std::runtime_error);
  EXPECT_THROW(guard_entry("place", [] { throw 7; }), int);
}

// Of a type that is translated otherwise, too.
TEST(GuardEntry, LetsThroughWhatACallersFunctionThrew) {
  const auto call = [](const auto& function) {
    unwrap_thrown([&] { guard_entry("place", [&] { wrap_thrown(function); }); });
  };
  EXPECT_THROW(call([] { throw std::bad_alloc(); }), std::bad_alloc);
  EXPECT_THROW(call([] { throw 7; }), int);
}

}  // namespace
}  // namespace deformer::test
