#include "tools/store_view.h"

#include <algorithm>
#include <string_view>

#include "deformer/error.h"

namespace deformer::tools {

std::string lmdb_directory(const std::string& uri) {
  constexpr std::string_view kLmdb = "lmdb:";
  return uri.starts_with(kLmdb) ? uri.substr(kLmdb.size()) : "";
}

std::vector<std::string> store_files(const std::string& uri) {
  const std::string directory = lmdb_directory(uri);
  if (directory.empty()) return {};
  return {directory + "/data.mdb", directory + "/lock.mdb", directory + "/writer.lock"};
}

void StoreView::expect(std::span<const Passage* const> passages) {
  expected_.clear();
  for (const Passage* const passage : passages) {
    if (passage->text.empty()) continue;
    const auto [begin, end] = expected_.equal_range(passage->id);
    const bool known =
        std::any_of(begin, end, [&](const auto& entry) { return entry.second == passage->text; });
    if (!known) expected_.emplace(passage->id, passage->text);
  }
}

bool StoreView::is_fresh(const std::string& id, const EncodedPassage* found) const {
  if (found == nullptr) return false;
  const auto [begin, end] = expected_.equal_range(id);
  return begin == end ||
         std::any_of(begin, end, [&](const auto& entry) { return entry.second == found->text; });
}

std::vector<std::shared_ptr<const EncodedPassage>> StoreView::get(
    std::span<const std::string> ids) const {
  auto found = store_->get(ids);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ++looked_up_;
    if (is_fresh(ids[i], found[i].get())) continue;
    if (missing_ == Missing::kAllow) {
      // One without a text is not encoded: its request fails.
      missing_count_ += expected_.contains(ids[i]) ? 1 : 0;
      continue;
    }
    throw Error(ErrorCode::kNotFound, "passage \"" + ids[i] +
                                          "\": expected it in the store (--require-store), found " +
                                          (found[i] ? "another text under its id" : "none"));
  }
  return found;
}

}  // namespace deformer::tools
