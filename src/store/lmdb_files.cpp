#include "store/lmdb_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <exception>

#include "base/file.h"
#include "base/system_error.h"
#include "deformer/error.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

bool is_accessible(const fs::path& path, int mode) {
  return ::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0;
}

// Where the working directory is gone, the path as it is: opening it will say so.
fs::path absolute_or_same(const fs::path& path) {
  std::error_code error;
  fs::path absolute = fs::absolute(path, error);
  return error ? path : absolute;
}

// Makes a file when it is absent; room for `bytes` without a change of its length.
void make_file(const fs::path& path, std::size_t bytes) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  // A file system without fallocate is left to its luck.
  const bool failed = descriptor < 0 || (bytes > 0 &&
                                         ::fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0,
                                                     static_cast<off_t>(bytes)) != 0 &&
                                         errno != EOPNOTSUPP && errno != ENOSYS);
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!failed) return;
  throw_system_error(path.string(), "create", error);
}

}  // namespace

LmdbFiles::LmdbFiles(const fs::path& directory, bool create)
    : name_("lmdb:" + directory.string()), directory_(absolute_or_same(directory)) {
  struct stat status {};
  const bool found = ::stat(directory_.c_str(), &status) == 0;
  if (!found && errno != ENOENT) fail(ErrorCode::kIo, system_message(errno));
  if (found && !S_ISDIR(status.st_mode)) {
    fail(ErrorCode::kIncompatible, "expected a directory, found another file");
  }
  if (found && is_there(data())) return;
  if (!create) fail(ErrorCode::kNotFound, "expected a passage store, found none");
  if (found) {
    require_no_other_files();
  } else {
    make_directory();
  }
}

void LmdbFiles::fail(ErrorCode code, const std::string& message) const {
  throw Error(code, name_ + ": " + message);
}

void LmdbFiles::make_directory() const {
  if (::mkdir(directory_.c_str(), 0777) == 0 || errno == EEXIST) return;
  fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
       "cannot create the directory: " + system_message(errno));
}

void LmdbFiles::require_no_other_files() const {
  std::error_code error;
  for (fs::directory_iterator at(directory_, error), end; !error && at != end;
       at.increment(error)) {
    const fs::path& path = at->path();
    if (path == lock() || path == writer_lock() || path == data()) continue;
    fail(ErrorCode::kIncompatible,
         "expected a passage store or an empty directory, found " + path.filename().string());
  }
  if (error) fail(ErrorCode::kIo, error.message());
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> LmdbFiles::key() const {
  struct stat status {};
  if (::stat(data().c_str(), &status) != 0) return std::nullopt;
  return std::pair<std::uint64_t, std::uint64_t>(status.st_dev, status.st_ino);
}

std::string LmdbFiles::why_read_only() const {
  if (!is_accessible(directory_, W_OK | X_OK)) return system_message(errno);
  if (is_there(data()) && !is_accessible(data(), R_OK | W_OK)) return system_message(errno);
  return {};
}

bool LmdbFiles::can_lock() const {
  if (is_there(lock())) return is_accessible(lock(), R_OK | W_OK);
  return is_accessible(directory_, W_OK | X_OK);
}

bool LmdbFiles::has_writer_lock() const {
  return is_there(writer_lock());
}

void LmdbFiles::make_lock_files(std::size_t bytes) const {
  make_file(lock(), bytes);
  make_file(writer_lock(), 0);
}

void LmdbFiles::sync_names() const {
  for (const fs::path& directory : {directory_, directory_ / ".."}) {
    if (!sync_directory(directory)) throw_system_error(name_, "sync the directory", errno);
  }
}

bool LmdbFiles::is_new() const {
  struct stat status {};
  return ::stat(data().c_str(), &status) != 0 || status.st_size == 0;
}

void LmdbFiles::undo_beginning() const noexcept {
  try {
    // Shorter than LMDB's two first pages.
    struct stat status {};
    const std::string path = data().string();
    if (::stat(path.c_str(), &status) != 0 || status.st_size >= 2 * ::sysconf(_SC_PAGESIZE)) return;
    if (::truncate(path.c_str(), 0) != 0) return;
  } catch (const std::exception&) {
    // The error that led here is the one to be told.
  }
}

int LmdbFiles::why_no_room() const {
  constexpr std::uint64_t kLittle = std::uint64_t{1} << 20;
  struct statvfs disk {};
  if (::statvfs(directory_.c_str(), &disk) == 0 &&
      std::uint64_t{disk.f_bavail} * disk.f_frsize < kLittle) {
    return ENOSPC;
  }
  struct rlimit limit {};
  struct stat file {};
  const bool at_limit = ::getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
                        ::stat(data().c_str(), &file) == 0 &&
                        static_cast<rlim_t>(file.st_size) >= limit.rlim_cur;
  return at_limit ? EFBIG : 0;
}

bool can_reserve_addresses(std::size_t bytes) {
  void* range =
      ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) return false;
  ::munmap(range, bytes);
  return true;
}

}  // namespace deformer
