// System calls that fail when a test says so. A shared library that stands before the C library:
// linked to a test program, or loaded with LD_PRELOAD into any other.
#pragma once

namespace deformer::test {

/// What the chosen call does instead of its work: fails with this errno; or, when a call that
/// writes bytes, writes only half of them (others fail with EIO).
inline constexpr int kShortWrite = -1;

/// From now on the `call`-th (1 is the next) of write, writev, pwrite, pwritev, fsync, fdatasync,
/// rename, mmap, msync, ftruncate, fallocate and posix_fallocate fails, once. Of the whole process.
void arm_fault(long call, int error);

/// No call fails any more. Returns how many there were since arm_fault().
long disarm_fault();

}  // namespace deformer::test
