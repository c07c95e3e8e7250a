// The part of a program that works on tensors: encoder.h brings LibTorch along.
#include <ATen/ATen.h>
#include <deformer/encoder.h>

#include <cstdint>
#include <span>

std::int64_t packed_rows(std::span<const std::int64_t> lengths) {
  deformer::Encoding encoding;
  encoding.offsets.push_back(0);
  for (const std::int64_t length : lengths) {
    encoding.offsets.push_back(encoding.offsets.back() + length);
  }
  encoding.hidden = at::zeros({encoding.offsets.back(), 8});
  return encoding.hidden.size(0);
}
