// What the operating system says, as this library's errors.
#pragma once

#include <string>

#include "deformer/error.h"

namespace deformer {

/// The kind of an errno value: kNotFound for what is not there; kResourceExhausted for what there
/// is too little of (room on a disk, memory, descriptors, threads); else kIo.
[[nodiscard]] ErrorCode error_code_of(int error) noexcept;

/// Text of an errno value: "Permission denied".
[[nodiscard]] std::string system_message(int error);

/// Throws Error: "WHERE: cannot ACTION: reason of `error`".
[[noreturn]] void throw_system_error(const std::string& where, const char* action, int error);

}  // namespace deformer
