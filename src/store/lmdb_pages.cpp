#include "store/lmdb_pages.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include "base/stand_in.h"
#include "base/system_error.h"
#include "deformer/error.h"

namespace deformer {
namespace {

constexpr std::uint32_t kPageMagic = 0xBEEFC0DE;
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kNoPage = ~std::uint64_t{0};
constexpr std::uint64_t kNumMetas = 2;
constexpr std::size_t kSmallestPage = 512;
constexpr std::size_t kLargestPage = 32768;
constexpr unsigned kMostLevels = 32;

enum PageFlags : std::uint16_t { kBranch = 1, kLeaf = 2, kOverflow = 4, kMeta = 8 };
enum NodeFlags : std::uint16_t { kBigData = 1, kSubData = 2 };

// Of a tree: keys or values in another order than ours, values that are trees.
constexpr unsigned kOtherOrders = 0x7e;
constexpr unsigned kIntegerKeys = 8;

struct PageHeader {
  std::uint64_t number;
  std::uint16_t pad;
  std::uint16_t flags;
  std::uint16_t lower;  // end of the nodes' offsets; in an overflow page, with `upper`, its pages
  std::uint16_t upper;  // begin of the nodes
};
static_assert(sizeof(PageHeader) == 16);

struct Node {
  std::uint16_t low, high;  // size of the value, or with `flags` the number of a page
  std::uint16_t flags;
  std::uint16_t key_bytes;
};
static_assert(sizeof(Node) == 8);

struct StoredTree {
  std::uint32_t page_bytes;  // in the first tree of a meta page
  std::uint16_t flags;
  std::uint16_t depth;
  std::uint64_t branch_pages, leaf_pages, overflow_pages;
  std::uint64_t entries;
  std::uint64_t root;
};
static_assert(sizeof(StoredTree) == 48);

struct Meta {
  PageHeader header;
  std::uint32_t magic;
  std::uint32_t version;
  std::uint64_t address;
  std::uint64_t map_bytes;
  StoredTree free;
  StoredTree main;
  std::uint64_t last_page;
  std::uint64_t number;
};
static_assert(sizeof(Meta) == 152);

[[noreturn]] void fail_file(const std::string& name, const std::string& what) {
  throw Error(ErrorCode::kCorrupt, name + ": the data file is damaged: " + what);
}

// Fewer bytes than asked for only at the end of the file.
std::size_t read_at(int descriptor, const std::string& name, std::uint64_t at,
                    std::span<std::byte> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t count =
        ::pread(descriptor, out.data() + done, out.size() - done, static_cast<off_t>(at + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      throw_system_error(name, "read the store", errno);
    }
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

std::uint64_t length_of(int descriptor, const std::string& name) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) {
    throw_system_error(name, "stat the store", errno);
  }
  return static_cast<std::uint64_t>(status.st_size);
}

std::optional<Meta> read_meta(int descriptor, const std::string& name, std::uint64_t at) {
  Meta meta{};
  const auto bytes = std::as_writable_bytes(std::span(&meta, 1));
  if (read_at(descriptor, name, at, bytes) < bytes.size()) return std::nullopt;
  return meta;
}

// An integer key; 0 for one of another size.
std::uint64_t number_of(std::string_view key) {
  std::uint64_t number = 0;
  if (key.size() == sizeof number) std::memcpy(&number, key.data(), sizeof number);
  return number;
}

bool is_page_size(std::uint32_t bytes) {
  return bytes >= kSmallestPage && bytes <= kLargestPage && (bytes & (bytes - 1)) == 0;
}

// Nothing when the tree cannot be one of this file's, whose keys are in the order `order`.
std::optional<LmdbTree> tree_of(const StoredTree& tree, std::uint64_t last_page, unsigned order) {
  const bool is_empty = tree.root == kNoPage;
  const bool is_inside = tree.root >= kNumMetas && tree.root <= last_page;
  const bool has_depth = is_empty ? tree.depth == 0 && tree.entries == 0
                                  : tree.depth >= 1 && tree.depth <= kMostLevels;
  if ((tree.flags & kOtherOrders) != order || !has_depth || !(is_empty || is_inside)) {
    return std::nullopt;
  }
  return LmdbTree{.root = tree.root, .entries = tree.entries, .depth = tree.depth};
}

LmdbState state_of(const Meta& meta, std::uint64_t place, const std::string& name) {
  const auto fail = [&](const char* what) {
    fail_file(name, "meta page " + std::to_string(place) + ": " + what);
  };
  if (meta.header.number != place || meta.header.flags != kMeta || meta.magic != kPageMagic ||
      meta.version != kVersion) {
    fail("expected a meta page");
  }
  if (!is_page_size(meta.free.page_bytes)) fail("size of a page");
  // Pages are numbered in 48 bits.
  if (meta.last_page < kNumMetas - 1 || meta.last_page >> 48 != 0) fail("number of pages");
  const auto free = tree_of(meta.free, meta.last_page, kIntegerKeys);
  const auto main = tree_of(meta.main, meta.last_page, 0);
  if (!free || !main) fail("root of a tree");
  return {.number = meta.number,
          .last_page = meta.last_page,
          .page_bytes = meta.free.page_bytes,
          .free = *free,
          .main = *main};
}

// What a download has left in the file's place is named; LMDB itself refuses the rest.
void refuse_stand_in_at(int descriptor, const std::string& name) {
  std::array<std::byte, 1024> beginning;
  const std::size_t size = read_at(descriptor, name, 0, beginning);
  refuse_stand_in(std::span<const std::byte>(beginning).first(size), name);
}

bool is_ours(const Meta& meta) {
  return (meta.header.flags & kMeta) != 0 && meta.magic == kPageMagic && meta.version == kVersion;
}

}  // namespace

std::optional<LmdbState> read_lmdb_state(int descriptor, const std::string& name) {
  const auto first = read_meta(descriptor, name, 0);
  if (!first || !is_ours(*first)) {
    refuse_stand_in_at(descriptor, name);
    return std::nullopt;
  }
  if (!is_page_size(first->free.page_bytes)) fail_file(name, "size of a page");
  const auto second = read_meta(descriptor, name, first->free.page_bytes);
  if (!second || !is_ours(*second)) return std::nullopt;
  // Transaction N writes meta page N modulo 2; both are 0 in a new file.
  const bool are_neighbours = first->number + 1 == second->number ||
                              second->number + 1 == first->number ||
                              (first->number == 0 && second->number == 0);
  if (!are_neighbours || first->number % 2 != 0 ||
      first->free.page_bytes != second->free.page_bytes) {
    fail_file(name, "its meta pages contradict each other");
  }
  // The other one may be what a failed write has left; nobody reads it again.
  const bool is_first = first->number >= second->number;
  const LmdbState newest = is_first ? state_of(*first, 0, name) : state_of(*second, 1, name);
  static_cast<void>(LmdbPages(descriptor, name, newest));
  return newest;
}

LmdbState read_lmdb_state(int descriptor, const std::string& name, std::uint64_t number,
                          std::size_t page_bytes) {
  const std::uint64_t at = number % kNumMetas * page_bytes;
  std::optional<Meta> meta;
  // Until two readings agree: a writer may be in the middle of the page.
  for (int attempt = 0; attempt < 100; ++attempt) {
    meta = read_meta(descriptor, name, at);
    const auto again = read_meta(descriptor, name, at);
    if (!meta || !again) fail_file(name, "no meta page");
    if (std::memcmp(&*meta, &*again, sizeof *meta) == 0) break;
  }
  const LmdbState state = state_of(*meta, number % kNumMetas, name);
  if (state.number != number || state.page_bytes != page_bytes) {
    fail_file(name, "its newest meta page is another one's");
  }
  return state;
}

// A page of a tree, whose nodes lie inside it.
class LmdbPages::Page {
 public:
  Page(std::vector<std::byte> bytes, std::uint64_t number)
      : bytes_(std::move(bytes)), number_(number), header_(at<PageHeader>(0)) {}

  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] bool is_leaf() const { return header_.flags == kLeaf; }
  [[nodiscard]] std::size_t size() const { return (header_.lower - sizeof(PageHeader)) / 2; }
  [[nodiscard]] std::size_t offset(std::size_t index) const {
    return at<std::uint16_t>(sizeof(PageHeader) + 2 * index);
  }
  [[nodiscard]] Node node(std::size_t index) const { return at<Node>(offset(index)); }
  [[nodiscard]] std::string_view key(std::size_t index) const {
    return {reinterpret_cast<const char*>(bytes_.data()) + offset(index) + sizeof(Node),
            node(index).key_bytes};
  }
  [[nodiscard]] std::uint64_t child(std::size_t index) const {
    const Node found = node(index);
    return found.low | std::uint64_t{found.high} << 16 | std::uint64_t{found.flags} << 32;
  }
  // Where a leaf's value begins in the page: itself, or the number of its own pages.
  [[nodiscard]] std::size_t value_offset(std::size_t index) const {
    return offset(index) + sizeof(Node) + node(index).key_bytes;
  }
  [[nodiscard]] static std::size_t value_bytes(const Node& node) {
    return node.low | std::size_t{node.high} << 16;
  }
  template <typename Value>
  [[nodiscard]] Value at(std::size_t offset) const {
    Value value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }

