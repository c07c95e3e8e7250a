#include "fuzz/heap_watch.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

// Of the sanitizers' run-time library, whose header comes in another package.
extern "C" {
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, std::size_t),
                                              void (*on_free)(const volatile void*));
std::size_t __sanitizer_get_allocated_size(const volatile void* memory);
}

namespace deformer::fuzz {
namespace {

std::atomic<bool> watching{false};
std::atomic<std::int64_t> in_use{0};  // since the watch began; what is freed may be older
std::atomic<std::int64_t> most{0};

void on_malloc(const volatile void* /*memory*/, std::size_t size) {
  if (!watching) return;
  const std::int64_t now = in_use += static_cast<std::int64_t>(size);
  if (now > most) most = now;
}

void on_free(const volatile void* memory) {
  if (!watching || memory == nullptr) return;
  in_use -= static_cast<std::int64_t>(__sanitizer_get_allocated_size(memory));
}

}  // namespace

HeapWatch::HeapWatch() {
  static const int installed = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
  static_cast<void>(installed);
  in_use = most = 0;
  watching = true;
}

HeapWatch::~HeapWatch() {
  watching = false;
}

double HeapWatch::multiple(std::size_t size) {
  const auto beyond = most - static_cast<std::int64_t>(kFixedBytes);
  return beyond <= 0
             ? 0
             : static_cast<double>(beyond) / static_cast<double>(std::max<std::size_t>(size, 1));
}

}  // namespace deformer::fuzz
