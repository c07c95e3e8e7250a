// Checks of numeric options: what is wrong is one line that a person can read.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <limits>

namespace deformer::tools {

/// For Option::transform(), which keeps what it writes: check() would not, and the parser takes
/// 010 for 8. A whole number in decimal digits from `least` to `most`, which must fit the option's
/// type.
[[nodiscard]] CLI::Validator whole_number(
    std::uint64_t least, std::uint64_t most = std::numeric_limits<std::uint64_t>::max());

/// The same for an option whose type is int.
[[nodiscard]] inline CLI::Validator whole_int(int least) {
  return whole_number(static_cast<std::uint64_t>(least), std::numeric_limits<int>::max());
}

/// CPU threads. Of a number far above the machine's the process would die: threads that cannot be
/// made are no error that could be caught.
[[nodiscard]] inline CLI::Validator thread_number() {
  return whole_number(0, 1024);
}

/// What --threads is where it is not given: 0, LibTorch's own choice, unless the control group
/// (a container's limit) allows fewer processors than there are; then their number.
/// OMP_NUM_THREADS in the environment is LibTorch's to read.
[[nodiscard]] int default_threads();

/// A number that is neither infinite nor NaN, `least` or more.
[[nodiscard]] CLI::Validator real_number(double least = std::numeric_limits<double>::lowest());

/// For options whose absence means something else: what came out empty (of a variable that is not
/// set) is no absence.
[[nodiscard]] CLI::Validator not_empty();

}  // namespace deformer::tools
