#include "train/reduced_precision.h"

#include <ATen/Context.h>
#include <gtest/gtest.h>

namespace deformer {
namespace {

bool in_tf32() {
  return at::globalContext().allowTF32CuBLAS();
}

// The switch is the process's: what is scored or answered afterwards is computed in fp32.
TEST(Tf32Products, EndWithTheStep) {
  const bool before = in_tf32();
  {
    const Tf32Products products(TrainingPrecision::kTf32);
    EXPECT_TRUE(in_tf32());
  }
  EXPECT_EQ(in_tf32(), before);
  const Tf32Products products(TrainingPrecision::kFp32);
  EXPECT_EQ(in_tf32(), before);
}

}  // namespace
}  // namespace deformer
