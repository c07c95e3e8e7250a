// Encoded passages in an LMDB directory (docs/store_format.md, 3).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "deformer/passage_store.h"
#include "store/lmdb_environment.h"

namespace deformer {

class LmdbPassageStore final : public PassageStore {
 public:
  /// With a fingerprint: opens or creates, and refuses a store of another one. Without: opens what
  /// exists.
  LmdbPassageStore(const std::filesystem::path& directory,
                   const std::optional<Fingerprint>& fingerprint, const LmdbOptions& options = {});

  [[nodiscard]] std::vector<std::shared_ptr<const EncodedPassage>> get(
      std::span<const std::string> ids) const override;
  void put(std::span<const EncodedPassage> passages) override;
  std::size_t erase(std::span<const std::string> ids) override;
  [[nodiscard]] std::size_t size() const override;
  [[nodiscard]] const Fingerprint& fingerprint() const noexcept override { return fingerprint_; }
  [[nodiscard]] std::vector<std::optional<PassageHashes>> hashes(
      std::span<const std::string> ids) const override;
  [[nodiscard]] std::vector<std::string> list_ids(std::string_view after,
                                                  std::size_t limit) const override;
  [[nodiscard]] StoreInfo info() const override;
  void check() const override;
  void set_note(std::string_view note) override;

 private:
  [[nodiscard]] std::string where(const std::string& id) const;
  [[nodiscard]] std::optional<std::span<const std::byte>> find(const LmdbSnapshot& snapshot,
                                                               const std::string& id) const;

  std::shared_ptr<LmdbEnvironment> environment_;
  std::uint64_t max_record_bytes_;
  Fingerprint fingerprint_;
};

}  // namespace deformer
