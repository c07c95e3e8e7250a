// A passage store as one answering run sees it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "deformer/passage_store.h"
#include "tools/failure.h"

namespace deformer::tools {

/// Counts the passages whose texts the requests give and the store lacks, or holds with another
/// text, and refuses what it lacks when asked to. Reads from one thread at a time.
class StoreView : public PassageStore {
 public:
  enum class Missing { kAllow, kRefuse };

  StoreView(std::shared_ptr<PassageStore> store, Missing missing)
      : store_(std::move(store)), missing_(missing) {}

  /// The texts to expect under the passages' ids; until the next call.
  void expect(std::span<const Passage* const> passages);

  /// Throws kNotFound for the first missing passage with Missing::kRefuse.
  [[nodiscard]] std::vector<std::shared_ptr<const EncodedPassage>> get(
      std::span<const std::string> ids) const override;
  void put(std::span<const EncodedPassage> passages) override { store_->put(passages); }
  std::size_t erase(std::span<const std::string> ids) override { return store_->erase(ids); }
  [[nodiscard]] std::size_t size() const override { return store_->size(); }
  [[nodiscard]] const Fingerprint& fingerprint() const noexcept override {
    return store_->fingerprint();
  }

  [[nodiscard]] std::size_t looked_up() const noexcept { return looked_up_; }
  [[nodiscard]] std::size_t missing() const noexcept { return missing_count_; }

 private:
  [[nodiscard]] bool is_fresh(const std::string& id, const EncodedPassage* found) const;

  std::shared_ptr<PassageStore> store_;
  Missing missing_;
  std::unordered_multimap<std::string, std::string> expected_;
  // get() is const for its callers; what it counts is no part of the store.
  mutable std::size_t looked_up_ = 0;
  mutable std::size_t missing_count_ = 0;
};

/// The directory of an LMDB store; empty for stores of other engines.
[[nodiscard]] std::string lmdb_directory(const std::string& uri);

/// The files of an LMDB store, for refuse_input_as_output(); of other engines none.
[[nodiscard]] std::vector<std::string> store_files(const std::string& uri);

/// Throws kInvalidArgument "VERB: ..." for a store in the process's own memory: all that the verb
/// puts there would be lost at its end.
inline void require_lasting_store(const std::string& uri, const std::string& verb) {
  if (!uri.starts_with("memory:")) return;
  throw invalid(verb + ": expected a store that stays (lmdb:PATH or redis://...), found memory:");
}

}  // namespace deformer::tools
