#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/system_error.h"

namespace deformer {

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  // Not to wait where a pipe lies in the file's place.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  const auto fail = [&](const char* action) {
    const int error = errno;
    if (descriptor >= 0) ::close(descriptor);
    throw_system_error(path.string(), action, error);
  };
  if (descriptor < 0) fail("open");
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) fail("stat");
  if (!S_ISREG(status.st_mode)) {
    ::close(descriptor);
    throw Error(ErrorCode::kIo, path.string() + ": expected a regular file");
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* data = nullptr;
  if (size > 0) {
    data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED) fail("map");
  }
  ::close(descriptor);
  return std::shared_ptr<const MappedFile>(
      new MappedFile(static_cast<const std::byte*>(data), size));
}

MappedFile::~MappedFile() {
  if (size_ > 0) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace deformer
