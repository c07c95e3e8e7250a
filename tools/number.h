// Checks of numeric options: what is wrong is one line that a person can read.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <limits>

namespace deformer::tools {

/// A whole number in decimal digits from `least` to `most`, which must fit the option's type.
[[nodiscard]] CLI::Validator whole_number(
    std::uint64_t least, std::uint64_t most = std::numeric_limits<std::uint64_t>::max());

/// The same for an option whose type is int.
[[nodiscard]] inline CLI::Validator whole_int(int least) {
  return whole_number(static_cast<std::uint64_t>(least), std::numeric_limits<int>::max());
}

/// A number that is neither infinite nor NaN, `least` or more.
[[nodiscard]] CLI::Validator real_number(double least = std::numeric_limits<double>::lowest());

}  // namespace deformer::tools
