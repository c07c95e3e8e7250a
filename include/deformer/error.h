// The one exception type of the library.
#pragma once

#include <stdexcept>
#include <string>

#include "deformer/export.h"

namespace deformer {

/// What kind of thing went wrong. The CLI maps each kind to an exit status (docs/cli.md).
enum class ErrorCode {
  kInvalidArgument,    ///< the caller's value is out of range or contradicts another one
  kNotFound,           ///< a file, a key or a passage is absent
  kCorrupt,            ///< data that was read is malformed, truncated or fails its checksum
  kIncompatible,       ///< data is well-formed but belongs to another model, version or shape
  kUnsupported,        ///< a combination that this build or machine cannot run
  kResourceExhausted,  ///< out of memory, disk or map space
  kIo,                 ///< the operating system or a server refused or failed
  kCancelled,          ///< the caller no longer wants the result
  kTimedOut,           ///< the caller's deadline passed before there was a result
  kOverloaded,         ///< a queue is full: the same request may be taken later
  kInternal,           ///< a broken invariant: a bug in this library
};

/// Lower-case name of a code, e.g. "not found". Never null.
DEFORMER_EXPORT const char* to_string(ErrorCode code) noexcept;

/// Thrown by every public entry point (encoder.h says where its own differ). `what()` is one line:
/// where (file, tensor, key, line), what was expected, what was found. Exceptions of other
/// libraries are translated, their text kept.
class DEFORMER_EXPORT Error : public std::runtime_error {
 public:
  /// A message may quote what others wrote: its control characters become blanks and escapes.
  Error(ErrorCode code, const std::string& message);

  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace deformer
