#include "support/failing_allocator.h"

#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>

#include "deformer/error.h"

namespace {

// Allocations until one fails; 0: none does.
thread_local std::size_t countdown = 0;
thread_local std::size_t least = 0;

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (countdown > 0 && bytes >= least && --countdown == 0) throw std::bad_alloc();
  void* memory =
      alignment <= alignof(std::max_align_t)
          ? std::malloc(bytes == 0 ? 1 : bytes)
          : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) {
  return allocate(bytes, 1);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
// A sanitizer has one of its own, whose memory free() would refuse.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return allocate(bytes, 1);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace deformer::test {

bool ends_before_allocation(std::size_t number, const std::function<void()>& function,
                            std::size_t least_bytes) {
  least = least_bytes;
  countdown = number;
  try {
    function();
  } catch (const Error& error) {
    countdown = 0;
    if (error.code() == ErrorCode::kResourceExhausted) return false;
    throw std::runtime_error(std::to_string(number) + ": " + error.what());
  } catch (...) {
    countdown = 0;
    throw std::runtime_error(std::to_string(number) + ": not an Error");
  }
  const bool is_done = countdown > 0;
  countdown = 0;
  return is_done;
}

}  // namespace deformer::test