  // What is wrong with it, or nullptr.
  [[nodiscard]] const char* fault(bool is_leaf) const;
  // The same for what only a writer relies on: the nodes fill their part without a gap.
  [[nodiscard]] const char* packing_fault() const;
  // First node whose key is not below `wanted`; of a branch, the child to go down to.
  [[nodiscard]] std::size_t lower_bound(std::string_view wanted) const;

 private:
  [[nodiscard]] std::size_t end_of(std::size_t index) const;

  std::vector<std::byte> bytes_;
  std::uint64_t number_;
  PageHeader header_;
};

std::size_t LmdbPages::Page::end_of(std::size_t index) const {
  const Node found = node(index);
  const std::size_t key_end = offset(index) + sizeof(Node) + found.key_bytes;
  if (!is_leaf()) return key_end;
  return key_end + (found.flags == kBigData ? sizeof(std::uint64_t) : value_bytes(found));
}

const char* LmdbPages::Page::fault(bool is_leaf) const {
  if (header_.number != number_) return "it is another page's";
  if (header_.flags != (is_leaf ? kLeaf : kBranch)) return "it is of another kind";
  if (header_.lower < sizeof(PageHeader) || header_.lower % 2 != 0 ||
      header_.lower > header_.upper || header_.upper > bytes_.size() || size() == 0) {
    return "its bounds";
  }
  for (std::size_t i = 0; i < size(); ++i) {
    if (offset(i) < header_.upper || offset(i) % 2 != 0 ||
        offset(i) + sizeof(Node) > bytes_.size()) {
      return "place of a node";
    }
    const std::uint16_t flags = node(i).flags;
    if (is_leaf && flags != 0 && flags != kBigData && flags != kSubData) return "kind of a node";
    if (is_leaf && flags == kSubData && value_bytes(node(i)) != sizeof(StoredTree)) {
      return "size of a table's root";
    }
    if (end_of(i) > bytes_.size()) return "size of a node";
  }
  return nullptr;
}

