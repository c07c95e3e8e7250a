// Numbers as people read them.
#pragma once

#include <cstddef>
#include <string>

namespace deformer {

/// 10570 -> "10,570".
[[nodiscard]] std::string grouped(std::size_t number);
/// With as many decimals as asked for.
[[nodiscard]] std::string fixed(double value, int decimals);

}  // namespace deformer
