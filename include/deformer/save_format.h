// In which element type convert_model() and training write weights.
#pragma once

#include <cstdint>

namespace deformer {

enum class SaveFormat : std::uint8_t { kFp32, kFp16, kBf16 };

}  // namespace deformer
