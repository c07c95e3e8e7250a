#include "base/guard.h"

#include <cerrno>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

namespace deformer {
namespace {

ErrorCode code_of(const std::error_code& error) {
  if (error == std::errc::no_such_file_or_directory) return ErrorCode::kNotFound;
  const bool is_short =
      error == std::errc::no_space_on_device || error == std::errc::not_enough_memory ||
      error == std::errc::file_too_large || error == std::errc::resource_unavailable_try_again ||
      error == std::errc::too_many_files_open || error.value() == EDQUOT;
  return is_short ? ErrorCode::kResourceExhausted : ErrorCode::kIo;
}

Error make_error(ErrorCode code, std::string_view where, std::string_view what) {
  std::string message(where);
  if (!message.empty()) message += ": ";
  message += what.substr(0, what.find('\n'));
  return {code, message};
}

}  // namespace

void rethrow_as_error(std::string_view where) {
  try {
    throw;
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw make_error(ErrorCode::kResourceExhausted, where, "out of memory");
  } catch (const std::system_error& error) {  // filesystem_error is one
    throw make_error(code_of(error.code()), where, error.what());
  } catch (const std::length_error& error) {
    throw make_error(ErrorCode::kResourceExhausted, where,
                     std::string("a size that memory cannot hold: ") + error.what());
  } catch (const std::logic_error& error) {
    throw make_error(ErrorCode::kInternal, where, std::string("internal error: ") + error.what());
  }
}

}  // namespace deformer
