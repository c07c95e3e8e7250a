#include "deformer/runtime.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace deformer {
namespace {

TEST(Device, NamesParseBack) {
  for (const Device device : {Device::kCpu, Device::kCuda}) {
    EXPECT_EQ(parse_device(to_string(device)), device);
  }
  EXPECT_EQ(parse_device("cpu"), Device::kCpu);
  EXPECT_EQ(parse_device("cuda"), Device::kCuda);
}

TEST(Device, RefusesOtherNamesAndTellsTheAcceptedOnes) {
  for (const char* name : {"", "CPU", "cpu ", "gpu", "cuda:0"}) {
    test::expect_error(ErrorCode::kInvalidArgument, "device: expected cpu or cuda, found \"",
                       [&] { (void)parse_device(name); });
  }
}

TEST(Precision, NamesParseBack) {
  EXPECT_EQ(parse_precision("fp32"), Precision::kFp32);
  EXPECT_EQ(parse_precision("int8"), Precision::kInt8);
  EXPECT_EQ(parse_precision("auto"), Precision::kAuto);
  EXPECT_EQ(to_string(Precision::kAuto), "auto");
  EXPECT_EQ(to_string(Precision::kFp32), "fp32");
  EXPECT_EQ(to_string(Precision::kInt8), "int8");
}

TEST(Precision, RefusesOtherNamesAndTellsTheAcceptedOnes) {
  for (const char* name : {"", "float", "FP32", "int4"}) {
    test::expect_error(ErrorCode::kInvalidArgument, "precision: expected ",
                       [&] { (void)parse_precision(name); });
  }
}

TEST(WeightType, NamesParseBackAndOthersAreRefused) {
  for (const WeightType type : {WeightType::kAuto, WeightType::kFp32, WeightType::kFp16}) {
    EXPECT_EQ(parse_weight_type(to_string(type)), type);
  }
  for (const char* name : {"", "FP16", "bf16", "int8"}) {
    test::expect_error(ErrorCode::kInvalidArgument,
                       "weights: expected auto, fp32 or fp16, found \"",
                       [&] { (void)parse_weight_type(name); });
  }
}

}  // namespace
}  // namespace deformer
