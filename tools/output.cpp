#include "tools/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "tools/failure.h"

namespace deformer::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBufferBytes = std::size_t{1} << 16;

std::string directory_of(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string link_of(int descriptor) {
  return "/proc/self/fd/" + std::to_string(descriptor);
}

// The rename is durable only once its directory is.
void sync_directory(const std::string& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

Output::Output(std::string path) : path_(std::move(path)) {
  if (path_ == "-") {
    path_ = "standard output";
    descriptor_ = STDOUT_FILENO;
  } else {
    open_file();
  }
}

Output::~Output() {
  if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void Output::open_file() {
  struct stat status {};
  const bool exists = ::stat(path_.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) {
    throw Error(ErrorCode::kIo, path_ + ": expected a file, found a directory");
  }
  if (exists && !S_ISREG(status.st_mode)) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail("open");
    return;
  }
  // A rename would replace a file that is protected from writing.
  if (exists && ::access(path_.c_str(), W_OK) != 0) fail("write");
  target_ = exists ? fs::canonical(path_).string() : path_;
  open_temporary();
  if (exists) ::fchmod(descriptor_, status.st_mode & 07777);
}

// A file without a name is gone whatever ends the process; where the file system or a missing /proc
// does not allow it, one with a name serves.
void Output::open_temporary() {
  if (::access("/proc/self/fd", X_OK) == 0) {
    descriptor_ =
        ::open(directory_of(target_).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, mode_t{0666});
  }
  if (descriptor_ >= 0) return;
  std::string name = target_ + ".XXXXXX";
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail("create");
  temporary_ = name;
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(descriptor_, 0666 & ~mask);
}

void Output::write(std::string_view bytes) {
  buffer_.append(bytes);
  if (buffer_.size() >= kBufferBytes) flush();
}

void Output::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t count = ::write(descriptor_, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EPIPE) throw ClosedPipe();
    if (count < 0) fail("write");
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  buffer_.clear();
}

void Output::commit() {
  flush();
  if (descriptor_ == STDOUT_FILENO) return;
  if (!target_.empty()) {
    if (::fsync(descriptor_) != 0) fail("write");
    if (temporary_.empty()) link_temporary();
  }
  if (::close(std::exchange(descriptor_, -1)) != 0) fail("write");
  if (target_.empty()) return;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("rename the temporary file to");
  temporary_.clear();
  sync_directory(directory_of(target_));
}

// linkat() does not replace, so the name is a new one and a rename follows.
void Output::link_temporary() {
  const std::string name = target_ + "." + std::to_string(::getpid()) + ".tmp";
  ::unlink(name.c_str());
  if (::linkat(AT_FDCWD, link_of(descriptor_).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) !=
      0) {
    fail("create");
  }
  temporary_ = name;
}

void Output::fail(const char* action) const {
  throw_system_error(path_, action, errno);
}

}  // namespace deformer::tools
