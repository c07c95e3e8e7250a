// What every engine demands of passages before it takes them, so that all refuse the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "deformer/error.h"
#include "deformer/passage_store.h"

namespace deformer {

inline constexpr std::size_t kMaxIdBytes = 500;
inline constexpr std::size_t kMaxHiddenSize = std::size_t{1} << 20;

/// Whether the id can be a key at all; others are never present.
[[nodiscard]] inline bool is_valid_id(std::string_view id) noexcept {
  return !id.empty() && id.size() <= kMaxIdBytes;
}

/// Throws kInvalidArgument naming an id that cannot be a key.
void require_valid_id(std::string_view id);

/// What is wrong with windows or spans, or nothing.
[[nodiscard]] std::optional<std::string> find_window_fault(std::span<const Window> windows,
                                                           std::size_t num_tokens);
[[nodiscard]] std::optional<std::string> find_span_fault(std::span<const ByteSpan> spans,
                                                         std::size_t text_bytes);

/// Rows that follow each window's tokens, from the number of rows. Throws kInvalidArgument when it
/// is not a whole number.
[[nodiscard]] std::uint32_t special_tokens_of(const EncodedPassage& passage);

/// Throws kInvalidArgument naming the id and the first fault: id empty or too long, text longer
/// than 4 GiB - 1, spans, windows, hidden states or projections that contradict each other.
void validate_passage(const EncodedPassage& passage);

/// validate_passage() for each, all values finite, and each id once.
void validate_batch(std::span<const EncodedPassage> passages);

/// Throws kInvalidArgument naming the id when the record of a passage is larger than `most` bytes.
/// `limit` says whose limit that is.
void require_record_fits(std::string_view id, std::uint64_t record_bytes, std::uint64_t most,
                         std::string_view limit);

/// Whether what get() of a store threw concerns a single record, so that others may be read: a
/// damaged one, or one of a newer version.
[[nodiscard]] bool is_fault_of_record(const Error& error) noexcept;

/// What get() of a store returned for these ids: as many, each of its id, each valid but for its
/// values, which decoding checks. The library's own stores see to that; a caller's may return
/// anything. Throws kCorrupt.
void check_found(std::span<const std::string> ids,
                 std::span<const std::shared_ptr<const EncodedPassage>> found);

}  // namespace deformer
