// What open_passage_store() hands out: an engine from which only deformer::Error leaves.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "deformer/passage_store.h"

namespace deformer {

class GuardedPassageStore final : public PassageStore {
 public:
  /// `name` stands before messages of the standard library.
  GuardedPassageStore(std::unique_ptr<PassageStore> engine, std::string name)
      : engine_(std::move(engine)), name_(std::move(name)) {}

  [[nodiscard]] std::vector<std::shared_ptr<const EncodedPassage>> get(
      std::span<const std::string> ids) const override;
  void put(std::span<const EncodedPassage> passages) override;
  std::size_t erase(std::span<const std::string> ids) override;
  [[nodiscard]] std::size_t size() const override;
  [[nodiscard]] const Fingerprint& fingerprint() const noexcept override {
    return engine_->fingerprint();
  }
  [[nodiscard]] std::vector<std::optional<PassageHashes>> hashes(
      std::span<const std::string> ids) const override;
  [[nodiscard]] std::vector<std::string> list_ids(std::string_view after,
                                                  std::size_t limit) const override;
  [[nodiscard]] StoreInfo info() const override;
  void check() const override;
  void set_note(std::string_view note) override;

 private:
  std::unique_ptr<PassageStore> engine_;
  std::string name_;
};

}  // namespace deformer
