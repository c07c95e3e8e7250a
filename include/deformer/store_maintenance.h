// For looking after passage stores: counting, checking and copying, on every engine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "deformer/export.h"
#include "deformer/passage_store.h"

namespace deformer {

/// A stored passage that cannot be used, and why.
struct BadPassage {
  std::string id;
  std::string message;  ///< names the store and the id
};

/// Sums over the passages that were read.
struct StoreScan {
  std::size_t passages = 0;  ///< good ones
  std::size_t windows = 0;
  std::size_t tokens = 0;
  std::size_t rows = 0;  ///< of hidden states, special tokens included
  std::uint64_t text_bytes = 0;
  std::uint64_t vector_bytes = 0;                     ///< values and scales, projections' too
  std::uint64_t record_bytes = 0;                     ///< whole records, as docs/store_format.md
  std::array<std::size_t, 3> passages_of_codec = {};  ///< by HiddenCodec
  std::size_t passages_with_projections = 0;
  std::vector<BadPassage> bad;
};

struct ScanOptions {
  std::size_t max_passages = 0;  ///< stop after so many; 0 = all
  /// Called now and then from the calling thread with the passages read and those in the store.
  std::function<void(std::size_t done, std::size_t total)> progress = nullptr;
};

/// Reads passages, each with all its checks (docs/store_format.md, 1.6). A damaged one is listed,
/// it does not end the scan; what makes the store itself unreadable throws. Without a limit
/// PassageStore::check() comes first.
[[nodiscard]] DEFORMER_EXPORT StoreScan scan_passage_store(const PassageStore& store,
                                                           const ScanOptions& options = {});

/// What happens to a passage whose id is in the target.
enum class ExistingPassage : std::uint8_t {
  kReplace,
  kKeep,
};

struct CopyOptions {
  ExistingPassage existing = ExistingPassage::kReplace;
  std::size_t batch_passages = 64;  ///< most passages in memory and in one batch of the target
  /// As in ScanOptions, over the passages of the source.
  std::function<void(std::size_t done, std::size_t total)> progress = nullptr;
};

struct CopyReport {
  std::size_t copied = 0;
  std::size_t kept = 0;  ///< were in the target and stayed
};

/// Copies all passages: `store merge` and `store export`. States are copied bit for bit. Throws
/// kIncompatible when the fingerprints differ (both are named), kInvalidArgument when both are the
/// same object, kCorrupt naming a damaged passage of the source; what was copied before stays.
DEFORMER_EXPORT CopyReport copy_passages(const PassageStore& source, PassageStore& target,
                                         const CopyOptions& options = {});

}  // namespace deformer
