// Encoded passages and where they are kept between the encode step and the answer step.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/export.h"
#include "deformer/types.h"

namespace deformer {

/// A text that questions are asked about. `id` is the caller's own key, non-empty and at most 500
/// bytes.
struct Passage {
  std::string id;
  std::string text;  ///< UTF-8; spans and offsets of answers refer to it
};

/// For a passage that the caller has not named, so that equal texts are stored once: an id that
/// depends on the text alone, 128 bits of XXH3 as 32 hexadecimal digits. The same on
/// every machine and in every version; equal for two texts only by an accident that 128 bits make
/// negligible, but not safe against malice.
[[nodiscard]] DEFORMER_EXPORT std::string content_id(std::string_view text);

/// How hidden states are kept. The values are written to disk and never change.
enum class HiddenCodec : std::uint8_t {
  kFp32 = 0,
  kFp16 = 1,
  kInt8 = 2,  ///< one fp32 scale per token: value = scale * int8, scale = max|row| / 127
};

[[nodiscard]] DEFORMER_EXPORT std::string to_string(HiddenCodec codec);
/// Parses "fp32", "fp16", "int8". Throws kInvalidArgument naming the accepted values.
[[nodiscard]] DEFORMER_EXPORT HiddenCodec parse_hidden_codec(std::string_view name);
/// Bytes of one value: 4, 2 or 1 (the scales of kInt8 not counted).
[[nodiscard]] DEFORMER_EXPORT std::size_t value_bytes(HiddenCodec codec) noexcept;

/// A matrix [rows, hidden_size] of hidden states, row-major, little-endian, in the codec's form. A
/// view: `owner` keeps the memory (a vector, a mapped file, a read transaction) alive, copies share
/// it. Immutable.
struct HiddenStates {
  HiddenCodec codec = HiddenCodec::kFp32;
  std::size_t rows = 0;
  std::size_t hidden_size = 0;
  std::span<const std::byte>
      values;                     ///< rows * hidden_size * value_bytes(codec) bytes, 4-byte aligned
  std::span<const float> scales;  ///< rows values for kInt8, else empty
  std::shared_ptr<const void> owner;
};

/// All that an answer needs from a passage; it does not depend on any question.
struct EncodedPassage {
  std::string id;
  std::string text;
  /// One per token of the whole passage, byte ranges of `text`. Tasks that read one window keep
  /// those of its tokens; the text is whole all the same.
  std::vector<ByteSpan> spans;
  std::vector<Window>
      windows;  ///< in order; together they cover every token; empty only for a text without tokens
  /// States after the lower layers: the windows one after the other, each with all rows of its
  /// segment, its special tokens where they stand there (BERT's passage of a span question: a [SEP]
  /// at its end); rows = sum(num_tokens) + windows * (special tokens of a window).
  HiddenStates hidden;
  /// Optional (EncodeOptions::projections): query, key and value of the first upper layer for each
  /// row of `hidden`, three rows in this order, in the same width and codec. No rows where they
  /// were not kept.
  HiddenStates projections = {};
  /// Model::projection_hash() of the model that made them; 0 where they were not kept. A model with
  /// another one reads the states and makes its own.
  std::uint64_t projection_hash = 0;
};

/// Rows of EncodedPassage::projections for each row of its states.
inline constexpr std::size_t kProjectionsPerRow = 3;

/// What tells a stored passage that can be used from one to be encoded again.
struct PassageHashes {
  std::uint64_t text = 0;         ///< XXH3-64
  std::uint64_t projections = 0;  ///< EncodedPassage::projection_hash

  friend bool operator==(const PassageHashes&, const PassageHashes&) = default;
};

/// What a store says about itself, without reading its passages.
struct StoreInfo {
  std::string uri;            ///< as opened; a password is left out
  std::string engine;         ///< "memory", "lmdb", "redis"
  std::uint32_t version = 1;  ///< of the store's own form (docs/store_format.md)
  Fingerprint fingerprint;
  std::size_t passages = 0;
  std::optional<std::uint64_t> file_bytes;  ///< on disk, where the engine knows
  std::string note;                         ///< how it was written; see PassageStore::set_note()
};

/// Keeps encoded passages by id. Every method is safe for concurrent calls. A store belongs to one
/// fingerprint. What get() returns stays valid without the store and may be shared by threads; with
/// LMDB it is a view of the mapped file, so let go of it when done (docs/store_format.md). You may
/// derive a class of your own: what it returns is checked as a file from elsewhere would be (ids,
/// sizes, order of tokens and windows, finite values), and what does not fit is kCorrupt.
class DEFORMER_EXPORT PassageStore {
 public:
  virtual ~PassageStore() = default;

  /// One entry per id, in order; nullptr where the id is absent. Throws kCorrupt naming the id when
  /// a record fails its checks: never a wrong passage. kIncompatible for a record of a newer
  /// version, and, as put(), erase() and hashes() do, where another model's store has taken the
  /// place of the one that was opened (a server's).
  [[nodiscard]] virtual std::vector<std::shared_ptr<const EncodedPassage>> get(
      std::span<const std::string> ids) const = 0;

