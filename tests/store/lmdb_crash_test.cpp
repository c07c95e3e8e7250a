// Several processes on one LMDB store, some of which are killed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <fstream>
#include <functional>
#include <random>
#include <thread>

#include "deformer/passage_store.h"
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

void write_without_end(const std::string& uri, std::size_t first, const ChildProcess::Pipe& pipe) {
  const auto store = open_passage_store(uri, kModel);
  for (std::size_t batch = first;; ++batch) {
    store->put(make_batch(batch));
    pipe.send('a');
  }
}

TEST(LmdbCrash, AKilledWriterLosesNothingAcknowledged) {
  const ScratchDir directory;
  const std::string uri = "lmdb:" + (directory / "store").string();
  std::mt19937 random(7);
  std::size_t next = 0;
  const int kills = static_cast<int>(soak_seconds(1.0) * 20);
  for (int kill = 0; kill < kills; ++kill) {
    ChildProcess writer(
        [&](const ChildProcess::Pipe& pipe) { write_without_end(uri, next, pipe); });
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

// One store that is rewritten all the time, for readers that look for torn batches.
class RewrittenStore {
 public:
  RewrittenStore() { put(*open(), 0); }

  [[nodiscard]] std::shared_ptr<PassageStore> open() const {
    return open_passage_store("lmdb:" + (directory_ / "store").string(), kModel);
  }
  static void put(PassageStore& store, std::uint64_t version) {
    std::vector<EncodedPassage> batch{passage_of(version), make_passage("version")};
    batch[1].text += "#" + std::to_string(version);
    store.put(batch);
  }
  // Until end_reading(); throws at a torn batch. `first_read` is called after the first.
  void read(const std::function<void()>& first_read) const {
    const auto store = open();
    const std::vector<std::string> ids{"version", "p"};
    std::vector<std::shared_ptr<const EncodedPassage>> held;
    for (std::size_t round = 0;; ++round) {
      const auto found = store->get(ids);
      const std::uint64_t version =
          std::stoull(found[0]->text.substr(found[0]->text.rfind('#') + 1));
      if (!is_same(*found[1], passage_of(version))) throw std::runtime_error("a torn batch");
      // Some results stay in use for a while.
      held.push_back(found[1]);
      if (held.size() == 50) held.clear();
      if (round == 0) first_read();
      if (round % 16 == 0 && ::access((directory_ / "stop").c_str(), F_OK) == 0) return;
    }
  }
  void end_reading() const { const std::ofstream stop(directory_ / "stop"); }

 private:
  static EncodedPassage passage_of(std::uint64_t version) {
    return make_passage("p", version, {.tokens = 40 + version % 100, .hidden_size = 64});
  }

  ScratchDir directory_;
};

// Threads of the writer's process that read; what they throw is kept.
class ReadingThreads {
 public:
  ReadingThreads(const RewrittenStore& place, std::size_t count) : errors_(count) {
    for (std::string& error : errors_) {
      threads_.emplace_back([&place, &error] { error = read(place); });
    }
  }
  [[nodiscard]] std::vector<std::string> join() {
    for (std::thread& thread : threads_) thread.join();
    return errors_;
  }

 private:
  static std::string read(const RewrittenStore& place) {
    try {
      place.read([] {});
    } catch (const std::exception& error) {
      return error.what();
    }
    return {};
  }

  std::vector<std::string> errors_;
  std::vector<std::thread> threads_;
};

TEST(LmdbCrash, EightThreadsAndTwoProcessesReadWholeBatchesBesideAWriter) {
  const RewrittenStore place;
  const auto read = [&](const ChildProcess::Pipe& pipe) { place.read([&] { pipe.send('r'); }); };
  // Forked before there are threads.
  ChildProcess one(read);
  ChildProcess two(read);
  ASSERT_EQ(one.pipe().receive(), 'r');
  ASSERT_EQ(two.pipe().receive(), 'r');
  const auto store = place.open();
  ReadingThreads threads(place, 8);
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::duration<double>(soak_seconds(1));
  std::uint64_t version = 1;
  for (; std::chrono::steady_clock::now() < end; ++version) RewrittenStore::put(*store, version);
  place.end_reading();
  EXPECT_EQ(threads.join(), std::vector<std::string>(8));
  EXPECT_EQ(one.wait(), "");
  EXPECT_EQ(two.wait(), "");
  EXPECT_GT(version, 1U);
}

}  // namespace
}  // namespace deformer::test
