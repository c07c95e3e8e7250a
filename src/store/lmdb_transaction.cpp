#include <lmdb.h>

#include <algorithm>

#include "deformer/error.h"
#include "store/lmdb_environment.h"

namespace deformer {
namespace {

MDB_val to_value(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};
}

std::string_view to_view(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

}  // namespace

LmdbSnapshot::LmdbSnapshot(std::shared_ptr<LmdbEnvironment> environment)
    : environment_(std::move(environment)),
      reading_(environment_->begin_reading()),
      meta_(open_table(kMetaTable)),
      passages_(open_table(kPassagesTable)) {}

LmdbSnapshot::~LmdbSnapshot() {
  if (environment_->is_inherited()) {
    // Its slot in the table of readers, which is shared memory, is the parent's.
    static_cast<void>(reading_.transaction.release());
    return;
  }
  reading_.transaction.reset();
  environment_->release_snapshot();
}

LmdbTree LmdbSnapshot::open_table(const char* name) const {
  const auto table = reading_.pages.table(name);
  if (table) return *table;
  throw Error(ErrorCode::kCorrupt,
              environment_->name() + ": the data file is damaged: a table is missing");
}

const LmdbTree& LmdbSnapshot::tree(LmdbTable table) const noexcept {
  return table == LmdbTable::kMeta ? meta_ : passages_;
}

std::optional<std::span<const std::byte>> LmdbSnapshot::find(LmdbTable table,
                                                             std::string_view key) const {
  const auto place = reading_.pages.find(tree(table), key);
  if (!place) return std::nullopt;
  MDB_val wanted = to_value(key);
  MDB_val value{};
  const std::lock_guard lock(mutex_);
  const int code =
      ::mdb_get(reading_.transaction.get(), environment_->handle(table), &wanted, &value);
  environment_->check(code == MDB_NOTFOUND ? MDB_CORRUPTED : code, "read");
  // The pages have been checked for a value of so many bytes.
  if (value.mv_size != place->bytes) environment_->check(MDB_CORRUPTED, "read");
  return std::as_bytes(std::span(to_view(value)));
}

std::size_t LmdbSnapshot::count(LmdbTable table) const {
  return tree(table).entries;
}

std::vector<std::string> LmdbSnapshot::keys_after(LmdbTable table, std::string_view after,
                                                  std::size_t limit) const {
  return reading_.pages.keys_after(tree(table), after, limit);
}

LmdbWriter::LmdbWriter(const LmdbEnvironment& environment, MDB_txn* transaction)
    : environment_(&environment),
      transaction_(transaction),
      before_(environment.pages_of(::mdb_txn_id(transaction) - 1)),
      meta_(before_.table(kMetaTable)),
      passages_(before_.table(kPassagesTable)) {}

// LMDB frees or reuses as many pages as the old value's first one says.
void LmdbWriter::check_old_value(LmdbTable table, std::string_view key) const {
  const auto& tree = table == LmdbTable::kMeta ? meta_ : passages_;
  if (!tree) return;
  if (const auto place = before_.find(*tree, key)) before_.check_overflow(*place);
}

std::span<std::byte> LmdbWriter::reserve(LmdbTable table, std::string_view key, std::size_t bytes) {
  check_old_value(table, key);
  MDB_val name = to_value(key);
  MDB_val value{bytes, nullptr};
  environment_->check(
      ::mdb_put(transaction_, environment_->handle(table), &name, &value, MDB_RESERVE), "write to");
  return {static_cast<std::byte*>(value.mv_data), bytes};
}

void LmdbWriter::put(LmdbTable table, std::string_view key, std::string_view value) {
  const std::span<std::byte> room = reserve(table, key, value.size());
  std::copy_n(reinterpret_cast<const std::byte*>(value.data()), value.size(), room.data());
}

bool LmdbWriter::erase(LmdbTable table, std::string_view key) {
  check_old_value(table, key);
  MDB_val name = to_value(key);
  const int code = ::mdb_del(transaction_, environment_->handle(table), &name, nullptr);
  if (code == MDB_NOTFOUND) return false;
  environment_->check(code, "write to");
  return true;
}

std::optional<std::string> LmdbWriter::find(LmdbTable table, std::string_view key) const {
  MDB_val name = to_value(key);
  MDB_val value{};
  const int code = ::mdb_get(transaction_, environment_->handle(table), &name, &value);
  if (code == MDB_NOTFOUND) return std::nullopt;
  environment_->check(code, "read");
  return std::string(to_view(value));
}

}  // namespace deformer
