// The encode step: runs the lower layers over passages, once, and stores what they make of them.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "deformer/answering.h"
#include "deformer/export.h"
#include "deformer/passage_store.h"

namespace deformer {

class Model;

struct EncodeOptions {
  std::size_t batch_tokens =
      4096;  ///< most tokens of one pass through the layers; a single window may exceed it
  HiddenCodec codec = HiddenCodec::kFp32;
  /// Keep the first upper layer's query, key and value of each row as well
  /// (EncodedPassage::projections): four times the bytes, and answers need not compute them.
  bool projections = false;
  /// Counts passages. PassageEncoder's first call comes before anything is encoded and says how
  /// many the store had already.
  ProgressCallback progress = nullptr;
  /// Ends the call as kCancelled or kTimedOut between two batches, of one long passage too. What is
  /// in the store by then stays there.
  RequestControl control = {};
};

struct EncodeReport {
  std::size_t encoded = 0;  ///< passages that went through the lower layers
  std::size_t reused = 0;   ///< already in the store with the same text, and with this model's
                            ///< projections where they are asked for
  std::size_t tokens = 0;   ///< rows computed, special tokens included
};

/// Encodes passages into a store. Immutable, safe for concurrent calls.
class DEFORMER_EXPORT PassageEncoder {
 public:
  /// Throws kInvalidArgument when an argument is null, kIncompatible when the store belongs to
  /// another fingerprint.
  PassageEncoder(std::shared_ptr<const Model> model, std::shared_ptr<PassageStore> store);

  /// Encodes each passage that the store lacks, holds with another text or, where projections are
  /// asked for, without this model's, and puts it there batch by batch. A passage without tokens
  /// (empty or blank text) is stored with no windows. Throws kInvalidArgument, before it encodes
  /// any, for an empty or too long id and for one id with two texts.
  EncodeReport encode(std::span<const Passage> passages, const EncodeOptions& options = {}) const;

 private:
  std::shared_ptr<const Model> model_;
  std::shared_ptr<PassageStore> store_;
};

/// The same without a store: one result per passage, in order.
[[nodiscard]] DEFORMER_EXPORT std::vector<EncodedPassage> encode_passages(
    const Model& model, std::span<const Passage> passages, const EncodeOptions& options = {});

/// The store of the model's passages, as open_passage_store() of its fingerprint. Throws
/// kUnsupported for a model whose passages depend on the question (Model::can_store_passages()),
/// before a store is made.
[[nodiscard]] DEFORMER_EXPORT std::shared_ptr<PassageStore> open_passage_store(std::string_view uri,
                                                                               const Model& model);

}  // namespace deformer
