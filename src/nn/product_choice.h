// Which product a linear layer uses for how many rows.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "deformer/runtime.h"
#include "nn/plain_product.h"
#include "nn/product.h"

namespace deformer::nn {

using Products = std::vector<std::shared_ptr<const Product>>;

/// The products of a layer; the first that takes() the rows is to be used, the last takes any
/// number. A weight of fp16 in precision fp32 means weights in fp16 and fp32 arithmetic, and
/// has_fp16_weights(). A weight that may still change (made outside inference mode) has the plain
/// product alone, as has one on a GPU. `weight` in the given order.
[[nodiscard]] Products choose_products(const at::Tensor& weight, Precision precision,
                                       WeightOrder order);

/// What choose_products() comes to for the layers of an encoder that runs so (Model::runtime():
/// nothing is kAuto) and is not trained.
[[nodiscard]] ProductKind product_kind(const Runtime& runtime, std::int64_t rows);

inline constexpr std::int64_t kAnyRows = std::numeric_limits<std::int64_t>::max();

/// Up to how many rows fp32 products take the packed weight: 0 where there is none, else what the
/// environment variable DEFORMER_PRODUCT says, else the count from a short list (32 to 640) up to
/// which it was faster than the plain product in a measurement of 30 to 50 ms, made at the first
/// call in the process, with the threads of that call. Safe for concurrent calls. Throws
/// kInvalidArgument for another value of the variable.
[[nodiscard]] std::int64_t most_packed_rows();

/// Whether fp32 products of so many rows take the packed weight: rows <= most_packed_rows(), but up
/// to 32 rows wait for no measurement.
[[nodiscard]] bool is_packed_count(std::int64_t rows);

/// Whether most_packed_rows() is measured.
[[nodiscard]] bool packed_rows_are_measured();

/// "plain" (0), "packed" (kAnyRows) or a number of rows. Throws kInvalidArgument.
[[nodiscard]] std::int64_t parse_packed_rows(std::string_view text);

}  // namespace deformer::nn
