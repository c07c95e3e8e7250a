// Passages that have yet to be looked up, and who asks about them.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "deformer/passage_store.h"

namespace deformer {

/// A passage and all who ask about it.
template <typename Asker>
struct PassageGroup {
  const Passage* passage = nullptr;  ///< its first asker's
  std::vector<Asker> askers;
};

/// Same id and same text: one group, in the order in which they come first. A passage must stay
/// where it is while its group waits.
template <typename Asker>
class WaitingPassages {
 public:
  using Group = PassageGroup<Asker>;

  [[nodiscard]] Group& of(const Passage& passage) {
    const auto [begin, end] = by_id_.equal_range(passage.id);
    for (auto entry = begin; entry != end; ++entry) {
      Group& group = groups_[entry->second - taken_];
      if (group.passage->text == passage.text) return group;
    }
    by_id_.emplace(passage.id, taken_ + groups_.size());
    return groups_.emplace_back(Group{&passage, {}});
  }

  [[nodiscard]] bool empty() const noexcept { return groups_.empty(); }

  /// Takes the first groups: what is looked up at once, which a store answers faster than single
  /// reads. At most `most` passages, whose texts have `bytes` bytes together; at least one passage.
  /// A passage without a text counts as `unknown_bytes`.
  [[nodiscard]] std::vector<Group> take(std::size_t most, std::size_t bytes,
                                        std::size_t unknown_bytes) {
    std::vector<Group> portion;
    std::size_t size = 0;
    while (!groups_.empty() && portion.size() < most) {
      const std::string& text = groups_.front().passage->text;
      size += text.empty() ? unknown_bytes : text.size();
      if (!portion.empty() && size > bytes) break;
      forget(groups_.front().passage->id);
      portion.push_back(std::move(groups_.front()));
      groups_.pop_front();
      ++taken_;
    }
    return portion;
  }

 private:
  // The entry of the group that is taken next.
  void forget(std::string_view id) {
    const auto [begin, end] = by_id_.equal_range(id);
    for (auto entry = begin; entry != end; ++entry) {
      if (entry->second != taken_) continue;
      by_id_.erase(entry);
      return;
    }
  }

  std::deque<Group> groups_;
  std::size_t taken_ = 0;                                         // groups before groups_[0]
  std::unordered_multimap<std::string_view, std::size_t> by_id_;  // number of the group
};

}  // namespace deformer
