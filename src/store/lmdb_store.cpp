#include "store/lmdb_store.h"

#include "base/quote.h"
#include "deformer/error.h"
#include "store/passage_check.h"
#include "store/record.h"
#include "store/store_entry.h"

namespace deformer {
namespace {

// A length beyond what can have been written is a damaged page's; following it could leave the
// file.
std::string text_of(const LmdbSnapshot& snapshot, const char* key, const std::string& where) {
  const auto bytes = snapshot.find(LmdbTable::kMeta, key);
  if (!bytes) return {};
  if (bytes->size() > kMaxNoteBytes) {
    throw Error(ErrorCode::kCorrupt, where + ": its entry \"" + key + "\" is damaged");
  }
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

std::optional<std::string> first_entry(const std::optional<Fingerprint>& fingerprint) {
  return fingerprint ? std::optional(format_store_entry(*fingerprint)) : std::nullopt;
}

}  // namespace

LmdbPassageStore::LmdbPassageStore(const std::filesystem::path& directory,
                                   const std::optional<Fingerprint>& fingerprint,
                                   const LmdbOptions& options)
    : environment_(LmdbEnvironment::open(directory, first_entry(fingerprint), options)),
      max_record_bytes_(options.max_record_bytes) {
  const std::string entry = text_of(*environment_->snapshot(), kEntryKey, environment_->name());
  fingerprint_ = parse_store_entry(entry, environment_->name());
  require_fingerprint(fingerprint_, fingerprint, environment_->name());
}

std::string LmdbPassageStore::where(const std::string& id) const {
  return environment_->name() + ": passage " + in_quotes(id);
}

std::optional<std::span<const std::byte>> LmdbPassageStore::find(const LmdbSnapshot& snapshot,
                                                                 const std::string& id) const {
  if (!is_valid_id(id)) return std::nullopt;
  try {
    return snapshot.find(LmdbTable::kPassages, id);
  } catch (const Error& error) {
    throw Error(error.code(), where(id) + ": " + error.what());
  }
}

std::vector<std::shared_ptr<const EncodedPassage>> LmdbPassageStore::get(
    std::span<const std::string> ids) const {
  const auto snapshot = environment_->snapshot();
  std::vector<std::shared_ptr<const EncodedPassage>> passages;
  passages.reserve(ids.size());
  for (const std::string& id : ids) {
    const auto record = find(*snapshot, id);
    passages.push_back(record ? read_record(*record, snapshot, id, environment_->name()) : nullptr);
  }
  return passages;
}

void LmdbPassageStore::put(std::span<const EncodedPassage> passages) {
  validate_batch(passages);
  std::vector<RecordWriter> records;
  records.reserve(passages.size());
  for (const EncodedPassage& passage : passages) {
    records.emplace_back(passage);
    require_record_fits(passage.id, records.back().size(), max_record_bytes_, "LMDB's limit");
  }
  environment_->write([&](LmdbWriter& writer) {
    for (std::size_t i = 0; i < passages.size(); ++i) {
      records[i].write(writer.reserve(LmdbTable::kPassages, passages[i].id, records[i].size()));
    }
  });
}

std::size_t LmdbPassageStore::erase(std::span<const std::string> ids) {
  std::size_t erased = 0;
  environment_->write([&](LmdbWriter& writer) {
    erased = 0;
    for (const std::string& id : ids) {
      if (is_valid_id(id) && writer.erase(LmdbTable::kPassages, id)) ++erased;
    }
  });
  return erased;
}

std::size_t LmdbPassageStore::size() const {
  return environment_->snapshot()->count(LmdbTable::kPassages);
}

std::vector<std::optional<PassageHashes>> LmdbPassageStore::hashes(
    std::span<const std::string> ids) const {
  const auto snapshot = environment_->snapshot();
  std::vector<std::optional<PassageHashes>> hashes;
  hashes.reserve(ids.size());
  for (const std::string& id : ids) {
    const auto record = find(*snapshot, id);
    hashes.push_back(record ? std::optional(record_hashes(*record, where(id))) : std::nullopt);
  }
  return hashes;
}

std::vector<std::string> LmdbPassageStore::list_ids(std::string_view after,
                                                    std::size_t limit) const {
  std::vector<std::string> ids =
      environment_->snapshot()->keys_after(LmdbTable::kPassages, after, limit);
  for (const std::string& id : ids) {
    // LMDB takes keys that are no ids. Whoever reads or erases by id would pass over them for ever.
    if (is_valid_id(id)) continue;
    throw Error(ErrorCode::kCorrupt, where(id) + ": expected an id of 1 to " +
                                         std::to_string(kMaxIdBytes) + " bytes, found " +
                                         std::to_string(id.size()));
  }
  return ids;
}

StoreInfo LmdbPassageStore::info() const {
  const auto snapshot = environment_->snapshot();
  StoreInfo info;
  info.uri = environment_->name();
  info.engine = "lmdb";
  info.version = kStoreVersion;
  info.fingerprint = fingerprint_;
  info.passages = snapshot->count(LmdbTable::kPassages);
  info.file_bytes = environment_->file_bytes();
  info.note = text_of(*snapshot, kNoteKey, environment_->name());
  return info;
}

void LmdbPassageStore::check() const {
  environment_->snapshot()->check_all();
}

void LmdbPassageStore::set_note(std::string_view note) {
  validate_note(note);
  environment_->write([&](LmdbWriter& writer) { writer.put(LmdbTable::kMeta, kNoteKey, note); });
}

}  // namespace deformer
