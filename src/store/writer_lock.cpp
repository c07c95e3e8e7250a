#include "store/writer_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "base/system_error.h"
#include "deformer/error.h"

namespace deformer {

WriterLock::WriterLock(const std::filesystem::path& path, std::string_view store, Mode mode)
    : process_(::getpid()) {
  const int flags = mode == Mode::kWriter ? O_RDWR | O_CREAT : O_RDONLY;
  descriptor_ = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    throw_system_error(path.string(), "open", errno);
  }
  const int operation = mode == Mode::kWriter ? LOCK_EX : LOCK_SH;
  int result = 0;
  do {
    result = ::flock(descriptor_, operation | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    const int error = errno;
    if (error == EWOULDBLOCK) fail_busy(store, mode);
    ::close(descriptor_);
    throw_system_error(path.string(), "lock", error);
  }
  if (mode == Mode::kWriter) leave_process_number();
}

WriterLock::~WriterLock() {
  // The lock is the open file's, which forked children hold open too: closing is not enough here,
  // and unlocking would be too much there.
  if (::getpid() == process_) ::flock(descriptor_, LOCK_UN);
  ::close(descriptor_);
}

void WriterLock::fail_busy(std::string_view store, Mode mode) const {
  std::array<char, 32> number{};
  const ssize_t size = ::pread(descriptor_, number.data(), number.size() - 1, 0);
  // Whoever can share the lock proves that its holder only reads.
  const bool held_by_readers =
      mode == Mode::kWriter && ::flock(descriptor_, LOCK_SH | LOCK_NB) == 0;
  ::close(descriptor_);
  const std::string where = std::string(store) + ": ";
  if (held_by_readers) {
    throw Error(ErrorCode::kIo, where + "cannot write while another process reads the store " +
                                    "without write access to its directory");
  }
  // Anyone may have written there.
  const std::string digits(number.data(), std::strspn(number.data(), "0123456789"));
  const bool is_number = size > 0 && !digits.empty();
  const std::string holder = is_number ? "process " + digits : "another process";
  throw Error(ErrorCode::kIo, where + (mode == Mode::kWriter
                                           ? "cannot write: " + holder + " is writing to the store"
                                           : "cannot read without write access to lock.mdb while " +
                                                 holder + " is writing to the store"));
}

void WriterLock::leave_process_number() const {
  // Only ever read for an error message: a failure here changes nothing.
  const std::string number = std::to_string(::getpid());
  if (::ftruncate(descriptor_, 0) != 0) return;
  if (::pwrite(descriptor_, number.data(), number.size(), 0) < 0) return;
}

}  // namespace deformer
