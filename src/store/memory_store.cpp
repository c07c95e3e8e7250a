#include "store/memory_store.h"

#include <mutex>
#include <utility>

#include "store/hidden_codec.h"
#include "store/passage_check.h"
#include "store/store_entry.h"

namespace deformer {

std::vector<std::shared_ptr<const EncodedPassage>> MemoryPassageStore::get(
    std::span<const std::string> ids) const {
  std::vector<std::shared_ptr<const EncodedPassage>> found;
  found.reserve(ids.size());
  const std::shared_lock lock(mutex_);
  for (const std::string& id : ids) {
    const auto at = passages_.find(id);
    found.push_back(at == passages_.end() ? nullptr : at->second);
  }
  return found;
}

void MemoryPassageStore::put(std::span<const EncodedPassage> passages) {
  validate_batch(passages);
  std::vector<std::shared_ptr<const EncodedPassage>> copies;
  copies.reserve(passages.size());
  for (const EncodedPassage& passage : passages) {
    auto copy = std::make_shared<EncodedPassage>(passage);
    copy->hidden = copy_hidden(passage.hidden);
    if (passage.projection_hash != 0) copy->projections = copy_hidden(passage.projections);
    copies.push_back(std::move(copy));
  }
  const std::unique_lock lock(mutex_);
  // The old passages leave after the lock: freeing takes time.
  for (auto& copy : copies) passages_[copy->id].swap(copy);
}

std::size_t MemoryPassageStore::erase(std::span<const std::string> ids) {
  std::vector<std::shared_ptr<const EncodedPassage>> erased;
  const std::unique_lock lock(mutex_);
  for (const std::string& id : ids) {
    const auto at = passages_.find(id);
    if (at == passages_.end()) continue;
    erased.push_back(std::move(at->second));
    passages_.erase(at);
  }
  return erased.size();
}

std::size_t MemoryPassageStore::size() const {
  const std::shared_lock lock(mutex_);
  return passages_.size();
}

std::vector<std::string> MemoryPassageStore::list_ids(std::string_view after,
                                                      std::size_t limit) const {
  std::vector<std::string> ids;
  const std::shared_lock lock(mutex_);
  auto at = passages_.upper_bound(after);
  for (; at != passages_.end() && ids.size() < limit; ++at) ids.push_back(at->first);
  return ids;
}

StoreInfo MemoryPassageStore::info() const {
  const std::shared_lock lock(mutex_);
  StoreInfo info;
  info.uri = "memory:";
  info.engine = "memory";
  info.version = kStoreVersion;
  info.fingerprint = fingerprint_;
  info.passages = passages_.size();
  info.note = note_;
  return info;
}

void MemoryPassageStore::set_note(std::string_view note) {
  validate_note(note);
  const std::unique_lock lock(mutex_);
  note_ = note;
}

}  // namespace deformer