  /// Adds or replaces. All of the batch is stored when the call returns, or it throws; an id occurs
  /// once a batch. Throws kInvalidArgument for a passage whose parts contradict each other, whose
  /// values are not finite or which is larger than the engine takes (docs/store_format.md; nothing
  /// is stored then), kResourceExhausted for a full disk or server, kIo, also when another process
  /// is writing to an LMDB store.
  virtual void put(std::span<const EncodedPassage> passages) = 0;

  /// Removes; absent ids are ignored. Returns how many were present.
  virtual std::size_t erase(std::span<const std::string> ids) = 0;

  /// Number of passages.
  [[nodiscard]] virtual std::size_t size() const = 0;

  /// The model that the states belong to.
  [[nodiscard]] virtual const Fingerprint& fingerprint() const noexcept = 0;

  /// One entry per id, in order; nullopt where it is absent. The stores of
  /// open_passage_store() read and check no vectors, so that the cost does not depend on the
  /// passages' lengths; this default reads whole passages by get().
  [[nodiscard]] virtual std::vector<std::optional<PassageHashes>> hashes(
      std::span<const std::string> ids) const;

  /// At most `limit` ids that follow `after` in the store's own fixed order; "" begins. Fewer than
  /// `limit` means the end. Ids put or erased between two calls may or may not be seen, all others
  /// are seen once. Throws kUnsupported where a store cannot tell.
  [[nodiscard]] virtual std::vector<std::string> list_ids(std::string_view after,
                                                          std::size_t limit) const;

  [[nodiscard]] virtual StoreInfo info() const;

  /// Checks what holds the passages together, not the passages themselves (get() does): with LMDB
  /// every page of the file's trees. Throws kCorrupt. Where there is nothing to check it does
  /// nothing, as this default.
  virtual void check() const;

  /// Keeps a free text (JSON by convention, at most 64 KiB) that says how the store was written:
  /// precision, codec, program. Throws kUnsupported where a store has no place for it.
  virtual void set_note(std::string_view note);
};

/// Opens or creates the store named by a URI:
///   memory:      in this process, gone with the object
///   lmdb:PATH    a directory with an LMDB environment; made when absent (not its parents). The
///                process may change its working directory afterwards
///   redis://[user:password@]host[:port][/database][/prefix][?timeout_ms=..&connect_timeout_ms=..
///                &retries=..&prefix=..] Redis, Valkey, Kvrocks or a Redis Cluster; `database` is a
///                number (0 when absent, the only one of a cluster); several stores may share a
///                database by prefix ("deformer" when absent)
/// Throws kInvalidArgument for an unknown scheme (the message lists the known ones), kIncompatible
/// when the store was written with another fingerprint (both are named) or by a newer version,
/// kCorrupt, kIo.
[[nodiscard]] DEFORMER_EXPORT std::shared_ptr<PassageStore> open_passage_store(
    std::string_view uri, const Fingerprint& fingerprint);

/// Opens a store that exists, whatever its fingerprint: to inspect, copy or delete. Throws as
/// open_passage_store(), and kNotFound when there is none.
[[nodiscard]] DEFORMER_EXPORT std::shared_ptr<PassageStore> open_existing_passage_store(
    std::string_view uri);

// ---- Looking after stores: counting, checking and copying, on every engine

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
  std::size_t max_passages = 0;         ///< stop after so many; 0 = all
  ProgressCallback progress = nullptr;  ///< counts the passages read and those in the store
};

/// Reads passages, each with all its checks (docs/store_format.md, 1.6). A damaged one is listed,
/// it does not end the scan; what makes the store itself unreadable throws. Without a limit
/// PassageStore::check() comes first. What `progress` throws leaves as it was thrown.
[[nodiscard]] DEFORMER_EXPORT StoreScan scan_passage_store(const PassageStore& store,
                                                           const ScanOptions& options = {});

/// What happens to a passage whose id is in the target.
enum class ExistingPassage : std::uint8_t {
  kReplace,
  kKeep,
};

struct CopyOptions {
  ExistingPassage existing = ExistingPassage::kReplace;
  std::size_t batch_passages = 64;      ///< most passages in memory and in one batch of the target
  ProgressCallback progress = nullptr;  ///< counts the passages of the source
};

struct CopyReport {
  std::size_t copied = 0;
  std::size_t kept = 0;  ///< were in the target and stayed
};

/// Copies all passages: `store merge` and `store export`. States are copied bit for bit. Throws
/// kIncompatible when the fingerprints differ (both are named), kInvalidArgument when both are the
/// same object, kCorrupt naming a damaged passage of the source; what was copied before stays.
/// What `progress` throws leaves as it was thrown.
DEFORMER_EXPORT CopyReport copy_passages(const PassageStore& source, PassageStore& target,
                                         const CopyOptions& options = {});

}  // namespace deformer
