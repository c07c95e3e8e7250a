#include "nn/placement.h"

#include <ATen/Context.h>

#include <string>

#include "base/check.h"
#include "base/processor.h"
#include "deformer/error.h"
#include "nn/int8_weight.h"

namespace deformer::nn {
namespace {

at::ScalarType type_of(Precision precision) {
  switch (precision) {
    case Precision::kFp16:
      return at::kHalf;
    case Precision::kBf16:
      return at::kBFloat16;
    case Precision::kFp32:
    case Precision::kInt8:
      return at::kFloat;
    case Precision::kAuto:
      break;
  }
  DEFORMER_CHECK(false);
  return at::kFloat;
}

const char* requirement(Precision precision) {
  switch (precision) {
    case Precision::kFp16:
      return "a GPU or a processor with AVX-512 FP16";
    case Precision::kBf16:
      return "a GPU or a processor with AMX or AVX-512 BF16";
    default:
      return "a CPU and a LibTorch with oneDNN";
  }
}

}  // namespace

at::Device to_torch_device(Device device) {
  if (device == Device::kCpu) return at::kCPU;
  if (!at::hasCUDA()) {
    throw Error(ErrorCode::kUnsupported,
                "device cuda: expected a LibTorch with CUDA and a GPU, found none");
  }
  return at::kCUDA;
}

bool supports(Device device, Precision precision) {
  const bool cuda = device == Device::kCuda;
  switch (precision) {
    case Precision::kFp16:
      return cuda || (at::Context::hasMKLDNN() && has_fp16_products());
    case Precision::kBf16:
      return cuda || (at::Context::hasMKLDNN() && has_bf16_products());
    case Precision::kInt8:
      return !cuda && has_int8();
    case Precision::kFp32:
    case Precision::kAuto:
      return true;
  }
  return false;
}

void require_supported(Device device, Precision precision) {
  static_cast<void>(to_torch_device(device));
  if (supports(device, precision)) return;
  throw Error(ErrorCode::kUnsupported, "precision " + to_string(precision) + ": expected " +
                                           requirement(precision) + ", found device " +
                                           to_string(device) + " without it");
}

Placement placement_of(const Runtime& runtime) {
  return {to_torch_device(runtime.device), type_of(runtime.precision)};
}

}  // namespace deformer::nn