const char* LmdbPages::Page::packing_fault() const {
  std::vector<std::size_t> nodes(size());
  for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i] = i;
  std::sort(nodes.begin(), nodes.end(),
            [&](std::size_t a, std::size_t b) { return offset(a) < offset(b); });
  std::size_t end = header_.upper;
  for (const std::size_t index : nodes) {
    if (offset(index) != end) return "its nodes overlap or leave gaps";
    end = (end_of(index) + 1) / 2 * 2;
  }
  return end == bytes_.size() ? nullptr : "its nodes overlap or leave gaps";
}

std::size_t LmdbPages::Page::lower_bound(std::string_view wanted) const {
  // The first key of a branch counts as below all others, whatever it is.
  std::size_t low = is_leaf() ? 0 : 1;
  std::size_t high = size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    const bool is_before = is_leaf() ? key(middle) < wanted : key(middle) <= wanted;
    (is_before ? low : high) = is_before ? middle + 1 : middle;
  }
  return is_leaf() ? low : low - 1;
}

LmdbPages::LmdbPages(int descriptor, std::string name, const LmdbState& state)
    : descriptor_(descriptor),
      name_(std::move(name)),
      state_(state),
      file_bytes_(length_of(descriptor, name_)) {
  const std::uint64_t expected = (state.last_page + 1) * state.page_bytes;
  if (file_bytes_ + kLmdbUnwrittenPages * state.page_bytes >= expected) return;
  throw Error(ErrorCode::kCorrupt, name_ + ": the data file is cut: expected " +
                                       std::to_string(expected) + " bytes, found " +
                                       std::to_string(file_bytes_));
}

