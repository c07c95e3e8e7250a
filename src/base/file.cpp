#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/system_error.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

// Closes on every way out of a read.
struct Descriptor {
  int value = -1;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

// /dev/stdout may be a regular file of the shell's: replacing that would break `>> log`.
bool names_open_file(const fs::path& path) {
  const fs::path normal = path.lexically_normal();
  return normal == "/dev/stdout" || normal == "/dev/stderr" || normal.parent_path() == "/dev/fd" ||
         normal.parent_path() == "/proc/self/fd";
}

// A link stays a link: the file that it points to is replaced.
fs::path resolve_links(const fs::path& path) {
  std::error_code error;
  fs::path resolved = fs::canonical(path, error);
  if (!error) return resolved;
  throw_system_error(path.string(), "resolve", error.value());
}

constexpr int kMostLinks = 40;  // in a row, as the system follows

// The file that a link points to is not there yet: it is made, and not one in the link's place.
fs::path end_of_links(fs::path path) {
  std::error_code error;
  for (int i = 0; i < kMostLinks; ++i) {
    const fs::path next = fs::read_symlink(path, error);
    if (error) break;
    path = path.parent_path() / next;
  }
  return path;
}

}  // namespace

std::string read_file(const fs::path& path, std::size_t max_bytes) {
  const auto fail = [&](const char* action) { throw_system_error(path.string(), action, errno); };
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.value < 0) fail("open");
  struct stat status {};
  if (::fstat(file.value, &status) != 0) fail("stat");
  if (S_ISDIR(status.st_mode)) {
    throw Error(ErrorCode::kIo, path.string() + ": expected a file, found a directory");
  }
  const auto check_size = [&](std::size_t size) {
    if (size <= max_bytes) return;
    throw Error(ErrorCode::kInvalidArgument, path.string() + ": expected at most " +
                                                 std::to_string(max_bytes) + " bytes, found more");
  };
  std::string bytes;
  if (S_ISREG(status.st_mode)) {
    check_size(static_cast<std::size_t>(status.st_size));
    bytes.reserve(static_cast<std::size_t>(status.st_size));
  }
  std::string chunk(std::size_t{1} << 18, '\0');
  while (true) {
    const ssize_t count = ::read(file.value, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("read");
    if (count == 0) return bytes;
    bytes.append(chunk, 0, static_cast<std::size_t>(count));
    check_size(bytes.size());
  }
}

AtomicFile::AtomicFile(fs::path target) : target_(std::move(target)) {
  struct stat status {};
  const bool exists = ::stat(target_.c_str(), &status) == 0;
  if (!exists && errno == ELOOP) fail("resolve");
  if (exists && S_ISDIR(status.st_mode)) {
    throw Error(ErrorCode::kIo, target_.string() + ": expected a file, found a directory");
  }
  if (exists && (!S_ISREG(status.st_mode) || names_open_file(target_))) {
    descriptor_ = ::open(target_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (descriptor_ < 0) fail("open");
    return;
  }
  // A rename would replace a file that is protected from writing.
  if (exists && ::access(target_.c_str(), W_OK) != 0) fail("write");
  target_ = exists ? resolve_links(target_) : end_of_links(std::move(target_));
  is_direct_ = false;
  create_temporary();
  if (exists) ::fchmod(descriptor_, status.st_mode & 07777);
}

// A file without a name is gone whatever ends the process; where the file system or a missing /proc
// does not allow it, one with a name serves.
void AtomicFile::create_temporary() {
  if (::access("/proc/self/fd", X_OK) == 0) {
    const fs::path directory = target_.has_parent_path() ? target_.parent_path() : ".";
    descriptor_ = ::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  }
  if (descriptor_ >= 0) return;
  take_name([&](const char* name) {
    descriptor_ = ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return descriptor_ >= 0;
  });
}

// By hand and not by mkostemp(): open() applies the umask, which cannot be read without setting it
// for all threads.
template <typename Take>
void AtomicFile::take_name(const Take& take) {
  const std::string prefix = target_.string() + ".tmp" + std::to_string(::getpid()) + "-";
  for (int i = 0; temporary_.empty(); ++i) {
    const std::string name = prefix + std::to_string(i);
    if (take(name.c_str())) {
      temporary_ = name;
    } else if (errno != EEXIST) {
      fail("create");
    }
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("write");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void AtomicFile::commit() {
  if (is_direct_) {
    if (::close(std::exchange(descriptor_, -1)) != 0) fail("write");
    return;
  }
  if (::fsync(descriptor_) != 0) fail("write");
  if (temporary_.empty()) {
    // linkat() does not replace, so the name is a new one and a rename follows.
    const std::string unnamed = "/proc/self/fd/" + std::to_string(descriptor_);
    take_name([&](const char* name) {
      return ::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
    });
  }
  if (::close(std::exchange(descriptor_, -1)) != 0) fail("write");
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("rename the temporary file to");
  temporary_.clear();
  if (!sync_directory(target_.parent_path())) fail("sync the directory of");
}

void AtomicFile::fail(const char* action) const {
  throw_system_error(target_.string(), action, errno);
}

void write_file(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

bool sync_directory(const fs::path& directory) {
  const Descriptor descriptor{
      ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (descriptor.value < 0 || ::fsync(descriptor.value) == 0) return true;
  return errno != EIO && errno != ENOSPC && errno != EDQUOT;
}

bool is_there(const fs::path& path) noexcept {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_absent(const fs::path& path) noexcept {
  std::error_code ignored;
  return fs::status(path, ignored).type() == fs::file_type::not_found;
}

bool is_folder(const fs::path& path) noexcept {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

void make_directories(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error && fs::is_directory(path, error)) return;
  const std::string reason = error ? error.message() : "a file is in the way";
  throw Error(error ? error_code_of(error.value()) : ErrorCode::kIo,
              path.string() + ": cannot create the directory: " + reason);
}

}  // namespace deformer
