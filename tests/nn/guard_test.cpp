#include "nn/guard.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <exception>
#include <stdexcept>

#include "support/expect_error.h"

// As in oneDNN's own header, which LibTorch need not come with.
namespace dnnl {
struct error : std::exception {
  error(int code, const char* text) : status(code), message(text) {}
  [[nodiscard]] const char* what() const noexcept override { return message; }

  int status;
  const char* message;
};
}  // namespace dnnl

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

TEST(Guard, FailuresOfOnednnAreInternalErrorsOfOneLine) {
  test::expect_error(ErrorCode::kInternal, "oneDNN: could not create a primitive", [] {
    guarded([] { throw dnnl::error(1, "could not create a primitive\nat"); });
  });
}

// A store of the caller's, say.
TEST(Guard, WhatACallersFunctionThrowsLeavesAsItIs) {
  EXPECT_THROW(guarded([] { throw std::runtime_error("the caller's own"); }), std::runtime_error);
  EXPECT_THROW(guarded([] { throw 7; }), int);
}

}  // namespace
}  // namespace deformer::nn