void LmdbPages::fail(std::uint64_t page, const char* what) const {
  fail_file(name_, "page " + std::to_string(page) + ": " + what);
}

void LmdbPages::read_bytes(std::uint64_t page, std::size_t offset, std::byte* out,
                           std::size_t bytes) const {
  const std::uint64_t at = page * state_.page_bytes + offset;
  if (read_at(descriptor_, name_, at, {out, bytes}) < bytes) {
    fail(page, "it lies beyond the end of the file");
  }
}

LmdbPages::Page LmdbPages::read(std::uint64_t number, bool is_leaf) const {
  if (number < kNumMetas || number > state_.last_page) fail(number, "there is no such page");
  std::vector<std::byte> bytes(state_.page_bytes);
  read_bytes(number, 0, bytes.data(), bytes.size());
  Page page(std::move(bytes), number);
  if (const char* fault = page.fault(is_leaf)) fail(number, fault);
  return page;
}

std::uint64_t LmdbPages::pages_of(const LmdbPlace& place) const noexcept {
  return (sizeof(PageHeader) + place.bytes + state_.page_bytes - 1) / state_.page_bytes;
}

LmdbPlace LmdbPages::place_of(const Page& page, std::size_t index) const {
  const Node node = page.node(index);
  LmdbPlace place{.page = page.number(),
                  .offset = page.value_offset(index),
                  .bytes = Page::value_bytes(node),
                  .is_table = node.flags == kSubData};
  if (node.flags != kBigData) return place;
  place.page = page.at<std::uint64_t>(place.offset);
  place.offset = sizeof(PageHeader);
  place.is_overflow = true;
  const std::uint64_t pages = pages_of(place);
  if (place.page < kNumMetas || place.page > state_.last_page ||
      pages > state_.last_page - place.page + 1 ||
      (place.page + pages) * state_.page_bytes > file_bytes_) {
    fail(page.number(), "a value lies beyond the end of the file");
  }
  return place;
}

std::optional<LmdbPlace> LmdbPages::find(const LmdbTree& tree, std::string_view key) const {
  std::uint64_t number = tree.root;
  for (unsigned level = tree.depth; level > 0; --level) {
    const Page page = read(number, level == 1);
    const std::size_t index = page.lower_bound(key);
    if (level > 1) {
      number = page.child(index);
      continue;
    }
    if (index == page.size() || page.key(index) != key) break;
    return place_of(page, index);
  }
  return std::nullopt;
}

LmdbTree LmdbPages::table_at(const Page& page, std::size_t node) const {
  const auto stored = page.at<StoredTree>(page.value_offset(node));
  const auto tree = tree_of(stored, state_.last_page, 0);
  if (!tree) fail(page.number(), "root of a table");
  return *tree;
}

