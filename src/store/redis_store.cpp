#include "store/redis_store.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include "base/hash.h"
#include "base/quote.h"
#include "deformer/error.h"
#include "store/passage_check.h"
#include "store/record.h"
#include "store/store_entry.h"

namespace deformer {
namespace {

constexpr std::size_t kBuckets = 16384;
constexpr std::size_t kPutBytes = std::size_t{8} << 20;
// What a server takes in one string (proto-max-bulk-len) unless its owner says otherwise.
constexpr std::uint64_t kUsualBulkBytes = std::uint64_t{512} << 20;
// hiredis counts the bytes of a command in an int; the other words take less than 4096.
constexpr std::uint64_t kMostCommandBytes = (std::uint64_t{1} << 31) - 4096;

// A passage is two fields of its bucket, written and removed by one command: the record, and its
// hashes for those who need no more.
constexpr char kRecordField = 'r';
constexpr char kHashesField = 'h';

std::string field_of(char kind, std::string_view id) {
  return kind + std::string(id);
}

std::size_t bucket_of(std::string_view id) {
  return hash64(id) % kBuckets;
}

// In the order of list_ids(): what shares the bucket of `after` and does not follow it.
void erase_up_to(std::string_view after, std::vector<std::string>& ids) {
  const std::size_t bucket = bucket_of(after);
  std::erase_if(ids, [&](const std::string& id) { return bucket_of(id) == bucket && id <= after; });
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Of the text, and of the projections where there are any.
std::string format_hashes(const EncodedPassage& passage) {
  const std::array<std::uint64_t, 2> hashes{hash64(passage.text), passage.projection_hash};
  const std::size_t count = passage.projection_hash == 0 ? 1 : 2;
  return {reinterpret_cast<const char*>(hashes.data()), count * sizeof(std::uint64_t)};
}

std::optional<PassageHashes> parse_hashes(std::string_view field) {
  std::array<std::uint64_t, 2> hashes{};
  if (field.size() != sizeof(std::uint64_t) && field.size() != sizeof hashes) return std::nullopt;
  std::copy(field.begin(), field.end(), reinterpret_cast<char*>(hashes.data()));
  return PassageHashes{hashes[0], hashes[1]};
}

}  // namespace

RedisPassageStore::RedisPassageStore(const RedisUrl& url,
                                     const std::optional<Fingerprint>& fingerprint)
    : name_(to_string(url)),
      prefix_(url.prefix),
      meta_key_(url.prefix + ":meta"),
      servers_(url.endpoint, url.options),
      fingerprint_(read_entry(url, fingerprint)) {
  require_fingerprint(fingerprint_, fingerprint, name_);
}

RedisCommand RedisPassageStore::ask_entry() const {
  return {{"HGET", meta_key_, kEntryKey}, meta_key_};
}

// Of several that create the store at once one wins; all compare with what it wrote.
RedisReply RedisPassageStore::make_entry(const Fingerprint& fingerprint) const {
  const std::string entry = format_store_entry(fingerprint);
  static_cast<void>(servers_.run({{"HSETNX", meta_key_, kEntryKey, entry}, meta_key_}));
  return servers_.run(ask_entry());
}

Fingerprint RedisPassageStore::read_entry(const RedisUrl& url,
                                          const std::optional<Fingerprint>& expected) const {
  RedisReply reply = servers_.run(ask_entry());
  if (reply.is_null()) {
    refuse_old_meaning(url);
    if (!expected) {
      throw Error(ErrorCode::kNotFound, name_ + ": expected a passage store, found none");
    }
    reply = make_entry(*expected);
  }
  return parse_store_entry(reply.text(), name_);
}

// Without an entry the store was emptied and is nobody's: no other's passages are changed.
void RedisPassageStore::require_own(const RedisReply& entry) const {
  if (entry.is_null()) return;
  require_fingerprint(parse_store_entry(entry.text(), name_), fingerprint_,
                      name_ + ": the store was replaced while it was open");
}

// A number alone was a prefix in database 0 before it was a database.
void RedisPassageStore::refuse_old_meaning(const RedisUrl& url) const {
  if (url.lone_number.empty()) return;
  RedisOptions options = url.options;
  options.database = 0;
  RedisCluster servers(url.endpoint, options);
  const std::string key = url.lone_number + ":meta";
  try {
    const RedisReply reply = servers.run({{"HGET", key, kEntryKey}, key});
    if (reply.is_null()) return;
  } catch (const Error&) {
    // Not a store, or nothing that this user may see.
    return;
  }
  const std::string server = "redis://" + to_string(url.endpoint) + "/";
  throw Error(
      ErrorCode::kInvalidArgument,
      name_ + ": expected a passage store, found none, but one in database 0 under the prefix " +
          url.lone_number + ", which this URI named before: write " + server + "0/" +
          url.lone_number + " for that one, or " + name_ + " for a new one");
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

// The entry is answered last: where it is ours, what was read before it was ours as well. Without
// an entry the passages are absent: those that are still there may be another model's, which is
// being emptied.
std::vector<RedisReply> RedisPassageStore::ask_field(std::span<const std::string> ids,
                                                     char kind) const {
  if (ids.empty()) return {};
  std::vector<std::string> words;
  words.reserve(2 * ids.size());
  std::vector<RedisCommand> commands;
  commands.reserve(ids.size() + 1);
  for (const std::string& id : ids) {
    const std::string& key = words.emplace_back(bucket_key(bucket_of(id)));
    const std::string& field = words.emplace_back(field_of(kind, id));
    commands.push_back({{"HGET", key, field}, key});
  }
  commands.push_back(ask_entry());
  std::vector<RedisReply> replies = servers_.run(commands, RedisRepeat::kWithLast);
  const RedisReply entry = replies.back();
  replies.pop_back();
  if (entry.is_null()) return std::vector<RedisReply>(ids.size());
  require_own(entry);
  return replies;
}

std::vector<std::shared_ptr<const EncodedPassage>> RedisPassageStore::get(
    std::span<const std::string> ids) const {
  const auto replies = ask_field(ids, kRecordField);
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

// Beyond what every server takes, this one is asked: its owner may have set another limit.
void RedisPassageStore::require_fits(const EncodedPassage& passage,
                                     std::uint64_t record_bytes) const {
  if (record_bytes <= kUsualBulkBytes) return;
  constexpr const char* kSetting = "proto-max-bulk-len";
  std::uint64_t most = kUsualBulkBytes;
  try {
    const std::string key = bucket_key(bucket_of(passage.id));
    const RedisReply reply = servers_.run({{"CONFIG", "GET", kSetting}, key});
    const std::string value(reply[1].text());
    std::from_chars(value.data(), value.data() + value.size(), most);
  } catch (const Error& error) {
    throw Error(error.code(), "passage " + in_quotes(passage.id) +
                                  ": expected a record of at most " + std::to_string(most) +
                                  " bytes or a server that tells its own limit, found " +
                                  std::to_string(record_bytes) + ": " + error.what());
  }
  if (most <= kMostCommandBytes) {
    require_record_fits(passage.id, record_bytes, most, std::string(kSetting) + " of the server");
  } else {
    require_record_fits(passage.id, record_bytes, kMostCommandBytes, "hiredis's limit");
  }
}

void RedisPassageStore::put(std::span<const EncodedPassage> passages) {
  validate_batch(passages);
  std::vector<RecordWriter> records;
  records.reserve(passages.size());
  for (const EncodedPassage& passage : passages) {
    records.emplace_back(passage);
    require_fits(passage, records.back().size());
  }
  // In parts: the batch is in memory once already.
  for (std::size_t done = 0; done < passages.size();) {
    done += put_part(passages.subspan(done), std::span(records).subspan(done));
  }
}

// Returns how many were put. The entry is asked for by itself first, since what is written cannot
// be taken back; and again last: a lost connection may have been made anew after the store was
// emptied, or filled by another model.
std::size_t RedisPassageStore::put_part(std::span<const EncodedPassage> passages,
                                        std::span<const RecordWriter> records) {
  const RedisReply entry = servers_.run(ask_entry());
  require_own(entry.is_null() ? make_entry(fingerprint_) : entry);
  std::vector<std::array<std::string, 5>> words;
  for (std::size_t bytes = 0; words.size() < passages.size() && bytes < kPutBytes;) {
    const EncodedPassage& passage = passages[words.size()];
    words.push_back({bucket_key(bucket_of(passage.id)), field_of(kRecordField, passage.id),
                     encode_record(records[words.size()]), field_of(kHashesField, passage.id),
                     format_hashes(passage)});
    bytes += words.back()[2].size();
  }
  std::vector<RedisCommand> commands;
  commands.reserve(words.size() + 1);
  for (const auto& [key, record_field, record, hashes_field, hashes] : words) {
    commands.push_back({{"HSET", key, record_field, record, hashes_field, hashes}, key});
  }
  commands.push_back(ask_entry());
  std::vector<RedisReply> replies = servers_.run(commands, RedisRepeat::kWithLast);
  const RedisReply entry_after = replies.back();
  replies.pop_back();
  for (const RedisReply& reply : replies) {
    if (!reply.is_integer()) fail_unexpected("HSET");
  }
  require_own(entry_after.is_null() ? make_entry(fingerprint_) : entry_after);
  return words.size();
}

std::size_t RedisPassageStore::erase(std::span<const std::string> ids) {
  if (ids.empty()) return 0;
  require_own(servers_.run(ask_entry()));
  std::vector<std::array<std::string, 3>> words;
  words.reserve(ids.size());
  for (const std::string& id : ids) {
    words.push_back(
        {bucket_key(bucket_of(id)), field_of(kRecordField, id), field_of(kHashesField, id)});
  }
  std::vector<RedisCommand> commands;
  commands.reserve(ids.size());
  for (const auto& [key, record_field, hashes_field] : words) {
    commands.push_back({{"HDEL", key, record_field, hashes_field}, key});
  }
  std::size_t erased = 0;
  for (const RedisReply& reply : servers_.run(commands, RedisRepeat::kNever)) {
    if (!reply.is_integer()) fail_unexpected("HDEL");
    erased += reply.integer() > 0 ? 1 : 0;
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
    // More than any server holds would overflow the sum.
    if (!reply.is_integer() || reply.integer() < 0 || reply.integer() >> 40 != 0) {
      fail_unexpected("HLEN");
    }
    size += static_cast<std::size_t>(reply.integer());
  }
  return size / 2;
}

std::vector<std::vector<std::string>> RedisPassageStore::ids_of_buckets(std::size_t first,
                                                                        std::size_t count) const {
  std::vector<std::vector<std::string>> buckets;
  for (const RedisReply& reply : ask_buckets("HKEYS", first, count)) {
    if (!reply.is_array()) fail_unexpected("HKEYS");
    const std::size_t bucket = first + buckets.size();
    std::vector<std::string>& ids = buckets.emplace_back();
    for (std::size_t i = 0; i < reply.size(); ++i) {
      const std::string_view field = reply[i].text();
      if (!field.starts_with(kRecordField)) continue;
      ids.emplace_back(field.substr(1));
      // A listing goes on from an id's own bucket: from a stranger's it would never end.
      if (is_valid_id(ids.back()) && bucket_of(ids.back()) == bucket) continue;
      throw Error(ErrorCode::kCorrupt, name_ + ": passage " + in_quotes(ids.back()) +
                                           ": found in a bucket that is not its own");
    }
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
    for (std::vector<std::string>& found :
         ids_of_buckets(bucket, std::min(step, kBuckets - bucket))) {
      std::move(found.begin(), found.end(), std::back_inserter(ids));
    }
    if (bucket == begin) erase_up_to(after, ids);
  }
  if (ids.size() > limit) ids.resize(limit);
  return ids;
}

std::vector<std::optional<PassageHashes>> RedisPassageStore::hashes(
    std::span<const std::string> ids) const {
  std::vector<std::optional<PassageHashes>> hashes;
  hashes.reserve(ids.size());
  for (const RedisReply& reply : ask_field(ids, kHashesField)) {
    hashes.push_back(parse_hashes(reply.text()));
    if (!hashes.back() && !reply.is_null()) fail_unexpected("HGET");
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
  const RedisReply note = servers_.run({{"HGET", meta_key_, kNoteKey}, meta_key_});
  if (!note.is_null() && (!note.is_text() || note.text().size() > kMaxNoteBytes)) {
    throw Error(ErrorCode::kCorrupt, name_ + ": its entry \"note\" is damaged");
  }
  info.note = note.text();
  return info;
}

void RedisPassageStore::set_note(std::string_view note) {
  validate_note(note);
  require_own(servers_.run(ask_entry()));
  static_cast<void>(servers_.run({{"HSET", meta_key_, kNoteKey, note}, meta_key_}));
}

}  // namespace deformer
