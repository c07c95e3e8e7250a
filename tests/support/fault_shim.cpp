#include "support/fault_shim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <initializer_list>

#define DEFORMER_SHIM extern "C" __attribute__((visibility("default")))

namespace deformer::test {
namespace {

std::atomic<bool> armed{false};
std::atomic<long> calls{0};
std::atomic<long> chosen{0};
std::atomic<int> chosen_error{0};

// Whether this is the call.
bool is_chosen() {
  return armed && ++calls == chosen;
}

int error_to_set() {
  return chosen_error == kShortWrite ? EIO : chosen_error.load();
}

template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

// A call that has nothing to shorten.
template <typename Function, typename... Arguments>
auto call(const char* name, Arguments... arguments) {
  using Result = decltype(real<Function>(name)(arguments...));
  if (!is_chosen()) return real<Function>(name)(arguments...);
  errno = error_to_set();
  return static_cast<Result>(-1);
}

// What a call that writes `size` bytes is to write; -1 with errno set when it is to fail.
ssize_t room_for(std::size_t size) {
  if (!is_chosen()) return static_cast<ssize_t>(size);
  if (chosen_error == kShortWrite && size > 1) return static_cast<ssize_t>(size / 2);
  errno = error_to_set();
  return -1;
}

}  // namespace

__attribute__((visibility("default"))) void arm_fault(long call, int error) {
  calls = 0;
  chosen = call;
  chosen_error = error;
  armed = true;
}

__attribute__((visibility("default"))) long disarm_fault() {
  armed = false;
  return calls;
}

}  // namespace deformer::test

using deformer::test::call;
using deformer::test::real;
using deformer::test::room_for;

// The functions are the C library's: reserved names of parameters, and up to six of them.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name,readability-function-size)

DEFORMER_SHIM ssize_t write(int file, const void* data, size_t size) {
  const ssize_t room = room_for(size);
  return room < 0 ? -1 : real<decltype(write)>("write")(file, data, static_cast<size_t>(room));
}

DEFORMER_SHIM ssize_t pwrite(int file, const void* data, size_t size, off_t at) {
  const ssize_t room = room_for(size);
  return room < 0 ? -1
                  : real<decltype(pwrite)>("pwrite")(file, data, static_cast<size_t>(room), at);
}

DEFORMER_SHIM ssize_t pwrite64(int file, const void* data, size_t size, off64_t at) {
  return pwrite(file, data, size, at);
}

// Shortened to the first of several parts.
DEFORMER_SHIM ssize_t writev(int file, const iovec* parts, int count) {
  const ssize_t room = room_for(static_cast<size_t>(count));
  return room < 0 ? -1 : real<decltype(writev)>("writev")(file, parts, static_cast<int>(room));
}

DEFORMER_SHIM ssize_t pwritev(int file, const iovec* parts, int count, off_t at) {
  const ssize_t room = room_for(static_cast<size_t>(count));
  return room < 0 ? -1
                  : real<decltype(pwritev)>("pwritev")(file, parts, static_cast<int>(room), at);
}

DEFORMER_SHIM int fsync(int file) {
  return call<decltype(fsync)>("fsync", file);
}

DEFORMER_SHIM int fdatasync(int file) {
  return call<decltype(fdatasync)>("fdatasync", file);
}

DEFORMER_SHIM int rename(const char* from, const char* to) noexcept {
  return call<int(const char*, const char*)>("rename", from, to);
}

DEFORMER_SHIM int ftruncate(int file, off_t size) noexcept {
  return call<int(int, off_t)>("ftruncate", file, size);
}

DEFORMER_SHIM int ftruncate64(int file, off64_t size) noexcept {
  return ftruncate(file, size);
}

DEFORMER_SHIM int msync(void* address, size_t size, int flags) {
  return call<decltype(msync)>("msync", address, size, flags);
}

DEFORMER_SHIM int fallocate(int file, int mode, off_t at, off_t size) {
  return call<decltype(fallocate)>("fallocate", file, mode, at, size);
}

DEFORMER_SHIM int fallocate64(int file, int mode, off64_t at, off64_t size) {
  return fallocate(file, mode, at, size);
}

// Returns the error instead of setting errno.
DEFORMER_SHIM int posix_fallocate(int file, off_t at, off_t size) {
  const int result = call<decltype(posix_fallocate)>("posix_fallocate", file, at, size);
  return result < 0 ? errno : result;
}

DEFORMER_SHIM int posix_fallocate64(int file, off64_t at, off64_t size) {
  return posix_fallocate(file, at, size);
}

// A sanitizer maps memory before this library is ready.
#ifndef DEFORMER_SHIM_LEAVES_MMAP
DEFORMER_SHIM void* mmap(void* address, size_t size, int access, int flags, int file,
                         off_t at) noexcept {
  using Map = void*(void*, size_t, int, int, int, off_t);
  if (!deformer::test::is_chosen())
    return real<Map>("mmap")(address, size, access, flags, file, at);
  errno = ENOMEM;
  return MAP_FAILED;
}

DEFORMER_SHIM void* mmap64(void* address, size_t size, int access, int flags, int file,
                           off64_t at) noexcept {
  return mmap(address, size, access, flags, file, at);
}
#endif

// NOLINTEND(readability-inconsistent-declaration-parameter-name,readability-function-size)
