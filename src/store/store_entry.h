// The line by which a persistent store says what it is (docs/store_format.md, 2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "deformer/passage_store.h"

namespace deformer {

inline constexpr std::uint32_t kStoreVersion = 1;
inline constexpr std::size_t kMaxNoteBytes = 65536;

[[nodiscard]] std::string format_store_entry(const Fingerprint& fingerprint);

/// `where` names the store in errors. Throws kIncompatible for other data and for a newer version.
[[nodiscard]] Fingerprint parse_store_entry(std::string_view entry, std::string_view where);

/// Throws kInvalidArgument when it is too long.
void validate_note(std::string_view note);

/// Throws kIncompatible naming both unless they are equal or nothing particular is expected.
void require_fingerprint(const Fingerprint& found, const std::optional<Fingerprint>& expected,
                         std::string_view where);

}  // namespace deformer
