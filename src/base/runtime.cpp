#include "deformer/runtime.h"

#include "deformer/error.h"

namespace deformer {

std::string to_string(Device device) {
  return device == Device::kCpu ? "cpu" : "cuda";
}

std::string to_string(Precision precision) {
  switch (precision) {
    case Precision::kFp32:
      return "fp32";
    case Precision::kFp16:
      return "fp16";
    case Precision::kBf16:
      return "bf16";
    case Precision::kInt8:
      return "int8";
    case Precision::kAuto:
      return "auto";
  }
  return "unknown";
}

std::string to_string(WeightType type) {
  switch (type) {
    case WeightType::kAuto:
      return "auto";
    case WeightType::kFp32:
      return "fp32";
    case WeightType::kFp16:
      return "fp16";
  }
  return "unknown";
}

WeightType parse_weight_type(std::string_view name) {
  for (const WeightType type : {WeightType::kAuto, WeightType::kFp32, WeightType::kFp16}) {
    if (name == to_string(type)) return type;
  }
  throw Error(ErrorCode::kInvalidArgument,
              "weights: expected auto, fp32 or fp16, found \"" + std::string(name) + "\"");
}

Device parse_device(std::string_view name) {
  if (name == "cpu") return Device::kCpu;
  if (name == "cuda") return Device::kCuda;
  throw Error(ErrorCode::kInvalidArgument,
              "device: expected cpu or cuda, found \"" + std::string(name) + "\"");
}

Precision parse_precision(std::string_view name) {
  for (const Precision precision :
       {Precision::kFp32, Precision::kFp16, Precision::kBf16, Precision::kInt8, Precision::kAuto}) {
    if (name == to_string(precision)) return precision;
  }
  throw Error(
      ErrorCode::kInvalidArgument,
      "precision: expected fp32, fp16, bf16, int8 or auto, found \"" + std::string(name) + "\"");
}

}  // namespace deformer
