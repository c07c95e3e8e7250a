// Encoded passages on a server that speaks the Redis protocol (docs/store_format.md, 4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deformer/passage_store.h"
#include "store/record.h"
#include "store/redis_cluster.h"
#include "store/redis_url.h"

namespace deformer {

class RedisPassageStore final : public PassageStore {
 public:
  /// With a fingerprint: opens or creates, and refuses a store of another one. Without: opens what
  /// exists.
  RedisPassageStore(const RedisUrl& url, const std::optional<Fingerprint>& fingerprint);

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
  void set_note(std::string_view note) override;

 private:
  [[nodiscard]] std::string bucket_key(std::size_t bucket) const;
  [[nodiscard]] std::vector<std::vector<std::string>> ids_of_buckets(std::size_t first,
                                                                     std::size_t count) const;
  [[nodiscard]] std::vector<RedisReply> ask_buckets(const char* command, std::size_t first,
                                                    std::size_t count) const;
  [[nodiscard]] std::vector<RedisReply> ask_field(std::span<const std::string> ids,
                                                  char kind) const;
  [[nodiscard]] std::size_t put_part(std::span<const EncodedPassage> passages,
                                     std::span<const RecordWriter> records);
  void require_fits(const EncodedPassage& passage, std::uint64_t record_bytes) const;

  // The entry, which another program may remove or replace at any time.
  [[nodiscard]] RedisCommand ask_entry() const;
  [[nodiscard]] RedisReply make_entry(const Fingerprint& fingerprint) const;
  [[nodiscard]] Fingerprint read_entry(const RedisUrl& url,
                                       const std::optional<Fingerprint>& expected) const;
  void require_own(const RedisReply& entry) const;

  void refuse_old_meaning(const RedisUrl& url) const;
  [[noreturn]] void fail_unexpected(const char* command) const;

  const std::string name_;
  const std::string prefix_;
  const std::string meta_key_;
  mutable RedisCluster servers_;
  Fingerprint fingerprint_;
};

}  // namespace deformer
