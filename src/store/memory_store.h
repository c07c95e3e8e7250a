// Encoded passages in this process.
#pragma once

#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "deformer/passage_store.h"

namespace deformer {

/// Passages are copied into memory of their own: what a batch shared with its neighbours, or a view
/// of another store, is let go.
class MemoryPassageStore final : public PassageStore {
 public:
  explicit MemoryPassageStore(const Fingerprint& fingerprint) : fingerprint_(fingerprint) {}

  [[nodiscard]] std::vector<std::shared_ptr<const EncodedPassage>> get(
      std::span<const std::string> ids) const override;
  void put(std::span<const EncodedPassage> passages) override;
  std::size_t erase(std::span<const std::string> ids) override;
  [[nodiscard]] std::size_t size() const override;
  [[nodiscard]] const Fingerprint& fingerprint() const noexcept override { return fingerprint_; }
  [[nodiscard]] std::vector<std::string> list_ids(std::string_view after,
                                                  std::size_t limit) const override;
  [[nodiscard]] StoreInfo info() const override;
  void set_note(std::string_view note) override;

 private:
  const Fingerprint fingerprint_;
  mutable std::shared_mutex mutex_;
  std::map<std::string, std::shared_ptr<const EncodedPassage>, std::less<>> passages_;
  std::string note_;
};

}  // namespace deformer
