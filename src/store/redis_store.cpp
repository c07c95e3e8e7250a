#include "store/redis_store.h"

#include <algorithm>

#include "base/hash.h"
#include "deformer/error.h"
#include "store/passage_check.h"
#include "store/record.h"
#include "store/store_entry.h"

namespace deformer {
namespace {

constexpr std::size_t kBuckets = 16384;
constexpr std::size_t kPutBytes = std::size_t{8} << 20;

// Hash fields have no GETRANGE: the server cuts the record's header off for us.
constexpr std::string_view kHeaderScript =
    "local r = redis.call('HGET', KEYS[1], ARGV[1]) return r and string.sub(r, 1, 72)";

std::size_t bucket_of(std::string_view id) {
  return hash64(id) % kBuckets;
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

RedisPassageStore::RedisPassageStore(const RedisUrl& url,
                                     const std::optional<Fingerprint>& fingerprint)
    : name_(to_string(url)),
      prefix_(url.prefix),
      meta_key_(url.prefix + ":meta"),
      servers_(url.endpoint, url.options),
      fingerprint_(read_entry(fingerprint)) {
  require_fingerprint(fingerprint_, fingerprint, name_);
}

Fingerprint RedisPassageStore::read_entry(const std::optional<Fingerprint>& expected) const {
  if (expected) {
    // Of several that create the store at once one wins; all compare with what it wrote.
    const std::string entry = format_store_entry(*expected);
    const RedisWords words{"HSETNX", meta_key_, "store", entry};
    static_cast<void>(servers_.run(RedisCommand{words, meta_key_}));
  }
  const RedisReply reply = servers_.run({{"HGET", meta_key_, "store"}, meta_key_});
  if (reply.is_null()) {
    throw Error(ErrorCode::kNotFound, name_ + ": expected a passage store, found none");
  }
  return parse_store_entry(reply.text(), name_);
}

void RedisPassageStore::fail_unexpected(const char* command) const {
  throw Error(ErrorCode::kIo, name_ + ": unexpected reply to " + command);
}

std::string RedisPassageStore::bucket_key(std::size_t bucket) const {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string key = prefix_ + ":p:";
  for (int shift = 12; shift >= 0; shift -= 4) key += kDigits[bucket >> shift & 15];
  return key;
}

std::vector<RedisReply> RedisPassageStore::ask_ids(
    std::span<const std::string> ids,
    const std::function<RedisWords(std::string_view, std::string_view)>& words,
    RedisRepeat repeat) const {
  std::vector<std::string> keys;
  keys.reserve(ids.size());
  for (const std::string& id : ids) keys.push_back(bucket_key(bucket_of(id)));
  std::vector<RedisCommand> commands;
  commands.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    commands.push_back({words(keys[i], ids[i]), keys[i]});
  }
  return servers_.run(commands, repeat);
}

std::vector<std::shared_ptr<const EncodedPassage>> RedisPassageStore::get(
    std::span<const std::string> ids) const {
  const auto replies = ask_ids(ids, [](std::string_view key, std::string_view id) {
    return RedisWords{"HGET", key, id};
  });
  std::vector<std::shared_ptr<const EncodedPassage>> passages;
  passages.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (replies[i].is_null()) {
      passages.push_back(nullptr);
      continue;
    }
    if (!replies[i].is_text()) fail_unexpected("HGET");
    passages.push_back(read_record(bytes_of(replies[i].text()), replies[i].owner(), ids[i], name_));
  }
  return passages;
}

void RedisPassageStore::put(std::span<const EncodedPassage> passages) {
  validate_batch(passages);
  // In parts: the batch is in memory once already.
  while (!passages.empty()) {
    std::vector<std::string> ids;
    std::vector<std::string> records;
    for (std::size_t bytes = 0; ids.size() < passages.size() && bytes < kPutBytes;) {
      const EncodedPassage& passage = passages[ids.size()];
      ids.push_back(passage.id);
      records.push_back(encode_record(passage));
      bytes += records.back().size();
    }
    std::size_t next = 0;
    const auto replies = ask_ids(ids, [&](std::string_view key, std::string_view id) {
      return RedisWords{"HSET", key, id, records[next++]};
    });
    for (const RedisReply& reply : replies) {
      if (!reply.is_integer()) fail_unexpected("HSET");
    }
    passages = passages.subspan(ids.size());
  }
}

std::size_t RedisPassageStore::erase(std::span<const std::string> ids) {
  const auto replies = ask_ids(
      ids,
      [](std::string_view key, std::string_view id) {
        return RedisWords{"HDEL", key, id};
      },
      RedisRepeat::kNever);
  std::size_t erased = 0;
  for (const RedisReply& reply : replies) {
    if (!reply.is_integer()) fail_unexpected("HDEL");
    erased += static_cast<std::size_t>(reply.integer());
  }
  return erased;
}

std::vector<RedisReply> RedisPassageStore::ask_buckets(const char* command, std::size_t first,
                                                       std::size_t count) const {
  std::vector<std::string> keys;
  keys.reserve(count);
  for (std::size_t i = 0; i < count; ++i) keys.push_back(bucket_key(first + i));
  std::vector<RedisCommand> commands;
  commands.reserve(count);
  for (const std::string& key : keys) commands.push_back({{command, key}, key});
  return servers_.run(commands);
}

std::size_t RedisPassageStore::size() const {
  std::size_t size = 0;
  for (const RedisReply& reply : ask_buckets("HLEN", 0, kBuckets)) {
    if (!reply.is_integer()) fail_unexpected("HLEN");
    size += static_cast<std::size_t>(reply.integer());
  }
  return size;
}

std::vector<std::vector<std::string>> RedisPassageStore::ids_of_buckets(std::size_t first,
                                                                        std::size_t count) const {
  std::vector<std::vector<std::string>> buckets;
  for (const RedisReply& reply : ask_buckets("HKEYS", first, count)) {
    if (!reply.is_array()) fail_unexpected("HKEYS");
    std::vector<std::string>& ids = buckets.emplace_back();
    for (std::size_t i = 0; i < reply.size(); ++i) ids.emplace_back(reply[i].text());
    std::sort(ids.begin(), ids.end());
  }
  return buckets;
}

std::vector<std::string> RedisPassageStore::list_ids(std::string_view after,
                                                     std::size_t limit) const {
  std::vector<std::string> ids;
  const std::size_t begin = after.empty() ? 0 : bucket_of(after);
  std::size_t step = 4;
  for (std::size_t bucket = begin; bucket < kBuckets && ids.size() < limit; bucket += step) {
    // Few buckets where they are full, many where they are almost empty.
    if (bucket > begin) step = std::min<std::size_t>(step * 2, 1024);
    const std::size_t count = std::min(step, kBuckets - bucket);
    for (const auto& found : ids_of_buckets(bucket, count)) {
      for (const std::string& id : found) {
        const bool is_new = after.empty() || bucket_of(id) > begin || id > after;
        if (is_new && ids.size() < limit) ids.push_back(id);
      }
    }
  }
  return ids;
}

std::vector<std::optional<std::uint64_t>> RedisPassageStore::text_hashes(
    std::span<const std::string> ids) const {
  const auto replies = ask_ids(ids, [](std::string_view key, std::string_view id) {
    return RedisWords{"EVAL", kHeaderScript, "1", key, id};
  });
  std::vector<std::optional<std::uint64_t>> hashes;
  hashes.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string where = name_ + ": passage " + quote_id(ids[i]);
    hashes.push_back(replies[i].is_null()
                         ? std::nullopt
                         : std::optional(record_text_hash(bytes_of(replies[i].text()), where)));
  }
  return hashes;
}

StoreInfo RedisPassageStore::info() const {
  StoreInfo info;
  info.uri = name_;
  info.engine = "redis";
  info.version = kStoreVersion;
  info.fingerprint = fingerprint_;
  info.passages = size();
  info.note = servers_.run({{"HGET", meta_key_, "note"}, meta_key_}).text();
  return info;
}

void RedisPassageStore::set_note(std::string_view note) {
  static_cast<void>(servers_.run({{"HSET", meta_key_, "note", note}, meta_key_}));
}

}  // namespace deformer
