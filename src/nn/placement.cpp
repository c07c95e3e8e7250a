#include "nn/placement.h"

#include <ATen/Context.h>

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
      return cuda || (at::globalContext().hasMKLDNN() && has_fp16_products());
    case Precision::kBf16:
      return cuda || (at::globalContext().hasMKLDNN() && has_bf16_products());
    case Precision::kInt8:
      return !cuda && has_int8();
    case Precision::kFp32:
    case Precision::kAuto:
      return true;
  }
  return false;
}

Placement placement_of(Device device, Precision precision) {
  return {to_torch_device(device), type_of(precision)};
}

}  // namespace deformer::nn
