// Hidden states between fp32, as the layers compute them, and the form in which they are stored.
#pragma once

#include <cstddef>
#include <span>

#include "deformer/passage_store.h"

namespace deformer {

/// Encodes `rows` x `hidden_size` values, row-major, into memory of its own (64-byte aligned).
/// fp16: rounded to nearest even, magnitudes above 65504 kept as 65504. int8: scale =
/// max|row| / 127, value / scale rounded to nearest even; a row whose scale is 0 is all zeros.
/// Throws kInvalidArgument when sizes contradict each other or a value is NaN or infinite (row and
/// column are named).
[[nodiscard]] HiddenStates encode_hidden(std::span<const float> values, std::size_t rows,
                                         std::size_t hidden_size, HiddenCodec codec);

/// Writes rows [first_row, first_row + num_rows) as fp32 to `out`, which has exactly their size.
/// Throws kInvalidArgument for rows out of range, another size of `out`, and what validate_hidden()
/// and, of these rows, validate_values() refuse.
void decode_hidden(const HiddenStates& hidden, std::size_t first_row, std::size_t num_rows,
                   std::span<float> out);

/// Copies the same rows in the codec's form, without scales, to `out`, which has exactly their
/// size. Throws as decode_hidden().
void copy_rows(const HiddenStates& hidden, std::size_t first_row, std::size_t num_rows,
               std::span<std::byte> out);

/// The same states in memory of their own (64-byte aligned), whoever owned the original.
[[nodiscard]] HiddenStates copy_hidden(const HiddenStates& hidden);

/// Throws kInvalidArgument unless the codec is known, the sizes of `values` and `scales` fit rows,
/// hidden_size and codec, and both are aligned as they have to be.
void validate_hidden(const HiddenStates& hidden);

/// validate_hidden(), and all values (int8: scales) finite.
void validate_values(const HiddenStates& hidden);

}  // namespace deformer
