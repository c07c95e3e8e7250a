// What a caller's function may throw: it has to leave the library as it was thrown, whatever it is.
#pragma once

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <system_error>
#include <type_traits>

namespace deformer::test {

struct OfTheCaller {};

using CallersExceptions =
    testing::Types<std::runtime_error, std::invalid_argument, std::length_error, std::system_error,
                   std::bad_alloc, OfTheCaller, int>;

template <typename Exception>
[[noreturn]] void throw_one() {
  if constexpr (std::is_constructible_v<Exception, const char*>) {
    throw Exception("enough");
  } else if constexpr (std::is_same_v<Exception, std::system_error>) {
    throw Exception(std::make_error_code(std::errc::io_error));
  } else {
    throw Exception();
  }
}

}  // namespace deformer::test