std::optional<LmdbTree> LmdbPages::table(std::string_view name) const {
  const auto place = find(state_.main, name);
  if (!place || !place->is_table) return std::nullopt;
  const Page page = read(place->page, true);
  return table_at(page, page.lower_bound(name));
}

// Calls `visit` for the nodes of the leaves from the first key not below `after`; false when it
// did.
bool LmdbPages::visit_after(std::uint64_t number, unsigned level, std::string_view after,
                            const Visit& visit) const {
  const Page page = read(number, level == 1);
  const std::size_t first = page.lower_bound(after);
  for (std::size_t i = first; i < page.size(); ++i) {
    const bool goes_on = level == 1 ? visit(page, i)
                                    : visit_after(page.child(i), level - 1,
                                                  i == first ? after : std::string_view(), visit);
    if (!goes_on) return false;
  }
  return true;
}

std::vector<std::string> LmdbPages::keys_after(const LmdbTree& tree, std::string_view after,
                                               std::size_t limit) const {
  std::vector<std::string> keys;
  if (tree.depth == 0 || limit == 0) return keys;
  static_cast<void>(
      visit_after(tree.root, tree.depth, after, [&](const Page& page, std::size_t node) {
        const std::string_view key = page.key(node);
        // Damaged pages may lead in circles: what does not grow would never end.
        if (key < after || (!keys.empty() && key <= keys.back())) {
          fail(page.number(), "its keys are out of order");
        }
        if (key != after) keys.emplace_back(key);
        return keys.size() < limit;
      }));
  return keys;
}

void LmdbPages::check_overflow(const LmdbPlace& place) const {
  if (!place.is_overflow) return;
  PageHeader header{};
  read_bytes(place.page, 0, reinterpret_cast<std::byte*>(&header), sizeof header);
  const std::uint64_t pages = header.lower | std::uint64_t{header.upper} << 16;
  if (header.number != place.page || header.flags != kOverflow || pages != pages_of(place)) {
    fail(place.page, "it is not the first page of its value");
  }
}

// One pass over everything.
class LmdbPages::Audit {
 public:
  explicit Audit(const LmdbPages& pages) : pages_(pages), owned_(pages.state_.last_page + 1) {}

  void check_free();
  void check_tables();

 private:
  // Keys of a subtree: from `first`, below `end` where there is one.
  struct Range {
    std::string_view first;
    std::optional<std::string_view> end;
  };
  using Leaf = std::function<void(const Page&, std::size_t)>;

  void check_tree(const LmdbTree& tree, bool integer_keys, const Leaf& leaf);
  void visit(std::uint64_t number, unsigned level, const Range& range);
  void check_order(const Page& page, const Range& range) const;
  [[nodiscard]] bool is_before(std::string_view a, std::string_view b) const;
  void own(std::uint64_t first, std::uint64_t count, std::uint64_t owner);
  void own_value(const Page& page, std::size_t node);
  void check_list(const Page& page, std::size_t node);

  const LmdbPages& pages_;
  std::vector<bool> owned_;
  // Of the tree at hand.
  bool integer_keys_ = false;
  const Leaf* leaf_ = nullptr;
  std::uint64_t entries_ = 0;
};

void LmdbPages::Audit::own(std::uint64_t first, std::uint64_t count, std::uint64_t owner) {
  for (std::uint64_t page = first; page < first + count; ++page) {
    if (page < kNumMetas || page >= owned_.size()) pages_.fail(owner, "it names an absent page");
    if (owned_[page]) pages_.fail(page, "it belongs to two places");
    owned_[page] = true;
  }
}

void LmdbPages::Audit::own_value(const Page& page, std::size_t node) {
  const LmdbPlace place = pages_.place_of(page, node);
  if (place.is_overflow) own(place.page, pages_.pages_of(place), page.number());
}

