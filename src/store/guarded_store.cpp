#include "store/guarded_store.h"

#include "base/guard.h"

namespace deformer {

std::vector<std::shared_ptr<const EncodedPassage>> GuardedPassageStore::get(
    std::span<const std::string> ids) const {
  return guard_entry(name_, [&] { return engine_->get(ids); });
}

void GuardedPassageStore::put(std::span<const EncodedPassage> passages) {
  guard_entry(name_, [&] { engine_->put(passages); });
}

std::size_t GuardedPassageStore::erase(std::span<const std::string> ids) {
  return guard_entry(name_, [&] { return engine_->erase(ids); });
}

std::size_t GuardedPassageStore::size() const {
  return guard_entry(name_, [&] { return engine_->size(); });
}

std::vector<std::optional<PassageHashes>> GuardedPassageStore::hashes(
    std::span<const std::string> ids) const {
  return guard_entry(name_, [&] { return engine_->hashes(ids); });
}

std::vector<std::string> GuardedPassageStore::list_ids(std::string_view after,
                                                       std::size_t limit) const {
  return guard_entry(name_, [&] { return engine_->list_ids(after, limit); });
}

StoreInfo GuardedPassageStore::info() const {
  return guard_entry(name_, [&] { return engine_->info(); });
}

void GuardedPassageStore::check() const {
  guard_entry(name_, [&] { engine_->check(); });
}

void GuardedPassageStore::set_note(std::string_view note) {
  guard_entry(name_, [&] { engine_->set_note(note); });
}

}  // namespace deformer
