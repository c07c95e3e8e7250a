#include "bench/tensor_memory.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace deformer {
namespace {

TEST(TensorMemory, SumsWhatIsRequestedAndKnowsTheMostAtOnce) {
  const TensorMemory memory = measure_tensor_memory([] {
    const at::Tensor kept = at::empty({1000}, at::kFloat);
    for (int i = 0; i < 3; ++i) static_cast<void>(at::empty({500}, at::kFloat));
  });
  EXPECT_EQ(memory.requested_bytes, 4000u + 3 * 2000u);
  EXPECT_EQ(memory.peak_bytes, 4000u + 2000u);
}

TEST(TensorMemory, SeesNothingOutsideItsRun) {
  const at::Tensor before = at::empty({1000}, at::kFloat);
  EXPECT_EQ(measure_tensor_memory([] {}).requested_bytes, 0u);
  const at::Tensor after = at::empty({1000}, at::kFloat);
  // A view takes no memory.
  EXPECT_EQ(measure_tensor_memory([&] {
              static_cast<void>(after.view({10, 100}));
            }).peak_bytes,
            0u);
}

}  // namespace
}  // namespace deformer
