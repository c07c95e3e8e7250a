// Encoded passages and where they are kept between the encode step and the answer step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/export.h"
#include "deformer/tokenizer.h"

namespace deformer {

/// A text that questions are asked about. `id` is the caller's own key, non-empty and at most 500
/// bytes.
struct Passage {
  std::string id;
  std::string text;  ///< UTF-8; spans and offsets of answers refer to it
};

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

/// One window of a passage: tokens [first_token, first_token + num_tokens) of the passage, before
/// special tokens.
struct Window {
  std::uint32_t first_token = 0;
  std::uint32_t num_tokens = 0;

  friend bool operator==(const Window&, const Window&) = default;
};

/// All that an answer needs from a passage; it does not depend on any question.
struct EncodedPassage {
  std::string id;
  std::string text;
  std::vector<ByteSpan> spans;  ///< one per token of the whole passage, byte ranges of `text`
  std::vector<Window>
      windows;  ///< in order; together they cover every token; empty only for a text without tokens
  /// States after the lower layers: the windows one after the other, each with the rows of its
  /// tokens and then its special tokens (BERT: one [SEP]); rows = sum(num_tokens) + windows *
  /// (special tokens of a window).
  HiddenStates hidden;
};

/// Identifies everything that a stored hidden state depends on: embeddings, lower layers,
/// tokenizer, layout, windows and split_layer. 128 bits of XXH3, printed as 32 hexadecimal digits.
struct Fingerprint {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

[[nodiscard]] DEFORMER_EXPORT std::string to_string(const Fingerprint& fingerprint);

/// Keeps encoded passages by id. Every method is safe for concurrent calls. A store belongs to one
/// fingerprint.
class DEFORMER_EXPORT PassageStore {
 public:
  virtual ~PassageStore() = default;

  /// One entry per id, in order; nullptr where the id is absent. Throws kCorrupt naming the id when
  /// a record fails its checks: never a wrong passage.
  [[nodiscard]] virtual std::vector<std::shared_ptr<const EncodedPassage>> get(
      std::span<const std::string> ids) const = 0;

  /// Adds or replaces. All of the batch is stored when the call returns, or it throws; an id occurs
  /// once a batch.
  virtual void put(std::span<const EncodedPassage> passages) = 0;

  /// Removes; absent ids are ignored. Returns how many were present.
  virtual std::size_t erase(std::span<const std::string> ids) = 0;

  /// Number of passages.
  [[nodiscard]] virtual std::size_t size() const = 0;

  /// The model that the states belong to.
  [[nodiscard]] virtual const Fingerprint& fingerprint() const noexcept = 0;
};

/// Opens or creates the store named by a URI:
///   memory:     in this process, gone with the object
/// Throws kInvalidArgument for an unknown scheme (the message lists the known ones), kIncompatible
/// when the store was written with another fingerprint (both are named).
[[nodiscard]] DEFORMER_EXPORT std::shared_ptr<PassageStore> open_passage_store(
    std::string_view uri, const Fingerprint& fingerprint);

}  // namespace deformer
