// The line by which a persistent store says what it is (docs/store_format.md, 2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "deformer/error.h"
#include "deformer/passage_store.h"

namespace deformer {

inline constexpr std::uint32_t kStoreVersion = 1;
/// Under which the line and the note are kept.
inline constexpr const char* kEntryKey = "store";
inline constexpr const char* kNoteKey = "note";
inline constexpr std::size_t kMaxNoteBytes = 65536;

/// What is wrong with a store as a whole, not with a record of it.
class StoreError : public Error {
 public:
  using Error::Error;
};

[[nodiscard]] std::string format_store_entry(const Fingerprint& fingerprint);

/// `where` names the store in errors. Throws StoreError: kIncompatible for other data and for a
/// newer version, kCorrupt.
[[nodiscard]] Fingerprint parse_store_entry(std::string_view entry, std::string_view where);

/// Throws kInvalidArgument when it is too long.
void validate_note(std::string_view note);

/// Throws StoreError, kIncompatible, naming both unless they are equal or nothing particular is
/// expected.
void require_fingerprint(const Fingerprint& found, const std::optional<Fingerprint>& expected,
                         std::string_view where);

}  // namespace deformer
