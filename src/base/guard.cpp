#include "base/guard.h"

#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include "base/system_error.h"

namespace deformer {
namespace {

ErrorCode code_of(const std::error_code& error) {
  const std::error_condition condition = error.default_error_condition();
  const bool is_errno = condition.category() == std::generic_category();
  return is_errno ? error_code_of(condition.value()) : ErrorCode::kIo;
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
