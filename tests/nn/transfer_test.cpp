#include "nn/transfer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace deformer::nn {
namespace {

TEST(Transfer, NothingMovesOnACpu) {
  const at::Tensor values = at::arange(6, at::kFloat).view({2, 3});
  EXPECT_TRUE(to_device(values, at::kCPU).is_same(values));
  EXPECT_TRUE(to_device(values, Placement{at::kCPU, at::kFloat}).is_same(values));
  EXPECT_EQ(to_device(values, Placement{at::kCPU, at::kHalf}).scalar_type(), at::kHalf);
  const HostCopy copy(values.t());
  EXPECT_TRUE(copy.is_there());
  EXPECT_TRUE(copy.wait().is_contiguous());
  EXPECT_TRUE(copy.wait().equal(values.t()));
}

TEST(Transfer, AGpuGetsAndReturnsTheSameValues) {
  if (!at::hasCUDA()) GTEST_SKIP() << "needs a GPU and a LibTorch with CUDA";
  const at::Device gpu = at::kCUDA;
  at::Tensor values = staging({64, 32}, at::kHalf, gpu);
  EXPECT_TRUE(values.is_pinned());
  values.copy_(at::randn({64, 32}));
  const at::Tensor there = to_device(values, Placement{gpu, at::kFloat});
  EXPECT_TRUE(there.is_cuda());
  EXPECT_EQ(there.scalar_type(), at::kFloat);
  const HostCopy copy(there * 2);
  EXPECT_TRUE(copy.wait().equal(values.to(at::kFloat) * 2));
  EXPECT_TRUE(copy.is_there());
  EXPECT_TRUE(to_device(at::arange(9), gpu).cpu().equal(at::arange(9)));
}

}  // namespace
}  // namespace deformer::nn
