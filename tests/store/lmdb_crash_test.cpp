// Several processes on one LMDB store, some of which are killed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <random>
#include <thread>

#include "deformer/passage_store.h"
#include "deformer/store_maintenance.h"
#include "store/child_process.h"
#include "store/passages.h"
#include "store/scratch_dir.h"

namespace deformer::test {
namespace {

constexpr std::size_t kBatch = 5;

std::vector<EncodedPassage> make_batch(std::size_t number) {
  std::vector<EncodedPassage> batch;
  for (std::size_t i = 0; i < kBatch; ++i) {
    const std::string id = "b" + std::to_string(number) + "-" + std::to_string(i);
    batch.push_back(make_passage(id, number, {.tokens = 30 + number % 40, .hidden_size = 32}));
  }
  return batch;
}

// Whether the batch is there whole; a part of one fails the test.
bool holds_batch(const PassageStore& store, std::size_t number) {
  std::size_t found = 0;
  for (const EncodedPassage& passage : make_batch(number)) {
    const auto stored = get_one(store, passage.id);
    if (!stored) continue;
    EXPECT_TRUE(is_same(*stored, passage));
    ++found;
  }
  EXPECT_TRUE(found == 0 || found == kBatch) << "batch " << number << ": " << found;
  return found == kBatch;
}

TEST(LmdbCrash, AKilledWriterLosesNothingAcknowledged) {
  const ScratchDir directory;
  const std::string uri = "lmdb:" + (directory / "store").string();
  std::mt19937 random(7);
  std::size_t next = 0;
  const int kills = static_cast<int>(soak_seconds(1.0) * 20);
  for (int kill = 0; kill < kills; ++kill) {
    ChildProcess writer([&](const ChildProcess::Pipe& pipe) {
      const auto store = open_passage_store(uri, kModel);
      for (std::size_t batch = next;; ++batch) {
        store->put(make_batch(batch));
        pipe.send('a');
      }
    });
    // After some batches, or none: then it may be in the middle of the creation.
    const std::size_t first = next;
    for (std::size_t wanted = random() % 5; wanted > 0; --wanted) {
      ASSERT_EQ(writer.pipe().receive(), 'a');
      ++next;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 15000));
    writer.kill();
    ASSERT_EQ(writer.wait(), "signal 9");
    while (writer.pipe().receive() == 'a') ++next;
    const auto store = open_passage_store(uri, kModel);
    for (std::size_t batch = first; batch < next; ++batch) {
      ASSERT_TRUE(holds_batch(*store, batch)) << "batch " << batch << " was acknowledged";
    }
    if (holds_batch(*store, next)) ++next;
    const StoreScan scan = scan_passage_store(*store);
    ASSERT_TRUE(scan.bad.empty()) << scan.bad[0].message;
    ASSERT_EQ(scan.passages, next * kBatch);
  }
  EXPECT_GT(next, 5U) << "the writers did write";
}

TEST(LmdbCrash, ReadersSeeWholePassagesBesideAWriter) {
  const ScratchDir directory;
  const std::string uri = "lmdb:" + (directory / "store").string();
  const auto version = [](std::uint64_t number) {
    return make_passage("p", number, {.tokens = 40 + number % 100, .hidden_size = 64});
  };
  const auto put = [&](PassageStore& store, std::uint64_t number) {
    std::vector<EncodedPassage> batch{version(number), make_passage("number")};
    batch[1].text += "#" + std::to_string(number);
    store.put(batch);
  };
  const auto read = [&](const ChildProcess::Pipe& pipe) {
    const auto store = open_passage_store(uri, kModel);
    const std::vector<std::string> ids{"number", "p"};
    std::vector<std::shared_ptr<const EncodedPassage>> held;
    for (std::size_t round = 0;; ++round) {
      const auto found = store->get(ids);
      const std::uint64_t number =
          std::stoull(found[0]->text.substr(found[0]->text.rfind('#') + 1));
      if (!is_same(*found[1], version(number))) throw std::runtime_error("a torn batch");
      // Some results stay in use for a while.
      held.push_back(found[1]);
      if (held.size() == 50) held.clear();
      if (round == 0) pipe.send('r');
      if (round % 16 == 0 && access((directory / "stop").c_str(), F_OK) == 0) return;
    }
  };
  { put(*open_passage_store(uri, kModel), 0); }
  ChildProcess one(read);
  ChildProcess two(read);
  ASSERT_EQ(one.pipe().receive(), 'r');
  ASSERT_EQ(two.pipe().receive(), 'r');
  const auto store = open_passage_store(uri, kModel);
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::duration<double>(soak_seconds(1));
  std::uint64_t number = 1;
  for (; std::chrono::steady_clock::now() < end; ++number) put(*store, number);
  { std::ofstream stop(directory / "stop"); }
  EXPECT_EQ(one.wait(), "");
  EXPECT_EQ(two.wait(), "");
  EXPECT_GT(number, 1U);
}

}  // namespace
}  // namespace deformer::test
