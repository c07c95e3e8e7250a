// In which element type convert_model() and training write weights.
#pragma once

#include <cstdint>

namespace deformer {

enum class SaveFormat : std::uint8_t {
  kFp32,
  kFp16,
  kBf16,
  kInt8,  ///< matrices in 8 bits with one fp32 scale a row, the rest in fp32 or fp16
          ///< (docs/model_format.md): a quarter of fp32. Read by this library alone
};

}  // namespace deformer
