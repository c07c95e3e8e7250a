// Every allocation of a store's life fails in turn. Replaces the allocator of this program.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <new>

#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "store/child_process.h"
#include "store/passages.h"
#include "store/scratch_dir.h"

namespace {

// Allocations until one fails; 0: none does.
thread_local std::size_t countdown = 0;

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (countdown > 0 && --countdown == 0) throw std::bad_alloc();
  void* memory =
      alignment <= alignof(std::max_align_t)
          ? std::malloc(bytes == 0 ? 1 : bytes)
          : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) {
  return allocate(bytes, 1);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

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

// Whether all went well before the allocation came that was to fail.
bool live_until(const std::string& uri, std::size_t allocation) {
  countdown = allocation;
  try {
    live(uri);
  } catch (const Error& error) {
    countdown = 0;
    if (error.code() != ErrorCode::kResourceExhausted) {
      throw std::runtime_error(std::to_string(allocation) + ": " + error.what());
    }
    return false;
  } catch (...) {
    countdown = 0;
    throw std::runtime_error(std::to_string(allocation) + ": not an Error");
  }
  const bool is_done = countdown > 0;
  countdown = 0;
  return is_done;
}

// In a process of its own: what went wrong once was a lock that its own holder waited for.
std::string fail_each_in_turn(const std::function<std::string()>& new_uri, std::size_t& count) {
  static_cast<void>(passages());
  static_cast<void>(ids());
  ChildProcess child([&](const ChildProcess::Pipe& pipe) {
    for (std::size_t i = 1;; ++i) {
      ::alarm(20);
      const std::string uri = new_uri();
      if (live_until(uri, i)) break;
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
