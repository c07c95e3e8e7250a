// Every allocation of a store's life fails in turn.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "deformer/passage_store.h"
#include "store/child_process.h"
#include "store/passages.h"
#include "store/scratch_dir.h"
#include "support/failing_allocator.h"

namespace deformer::test {
namespace {

const std::vector<EncodedPassage>& passages() {
  static const std::vector<EncodedPassage> made{
      make_passage("a"), make_passage("b", 0, {.tokens = 90, .hidden_size = 32}),
      make_passage("c", 0, {.codec = HiddenCodec::kInt8, .projection_hash = 5})};
  return made;
}

const std::vector<std::string>& ids() {
  static const std::vector<std::string> made{"a", "b", "absent"};
  return made;
}

void live(const std::string& uri) {
  const auto store = open_passage_store(uri, kModel);
  store->put(passages());
  static_cast<void>(store->get(ids()));
  static_cast<void>(store->hashes(ids()));
  static_cast<void>(store->list_ids("", 2));
  store->set_note("a note that is longer than what fits into a string without memory of its own");
  static_cast<void>(store->info());
  static_cast<void>(scan_passage_store(*store));
  static_cast<void>(copy_passages(*store, *open_passage_store("memory:", kModel)));
  store->erase(ids());
}

// In a process of its own: what went wrong once was a lock that its own holder waited for.
std::string fail_each_in_turn(const std::function<std::string()>& new_uri, std::size_t& count) {
  static_cast<void>(passages());
  static_cast<void>(ids());
  ChildProcess child([&](const ChildProcess::Pipe& pipe) {
    for (std::size_t i = 1;; ++i) {
      ::alarm(20);
      const std::string uri = new_uri();
      if (ends_before_allocation(i, [&] { live(uri); })) break;
      pipe.send('f');
      if (!uri.starts_with("lmdb:")) continue;
      const auto store = open_passage_store(uri, kModel);
      if (!scan_passage_store(*store).bad.empty()) throw std::runtime_error("damaged");
      store->put(passages());
    }
  });
  for (count = 0; child.pipe().receive() == 'f';) ++count;
  return child.wait();
}

TEST(StoreAllocations, EachThatFailsIsAnErrorAndLeavesTheMemoryStoreUsable) {
  std::size_t count = 0;
  EXPECT_EQ(fail_each_in_turn([] { return "memory:"; }, count), "");
  EXPECT_GT(count, 50U);
}

TEST(StoreAllocations, EachThatFailsIsAnErrorAndLeavesTheLmdbStoreWhole) {
  const ScratchDir directory;
  const std::filesystem::path path = directory / "store";
  std::size_t count = 0;
  const auto new_uri = [&] {
    std::filesystem::remove_all(path);
    return "lmdb:" + path.string();
  };
  EXPECT_EQ(fail_each_in_turn(new_uri, count), "");
  EXPECT_GT(count, 100U);
}

}  // namespace
}  // namespace deformer::test