bool LmdbPages::Audit::is_before(std::string_view a, std::string_view b) const {
  return integer_keys_ ? number_of(a) < number_of(b) : a < b;
}

void LmdbPages::Audit::check_order(const Page& page, const Range& range) const {
  // The first key of a branch stands for all that lies before the second.
  std::optional<std::string_view> last;
  for (std::size_t i = page.is_leaf() ? 0 : 1; i < page.size(); ++i) {
    const std::string_view key = page.key(i);
    if (key.empty() || (integer_keys_ && key.size() != sizeof(std::uint64_t))) {
      pages_.fail(page.number(), "size of a key");
    }
    const bool is_first = !last;
    if (is_first ? is_before(key, range.first) : !is_before(*last, key)) {
      pages_.fail(page.number(), "its keys are out of order");
    }
    last = key;
  }
  if (last && range.end && !is_before(*last, *range.end)) {
    pages_.fail(page.number(), "its keys are out of order");
  }
}

void LmdbPages::Audit::visit(std::uint64_t number, unsigned level, const Range& range) {
  const Page page = pages_.read(number, level == 1);
  own(number, 1, number);
  if (const char* fault = page.packing_fault()) pages_.fail(number, fault);
  check_order(page, range);
  for (std::size_t i = 0; i < page.size(); ++i) {
    if (level == 1) {
      ++entries_;
      (*leaf_)(page, i);
      continue;
    }
    const bool is_last = i + 1 == page.size();
    visit(
        page.child(i), level - 1,
        {i == 0 ? range.first : page.key(i), is_last ? range.end : std::optional(page.key(i + 1))});
  }
}

void LmdbPages::Audit::check_tree(const LmdbTree& tree, bool integer_keys, const Leaf& leaf) {
  integer_keys_ = integer_keys;
  leaf_ = &leaf;
  entries_ = 0;
  if (tree.depth > 0) visit(tree.root, tree.depth, {});
  if (entries_ == tree.entries) return;
  fail_file(pages_.name_, "expected " + std::to_string(tree.entries) + " entries, found " +
                              std::to_string(entries_));
}

// Numbers of pages, their count before them, the highest first.
void LmdbPages::Audit::check_list(const Page& page, std::size_t node) {
  const LmdbPlace place = pages_.place_of(page, node);
  std::vector<std::uint64_t> list(place.bytes / sizeof(std::uint64_t));
  if (list.empty()) pages_.fail(page.number(), "list of free pages");
  pages_.check_overflow(place);
  pages_.read_bytes(place.page, place.offset, reinterpret_cast<std::byte*>(list.data()),
                    list.size() * sizeof(std::uint64_t));
  if (list[0] >= list.size()) pages_.fail(page.number(), "list of free pages");
  for (std::uint64_t i = 1; i <= list[0]; ++i) {
    if (i > 1 && list[i] >= list[i - 1]) pages_.fail(page.number(), "list of free pages");
    own(list[i], 1, page.number());
  }
}

void LmdbPages::Audit::check_free() {
  check_tree(pages_.state_.free, true, [&](const Page& page, std::size_t node) {
    own_value(page, node);
    check_list(page, node);
  });
}

void LmdbPages::Audit::check_tables() {
  std::vector<LmdbTree> tables;
  check_tree(pages_.state_.main, false, [&](const Page& page, std::size_t node) {
    if (!pages_.place_of(page, node).is_table) pages_.fail(page.number(), "expected a table");
    tables.push_back(pages_.table_at(page, node));
  });
  for (const LmdbTree& table : tables) {
    check_tree(table, false, [&](const Page& page, std::size_t node) {
      if (pages_.place_of(page, node).is_table) pages_.fail(page.number(), "expected a value");
      own_value(page, node);
    });
  }
}

void LmdbPages::check_all() const {
  Audit audit(*this);
  audit.check_free();
  audit.check_tables();
}

}  // namespace deformer
