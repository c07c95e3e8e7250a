// The pages of an LMDB data file, read and checked by ourselves. LMDB keeps no checksums and
// follows what it finds: a damaged page number takes it beyond the end of the map, which ends the
// process. So what it is about to follow is looked at here first, with pread(), which cannot crash.
// The only place that knows LMDB's file format (data version 1, which all of 0.9 has).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace deformer {

/// LMDB may leave so many pages at the end unwritten that a transaction took and gave back.
inline constexpr std::uint64_t kLmdbUnwrittenPages = 256;

/// A B-tree of the file.
struct LmdbTree {
  std::uint64_t root = 0;  ///< page number
  std::uint64_t entries = 0;
  unsigned depth = 0;  ///< levels; 0: empty
};

/// One committed state of the file: a meta page.
struct LmdbState {
  std::uint64_t number = 0;  ///< of the transaction that made it
  std::uint64_t last_page = 0;
  std::size_t page_bytes = 0;
  LmdbTree free;
  LmdbTree main;
};

/// Where a value lies; within the file.
struct LmdbPlace {
  std::uint64_t page = 0;
  std::size_t offset = 0;    ///< in the page
  std::size_t bytes = 0;     ///< of the value
  bool is_overflow = false;  ///< in pages of its own, which begin with `page`
  bool is_table = false;     ///< a table's root, not a value
};

/// The state that LMDB will take from the file when it opens it, from both meta pages; nothing when
/// they are not an LMDB file's of this version, which LMDB itself will say. Throws kCorrupt when
/// they contradict each other, themselves or the length of the file.
[[nodiscard]] std::optional<LmdbState> read_lmdb_state(int descriptor, const std::string& name);

/// The state with this number. Throws kCorrupt, also when a writer has replaced it meanwhile.
[[nodiscard]] LmdbState read_lmdb_state(int descriptor, const std::string& name,
                                        std::uint64_t number, std::size_t page_bytes);

/// Pages of one state. Safe for concurrent calls. Every function throws kCorrupt, naming the store
/// and the page, when it meets damage, and kIo.
class LmdbPages {
 public:
  /// Throws kCorrupt when the file is too short for the state.
  LmdbPages(int descriptor, std::string name, const LmdbState& state);

  [[nodiscard]] const LmdbState& state() const noexcept { return state_; }

  /// A named table; nothing when there is none.
  [[nodiscard]] std::optional<LmdbTree> table(std::string_view name) const;
  /// Reads and checks the pages on the way to a key: what LMDB itself will read.
  [[nodiscard]] std::optional<LmdbPlace> find(const LmdbTree& tree, std::string_view key) const;
  /// At most `limit` keys after `after`, in byte order.
  [[nodiscard]] std::vector<std::string> keys_after(const LmdbTree& tree, std::string_view after,
                                                    std::size_t limit) const;
  /// What LMDB reads of a value's own pages when it replaces or erases it.
  void check_overflow(const LmdbPlace& place) const;
  /// Every page of every tree, the keys' order, the lists of free pages, and that no page has two
  /// owners. Values are not read.
  void check_all() const;

 private:
  class Page;
  class Audit;
  using Visit = std::function<bool(const Page&, std::size_t)>;

  [[nodiscard]] Page read(std::uint64_t number, bool is_leaf) const;
  void read_bytes(std::uint64_t page, std::size_t offset, std::byte* out, std::size_t bytes) const;
  [[nodiscard]] bool visit_after(std::uint64_t number, unsigned level, std::string_view after,
                                 const Visit& visit) const;
  [[nodiscard]] LmdbPlace place_of(const Page& page, std::size_t index) const;
  [[nodiscard]] LmdbTree table_at(const Page& page, std::size_t node) const;
  [[nodiscard]] std::uint64_t pages_of(const LmdbPlace& place) const noexcept;
  [[noreturn]] void fail(std::uint64_t page, const char* what) const;

  const int descriptor_;
  const std::string name_;
  const LmdbState state_;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace deformer
