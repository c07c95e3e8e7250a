#include "nn/guard.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace deformer::nn {
namespace {

constexpr std::int64_t kFarTooMany = std::int64_t{1} << 46;

// The process lives, and the caller is told.
TEST(Guard, MemoryThatIsNotThereIsAnError) {
  test::expect_error(ErrorCode::kResourceExhausted, "out of memory: DefaultCPUAllocator",
                     [] { guarded([] { (void)at::empty({kFarTooMany}, at::kFloat); }); });
  EXPECT_EQ(guarded([] { return at::ones({2}).sum().item<float>(); }), 2.0F);
}

TEST(Guard, OtherFailuresOfLibTorchAreInternalErrorsOfOneLine) {
  test::expect_error(ErrorCode::kInternal, "LibTorch: ", [] {
    guarded([] { (void)at::ones({2, 3}).mm(at::ones({2, 3})); });
  });
}

}  // namespace
}  // namespace deformer::nn
