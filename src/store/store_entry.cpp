#include "store/store_entry.h"

#include <charconv>

#include "deformer/error.h"

namespace deformer {
namespace {

constexpr std::string_view kName = "deformer-passage-store ";

[[noreturn]] void fail(std::string_view where, const std::string& message) {
  throw StoreError(ErrorCode::kIncompatible, std::string(where) + ": " + message);
}

}  // namespace

std::string format_store_entry(const Fingerprint& fingerprint) {
  return std::string(kName) + std::to_string(kStoreVersion) + " " + to_string(fingerprint);
}

Fingerprint parse_store_entry(std::string_view entry, std::string_view where) {
  if (!entry.starts_with(kName)) fail(where, "expected a passage store, found other data");
  const std::string_view rest = entry.substr(kName.size());
  std::uint32_t version = 0;
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), version);
  if (parsed.ec == std::errc() && version > kStoreVersion) {
    fail(where, "expected a passage store of version " + std::to_string(kStoreVersion) +
                    " or older, found version " + std::to_string(version) +
                    " (written by a newer program)");
  }
  const std::string version_text = std::to_string(kStoreVersion) + " ";
  if (!rest.starts_with(version_text)) fail(where, "its entry is damaged: no version");
  try {
    return parse_fingerprint(rest.substr(version_text.size()));
  } catch (const Error& error) {
    throw StoreError(ErrorCode::kCorrupt,
                     std::string(where) + ": its entry is damaged: " + error.what());
  }
}

void validate_note(std::string_view note) {
  if (note.size() <= kMaxNoteBytes) return;
  throw Error(ErrorCode::kInvalidArgument, "store: expected a note of at most " +
                                               std::to_string(kMaxNoteBytes) + " bytes, found " +
                                               std::to_string(note.size()));
}

void require_fingerprint(const Fingerprint& found, const std::optional<Fingerprint>& expected,
                         std::string_view where) {
  if (!expected || found == *expected) return;
  fail(where, "expected passages of the model with fingerprint " + to_string(*expected) +
                  ", found those of " + to_string(found));
}

}  // namespace deformer
