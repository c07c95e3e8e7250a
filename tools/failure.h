// How the tool fails: one line on stderr and an exit status by kind (docs/cli.md).
#pragma once

#include <exception>
#include <string>

#include "deformer/error.h"

namespace deformer::tools {

inline constexpr int kExitOk = 0;
inline constexpr int kExitInternal = 1;
/// What a shell reports for a program that SIGPIPE ended.
inline constexpr int kExitClosedPipe = 141;

/// The answerer of standard output went away. Nobody is left to tell, so it ends the tool quietly.
class ClosedPipe : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "standard output is closed"; }
};

/// What a caller is to be told: "WHERE: expected ..., found ...".
[[nodiscard]] inline Error invalid(const std::string& message) {
  return {ErrorCode::kInvalidArgument, message};
}

/// To be called in a catch block: prints "deformer: error: ..." for the exception in flight and
/// returns the exit status.
[[nodiscard]] int report_failure() noexcept;

}  // namespace deformer::tools
