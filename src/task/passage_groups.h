// Who asks about which passage, and in which portions passages are looked up.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "deformer/passage_store.h"

namespace deformer {

/// A passage and all who ask about it.
template <typename Asker>
struct PassageGroup {
  const Passage* passage = nullptr;
  std::vector<Asker> askers;
};

/// Same id and same text: one group, in the order in which they come first. The passages must
/// outlive it.
template <typename Asker>
class PassageGroups {
 public:
  [[nodiscard]] PassageGroup<Asker>& of(const Passage& passage) {
    const auto [begin, end] = by_id_.equal_range(passage.id);
    for (auto entry = begin; entry != end; ++entry) {
      PassageGroup<Asker>& group = groups_[entry->second];
      if (group.passage->text == passage.text) return group;
    }
    by_id_.emplace(passage.id, groups_.size());
    return groups_.emplace_back(PassageGroup<Asker>{&passage, {}});
  }

  [[nodiscard]] std::span<const PassageGroup<Asker>> all() const { return groups_; }

  /// Calls `run` with portions of the groups, in order. A portion is one look-up, which a store
  /// answers faster than single reads, and bounds what is held at once: about `batch_tokens`
  /// tokens, at least one passage.
  template <typename Run>
  void for_each_portion(std::size_t batch_tokens, Run&& run) const {
    for (std::size_t begin = 0; begin < groups_.size();) {
      const std::size_t end = portion_end(begin, batch_tokens);
      run(all().subspan(begin, end - begin));
      begin = end;
    }
  }

 private:
  static constexpr std::size_t kMostPassagesAtOnce = 64;
  // English WordPiece makes about one token of 4 bytes or more; used only to bound memory.
  static constexpr std::size_t kBytesPerToken = 4;

  [[nodiscard]] std::size_t portion_end(std::size_t begin, std::size_t batch_tokens) const {
    std::size_t bytes = 0;
    std::size_t end = begin;
    while (end < groups_.size() && end - begin < kMostPassagesAtOnce) {
      bytes += groups_[end].passage->text.size();
      if (end > begin && bytes > kBytesPerToken * batch_tokens) break;
      ++end;
    }
    return end;
  }

  std::vector<PassageGroup<Asker>> groups_;
  std::unordered_multimap<std::string_view, std::size_t> by_id_;  // place in groups_
};

}  // namespace deformer
