#include "base/system_error.h"

#include <cerrno>
#include <system_error>

namespace deformer {

ErrorCode error_code_of(int error) noexcept {
  switch (error) {
    case ENOENT:
      return ErrorCode::kNotFound;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
      return ErrorCode::kResourceExhausted;
    default:
      return ErrorCode::kIo;
  }
}

std::string system_message(int error) {
  // Not strerror(), which is not safe beside other threads.
  return std::generic_category().message(error);
}

void throw_system_error(const std::string& where, const char* action, int error) {
  throw Error(error_code_of(error), where + ": cannot " + action + ": " + system_message(error));
}

}  // namespace deformer
