#include <lmdb.h>

#include <algorithm>

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
      transaction_(environment_->begin(MDB_RDONLY)),
      number_(::mdb_txn_id(transaction_)) {}

LmdbSnapshot::~LmdbSnapshot() {
  ::mdb_txn_abort(transaction_);
  environment_->release_snapshot();
}

std::optional<std::span<const std::byte>> LmdbSnapshot::find(LmdbTable table,
                                                             std::string_view key) const {
  MDB_val wanted = to_value(key);
  MDB_val value{};
  const std::lock_guard lock(mutex_);
  const int code = ::mdb_get(transaction_, environment_->handle(table), &wanted, &value);
  if (code == MDB_NOTFOUND) return std::nullopt;
  environment_->check(code, "read");
  return std::as_bytes(std::span(to_view(value)));
}

std::size_t LmdbSnapshot::count(LmdbTable table) const {
  MDB_stat status{};
  const std::lock_guard lock(mutex_);
  environment_->check(::mdb_stat(transaction_, environment_->handle(table), &status), "read");
  return status.ms_entries;
}

std::vector<std::string> LmdbSnapshot::keys_after(LmdbTable table, std::string_view after,
                                                  std::size_t limit) const {
  std::vector<std::string> keys;
  const std::lock_guard lock(mutex_);
  MDB_cursor* opened = nullptr;
  environment_->check(::mdb_cursor_open(transaction_, environment_->handle(table), &opened),
                      "read");
  const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> cursor(opened, ::mdb_cursor_close);
  MDB_val key = to_value(after);
  MDB_val value{};
  MDB_cursor_op step = after.empty() ? MDB_FIRST : MDB_SET_RANGE;
  while (keys.size() < limit) {
    const int code = ::mdb_cursor_get(opened, &key, &value, step);
    if (code == MDB_NOTFOUND) break;
    environment_->check(code, "read");
    if (step != MDB_SET_RANGE || to_view(key) != after) keys.emplace_back(to_view(key));
    step = MDB_NEXT;
  }
  return keys;
}

std::span<std::byte> LmdbWriter::reserve(LmdbTable table, std::string_view key, std::size_t bytes) {
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
