// Allocations of this thread that fail on demand. failing_allocator.cpp replaces the allocator of
// the program that it is linked into.
#pragma once

#include <cstddef>
#include <functional>

namespace deformer::test {

/// Runs `function` while the allocation of this number, from 1, fails; those of less than
/// `least_bytes` do not count. True when it ended well before that one came. Throws
/// std::runtime_error unless it ends well or in an Error of kResourceExhausted.
[[nodiscard]] bool ends_before_allocation(std::size_t number, const std::function<void()>& function,
                                          std::size_t least_bytes = 0);

}  // namespace deformer::test
