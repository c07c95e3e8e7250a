#include "deformer/device.h"

#include "deformer/error.h"

namespace deformer {

std::string to_string(Device device) {
  return device == Device::kCpu ? "cpu" : "cuda";
}

std::string to_string(Precision precision) {
  switch (precision) {
    case Precision::kFp32:
      return "fp32";
    case Precision::kInt8:
      return "int8";
    case Precision::kAuto:
      return "auto";
  }
  return "unknown";
}

Device parse_device(std::string_view name) {
  if (name == "cpu") return Device::kCpu;
  if (name == "cuda") return Device::kCuda;
  throw Error(ErrorCode::kInvalidArgument,
              "device: expected cpu or cuda, found \"" + std::string(name) + "\"");
}

Precision parse_precision(std::string_view name) {
  if (name == "fp32") return Precision::kFp32;
  if (name == "int8") return Precision::kInt8;
  if (name == "auto") return Precision::kAuto;
  throw Error(ErrorCode::kInvalidArgument,
              "precision: expected fp32, int8 or auto, found \"" + std::string(name) + "\"");
}

}  // namespace deformer
