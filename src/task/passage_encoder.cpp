#include "deformer/passage_encoder.h"
#include "deformer/model.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "architecture/segment_layout.h"
#include "base/hash.h"
#include "deformer/error.h"
#include "store/passage_check.h"
#include "task/abandonment.h"
#include "task/callback.h"
#include "task/passage_batches.h"

namespace deformer {
namespace {

// Records looked up at once when asking which passages are there already.
constexpr std::size_t kLookupBatch = 256;

void require_reusable(const Model& model) {
  if (model.can_store_passages()) return;
  throw Error(ErrorCode::kUnsupported,
              "layout \"continue\" (an ordinary checkpoint): its passages depend on the question's "
              "length and cannot be encoded ahead; expected layout \"restart\"");
}

void require_batch(const EncodeOptions& options) {
  if (options.batch_tokens >= 1) return;
  throw Error(ErrorCode::kInvalidArgument, "batch_tokens: expected at least 1, found 0");
}

// One entry per id, in order; the same id twice is fine when the text is the same.
std::vector<const Passage*> unique_passages(std::span<const Passage> passages) {
  std::vector<const Passage*> unique;
  std::unordered_map<std::string_view, const Passage*> by_id;
  for (const Passage& passage : passages) {
    // As the library's stores do: before anything is computed, and for a caller's own store too.
    require_valid_id(passage.id);
    const auto [entry, added] = by_id.emplace(passage.id, &passage);
    if (added) unique.push_back(&passage);
    if (entry->second->text != passage.text) {
      throw Error(ErrorCode::kInvalidArgument,
                  "passage \"" + passage.id + "\": expected one text, found two");
    }
  }
  return unique;
}

std::vector<std::string> ids_of(std::span<const Passage* const> passages) {
  std::vector<std::string> ids;
  ids.reserve(passages.size());
  for (const Passage* passage : passages) ids.push_back(passage->id);
  return ids;
}

// Those that the store lacks, holds with another text or, where a hash is given, without these
// projections.
std::vector<const Passage*> missing_passages(const PassageStore& store,
                                             std::span<const Passage* const> passages,
                                             std::optional<std::uint64_t> projection_hash) {
  std::vector<const Passage*> missing;
  for (std::size_t begin = 0; begin < passages.size(); begin += kLookupBatch) {
    const auto part = passages.subspan(begin, std::min(kLookupBatch, passages.size() - begin));
    const auto hashes = store.hashes(ids_of(part));
    if (hashes.size() != part.size()) {
      throw Error(ErrorCode::kCorrupt, "store: expected the hashes of " +
                                           std::to_string(part.size()) + " passages, found " +
                                           std::to_string(hashes.size()));
    }
    for (std::size_t i = 0; i < part.size(); ++i) {
      const bool present = hashes[i] && hashes[i]->text == hash64(part[i]->text) &&
                           (!projection_hash || hashes[i]->projections == *projection_hash);
      if (!present) missing.push_back(part[i]);
    }
  }
  return missing;
}

void require_wanted(const RequestControl& control) {
  if (const auto error = abandonment_of(control, [] { return "encoding"; })) throw *error;
}

// Refers to `options`.
PassageBatchOptions batch_options(const EncodeOptions& options) {
  return {.batch_tokens = options.batch_tokens,
          .codec = options.codec,
          .projections = options.projections,
          // All passages are given up with the one whose turn it is.
          .is_wanted = [&control = options.control](std::size_t) {
            require_wanted(control);
            return true;
          }};
}

// Encoded passages to where the caller expects them.
void put_in_place(std::span<const std::size_t> places, std::vector<EncodedPassage>& encoded,
                  std::vector<EncodedPassage>& results) {
  for (std::size_t i = 0; i < places.size(); ++i) results[places[i]] = std::move(encoded[i]);
}

}  // namespace

PassageEncoder::PassageEncoder(std::shared_ptr<const Model> model,
                               std::shared_ptr<PassageStore> store)
    : model_(std::move(model)), store_(std::move(store)) {
  if (!model_ || !store_) {
    throw Error(ErrorCode::kInvalidArgument,
                "PassageEncoder: expected a model and a store, found null");
  }
  require_fingerprint(*model_, *store_);
}

EncodeReport PassageEncoder::encode(std::span<const Passage> passages,
                                    const EncodeOptions& options) const {
  return guarded_with_callbacks([&] {
    require_reusable(*model_);
    require_batch(options);
    require_wanted(options.control);
    const auto unique = unique_passages(passages);
    std::optional<std::uint64_t> projection_hash;
    if (options.projections) projection_hash = model_->projection_hash();
    const auto missing = missing_passages(*store_, unique, projection_hash);
    EncodeReport report;
    report.reused = unique.size() - missing.size();
    std::size_t done = report.reused;
    if (options.progress && !unique.empty()) call_back(options.progress, done, unique.size());
    report.tokens = encode_in_batches(*model_, missing, batch_options(options),
                                      [&](std::span<const std::size_t>, auto&& encoded) {
                                        store_->put(encoded);
                                        report.encoded += encoded.size();
                                        done += encoded.size();
                                        if (options.progress)
                                          call_back(options.progress, done, unique.size());
                                      });
    return report;
  });
}

std::vector<EncodedPassage> encode_passages(const Model& model, std::span<const Passage> passages,
                                            const EncodeOptions& options) {
  return guarded_with_callbacks([&] {
    require_reusable(model);
    require_batch(options);
    require_wanted(options.control);
    std::vector<const Passage*> pointers;
    for (const Passage& passage : passages) pointers.push_back(&passage);
    std::vector<EncodedPassage> results(passages.size());
    std::size_t done = 0;
    encode_in_batches(model, pointers, batch_options(options),
                      [&](std::span<const std::size_t> indices, auto&& encoded) {
                        put_in_place(indices, encoded, results);
                        done += indices.size();
                        if (options.progress) call_back(options.progress, done, passages.size());
                      });
    return results;
  });
}

std::shared_ptr<PassageStore> open_passage_store(std::string_view uri, const Model& model) {
  require_reusable(model);
  return open_passage_store(uri, model.fingerprint());
}

void require_fingerprint(const Model& model, const PassageStore& store) {
  if (store.fingerprint() == model.fingerprint()) return;
  throw Error(ErrorCode::kIncompatible, "passage store: expected the fingerprint of the model, " +
                                            to_string(model.fingerprint()) + ", found " +
                                            to_string(store.fingerprint()));
}

}  // namespace deformer
