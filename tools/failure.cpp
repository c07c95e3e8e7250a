#include "tools/failure.h"

#include <CLI/Error.hpp>
#include <cstdio>
#include <new>
#include <string_view>

#include "base/quote.h"

namespace deformer::tools {
namespace {

constexpr int kExitUsage = 2;

int fail(int status, std::string_view message) {
  const std::string line = "deformer: error: " + one_line(message) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  return status;
}

// docs/cli.md has the table.
int exit_status(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return kExitUsage;
    case ErrorCode::kNotFound:
      return 3;
    case ErrorCode::kCorrupt:
      return 4;
    case ErrorCode::kIncompatible:
      return 5;
    case ErrorCode::kUnsupported:
      return 6;
    case ErrorCode::kResourceExhausted:
      return 7;
    case ErrorCode::kIo:
      return 8;
    case ErrorCode::kCancelled:
      return 9;
    case ErrorCode::kTimedOut:
      return 10;
    case ErrorCode::kOverloaded:
      return 11;
    case ErrorCode::kInternal:
      return kExitInternal;
  }
  return kExitInternal;
}

}  // namespace

int report_failure() noexcept {
  try {
    throw;
  } catch (const ClosedPipe&) {
    return kExitClosedPipe;
  } catch (const Error& error) {
    return fail(exit_status(error.code()), error.what());
  } catch (const CLI::ParseError& error) {
    return fail(kExitUsage, std::string(error.what()) + "; see --help");
  } catch (const std::bad_alloc&) {
    return fail(exit_status(ErrorCode::kResourceExhausted), "out of memory");
  } catch (const std::exception& error) {
    return fail(kExitInternal, error.what());
  } catch (...) {
    return fail(kExitInternal, "unknown exception");
  }
}

}  // namespace deformer::tools
