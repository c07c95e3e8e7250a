#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "deformer/error.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

ErrorCode code_of(int error) {
  switch (error) {
    case ENOENT:
      return ErrorCode::kNotFound;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
      return ErrorCode::kResourceExhausted;
    default:
      return ErrorCode::kIo;
  }
}

// Closes on every way out of a read.
struct Descriptor {
  int value = -1;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

// The rename is durable only once its directory is.
void sync_directory(const fs::path& directory) {
  const Descriptor descriptor{
      ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (descriptor.value >= 0) ::fsync(descriptor.value);
}

}  // namespace

std::string read_file(const fs::path& path, std::size_t max_bytes) {
  const auto fail = [&](const char* action) {
    const int error = errno;
    throw Error(code_of(error), path.string() + ": cannot " + action + ": " + std::strerror(error));
  };
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.value < 0) fail("open");
  struct stat status {};
  if (::fstat(file.value, &status) != 0) fail("stat");
  if (S_ISDIR(status.st_mode)) {
    throw Error(ErrorCode::kIo, path.string() + ": expected a file, found a directory");
  }
  std::string bytes;
  if (S_ISREG(status.st_mode)) bytes.reserve(static_cast<std::size_t>(status.st_size) + 1);
  std::string chunk(std::size_t{1} << 18, '\0');
  while (true) {
    const ssize_t count = ::read(file.value, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("read");
    if (count == 0) return bytes;
    bytes.append(chunk, 0, static_cast<std::size_t>(count));
    if (bytes.size() > max_bytes) {
      throw Error(ErrorCode::kInvalidArgument,
                  path.string() + ": larger than " + std::to_string(max_bytes) + " bytes");
    }
  }
}

AtomicFile::AtomicFile(fs::path target) : target_(std::move(target)) {
  struct stat status {};
  const bool exists = ::stat(target_.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) {
    throw Error(ErrorCode::kIo, target_.string() + ": expected a file, found a directory");
  }
  if (exists && !S_ISREG(status.st_mode)) {
    descriptor_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail("open");
    return;
  }
  // A link stays a link: the file that it points to is replaced.
  if (exists) target_ = fs::canonical(target_);
  std::string pattern = target_.string() + ".XXXXXX";
  descriptor_ = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail("create");
  temporary_ = pattern;
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(descriptor_, exists ? (status.st_mode & 07777) : (0666 & ~mask));
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
  if (temporary_.empty()) {
    if (::close(std::exchange(descriptor_, -1)) != 0) fail("write");
    return;
  }
  if (::fsync(descriptor_) != 0) fail("write");
  if (::close(std::exchange(descriptor_, -1)) != 0) fail("write");
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("rename the temporary file to");
  temporary_.clear();
  sync_directory(target_.parent_path());
}

void AtomicFile::fail(const char* action) const {
  const int error = errno;
  throw Error(code_of(error),
              target_.string() + ": cannot " + action + ": " + std::strerror(error));
}

void write_file(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace deformer
