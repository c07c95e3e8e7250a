// How the tool fails: one line on stderr and an exit status by kind (docs/cli.md).
#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "deformer/error.h"

namespace deformer::tools {

inline constexpr int kExitOk = 0;
inline constexpr int kExitInternal = 1;
inline constexpr int kExitUsage = 2;
/// What a shell reports for a program that SIGPIPE ended.
inline constexpr int kExitClosedPipe = 141;

/// The answerer of standard output went away. Nobody is left to tell, so it ends the tool quietly.
class ClosedPipe : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "standard output is closed"; }
};

/// 2 invalid argument, 3 not found, 4 corrupt, 5 incompatible, 6 unsupported, 7 resource exhausted,
/// 8 input/output, 1 internal.
[[nodiscard]] int exit_status(ErrorCode code) noexcept;

/// To be called in a catch block: prints "deformer: error: ..." for the exception in flight and
/// returns the exit status.
[[nodiscard]] int report_failure() noexcept;

}  // namespace deformer::tools
