// Rows that are added for oneDNN's sake and taken away again.
#include "nn/row_count.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace deformer::nn {
namespace {

TEST(PaddedRows, AreAShortListAndNeverMuchMore) {
  EXPECT_EQ(padded_rows(0), 0);
  std::vector<std::int64_t> sizes;
  for (std::int64_t rows = 1; rows <= 8192; ++rows) {
    const std::int64_t padded = padded_rows(rows);
    ASSERT_GE(padded, rows);
    ASSERT_LE(padded - rows, std::max<std::int64_t>(31, rows / 4)) << rows;
    if (sizes.empty() || sizes.back() != padded) sizes.push_back(padded);
  }
  EXPECT_LT(sizes.size(), 45U);
}

TEST(PaddedRows, PaddingIsZerosAndIsCutOffAgain) {
  const at::Tensor rows = at::arange(12, at::kFloat).view({3, 4});
  const at::Tensor padded = pad_rows(rows, 5);
  EXPECT_EQ(padded.sizes(), at::IntArrayRef({5, 4}));
  EXPECT_TRUE(padded.narrow(0, 0, 3).equal(rows));
  EXPECT_EQ(padded.narrow(0, 3, 2).abs().sum().item<double>(), 0);
  EXPECT_TRUE(cut_rows(padded, 3).equal(rows));
  EXPECT_TRUE(pad_rows(rows, 3).is_same(rows));
  EXPECT_TRUE(cut_rows(rows, 3).is_same(rows));
}

TEST(PaddedRows, GradientsReachTheRowsThatWereThere) {
  const at::Tensor rows = at::ones({3, 4}).requires_grad_();
  (cut_rows(pad_rows(rows, 8) * 2, 3)).sum().backward();
  EXPECT_TRUE(rows.grad().equal(at::full({3, 4}, 2)));
}

}  // namespace
}  // namespace deformer::nn
