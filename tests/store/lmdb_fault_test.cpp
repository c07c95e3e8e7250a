// Every system call that writes fails in turn, while a store is made, filled, copied and closed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>

#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "store/child_process.h"
#include "store/passages.h"
#include "store/scratch_dir.h"
#include "support/expect_error.h"
#include "support/fault_shim.h"

namespace deformer::test {
namespace {

namespace fs = std::filesystem;

constexpr std::array<int, 3> kErrors{EIO, ENOSPC, kShortWrite};

EncodedPassage version(const std::string& id, std::uint64_t seed) {
  return make_passage(id, seed, {.tokens = 20 + seed * 30, .hidden_size = 32});
}

std::vector<EncodedPassage> versions(const std::vector<std::string>& ids, std::uint64_t seed) {
  std::vector<EncodedPassage> passages;
  passages.reserve(ids.size());
  for (const std::string& id : ids) passages.push_back(version(id, seed));
  return passages;
}

// What has been acknowledged of a store, and what may be in its place: the last batch that was not.
class Record {
 public:
  // Runs `change`, which turns the passages `ids` into version `seed` (0: absent).
  void run(const std::vector<std::string>& ids, std::uint64_t seed,
           const std::function<void()>& change) {
    open_.clear();
    for (const std::string& id : ids) open_[id] = seed;
    change();
    for (const std::string& id : ids) held_[id] = seed;
    open_.clear();
  }

  void check(const PassageStore& store) const {
    std::size_t old_ones = 0;
    std::size_t new_ones = 0;
    for (const auto& [id, seed] : open_) {
      const bool is_old = holds(store, id, held_.contains(id) ? held_.at(id) : 0);
      const bool is_new = holds(store, id, seed);
      if (!is_old && !is_new) throw std::runtime_error(id + " is neither the old nor the new one");
      old_ones += is_old ? 1 : 0;
      new_ones += is_new ? 1 : 0;
    }
    if (old_ones < open_.size() && new_ones < open_.size()) throw std::runtime_error("torn batch");
    for (const auto& [id, seed] : held_) {
      if (!open_.contains(id) && !holds(store, id, seed)) {
        throw std::runtime_error(id + " was acknowledged and is not there");
      }
    }
  }

 private:
  static bool holds(const PassageStore& store, const std::string& id, std::uint64_t seed) {
    const auto found = get_one(store, id);
    return seed == 0 ? found == nullptr : found != nullptr && is_same(*found, version(id, seed));
  }

  std::map<std::string, std::uint64_t> held_;
  std::map<std::string, std::uint64_t> open_;
};

using Life = std::function<void(const std::string& uri, Record& record)>;

// One life of a store in which the `call`-th call fails; false when there were not so many. Throws
// when something is wrong afterwards.
bool live_with_fault(const fs::path& path, long call, int error, const Life& life) {
  const std::string uri = "lmdb:" + path.string();
  Record record;
  fs::remove_all(path);
  {
    const auto store = open_passage_store(uri, kModel);
    record.run({"a", "b", "c"}, 1, [&] { store->put(versions({"a", "b", "c"}, 1)); });
  }
  std::string message;
  arm_fault(call, error);
  try {
    life(uri, record);
  } catch (const Error& thrown) {
    message = thrown.what();
  }
  const bool has_fired = disarm_fault() >= call;
  if (message.find('\n') != std::string::npos) throw std::runtime_error("lines: " + message);
  if (!message.empty() && message.find(path.string()) == std::string::npos) {
    throw std::runtime_error("names no file: " + message);
  }
  const auto store = open_passage_store(uri, kModel);
  record.check(*store);
  const StoreScan scan = scan_passage_store(*store);
  if (!scan.bad.empty()) throw std::runtime_error(scan.bad[0].message);
  store->put(versions({"after"}, 2));
  return has_fired;
}

using Check = std::function<void(const std::string& uri)>;

// A process each: what LMDB thinks of its file after an error must not help. Whether it had so many
// calls; what went wrong goes to `said`.
bool live_in_child(const std::function<bool()>& life, std::string& said) {
  ChildProcess child([&](const ChildProcess::Pipe& pipe) {
    ::alarm(20);
    if (life()) pipe.send('f');
  });
  const bool has_fired = child.pipe().receive() == 'f';
  said = child.wait();
  return has_fired;
}

// How many calls there were.
long fail_each_in_turn(const Life& life, int error, const Check& check_more) {
  const ScratchDir directory;
  const fs::path path = directory / "store";
  for (long call = 1;; ++call) {
    const auto live = [&] {
      const bool has_fired = live_with_fault(path, call, error, life);
      check_more("lmdb:" + path.string());
      return has_fired;
    };
    std::string said;
    const bool has_fired = live_in_child(live, said);
    EXPECT_EQ(said, "") << "call " << call << " fails with " << error;
    if (!has_fired) return call - 1;
  }
}

void fail_each_in_turn(
    const Life& life, long at_least, const Check& check_more = [](const std::string&) {}) {
  long lives = 0;
  for (const int error : kErrors) lives += fail_each_in_turn(life, error, check_more);
  EXPECT_GT(lives, at_least);
}

TEST(LmdbFaults, AFailedCallLosesNothingWhilePassagesArePut) {
  fail_each_in_turn(
      [](const std::string& uri, Record& record) {
        const auto store = open_passage_store(uri, kModel);
        record.run({"d", "e"}, 1, [&] { store->put(versions({"d", "e"}, 1)); });
        record.run({"a", "d"}, 3, [&] { store->put(versions({"a", "d"}, 3)); });
        const std::vector<std::string> ids{"b"};
        record.run(ids, 0, [&] { store->erase(ids); });
        store->set_note("note");
        record.run({"b", "f"}, 2, [&] { store->put(versions({"b", "f"}, 2)); });
      },
      60);
}

// The names of new files are there after a power cut only once their directories are synced.
TEST(LmdbFaults, AStoreIsMadeOnlyWhenItsDirectoriesAreDurable) {
  int unsynced = 0;
  bool has_fired = true;
  for (long call = 1; has_fired; ++call) {
    const ScratchDir directory;
    const std::string uri = "lmdb:" + (directory / "store").string();
    std::string message;
    arm_fault(call, EIO);
    try {
      static_cast<void>(open_passage_store(uri, kModel));
    } catch (const Error& error) {
      message = error.what();
    }
    has_fired = disarm_fault() >= call;
    if (message == uri + ": cannot sync the directory: Input/output error") {
      ++unsynced;
      // Else the next one to open it would take the names for durable.
      expect_error(ErrorCode::kNotFound, "expected a passage store, found none",
                   [&] { static_cast<void>(open_existing_passage_store(uri)); });
    }
    open_passage_store(uri, kModel)->put(versions({"a"}, 1));
  }
  EXPECT_EQ(unsynced, 2) << "its own and the one above";
}

// As a program would that goes on after an error.
TEST(LmdbFaults, ASecondTryOfTheSameObjectIsSafe) {
  const auto put_twice = [](PassageStore& store, Record& record, std::uint64_t seed) {
    const auto put = [&] { store.put(versions({"a", "d"}, seed)); };
    try {
      record.run({"a", "d"}, seed, put);
    } catch (const Error&) {
      record.run({"a", "d"}, seed, put);
    }
  };
  fail_each_in_turn(
      [&](const std::string& uri, Record& record) {
        const auto store = open_passage_store(uri, kModel);
        for (std::uint64_t seed = 2; seed < 5; ++seed) put_twice(*store, record, seed);
      },
      40);
}

TEST(LmdbFaults, AFailedCallLosesNothingWhileAStoreIsMadeAndFilledFromAnother) {
  const auto source = open_passage_store("memory:", kModel);
  source->put(versions({"a", "x", "y", "z"}, 2));
  fail_each_in_turn(
      [&](const std::string& uri, Record&) {
        const std::string copy = uri + "-copy";
        fs::remove_all(copy.substr(5));
        const auto target = open_passage_store(copy, kModel);
        copy_passages(*source, *target, {.batch_passages = 2});
        copy_passages(*open_existing_passage_store(uri), *target,
                      {.existing = ExistingPassage::kKeep});
      },
      60,
      [](const std::string& uri) {
        const auto copy = open_passage_store(uri + "-copy", kModel);
        const StoreScan scan = scan_passage_store(*copy);
        if (!scan.bad.empty()) throw std::runtime_error(scan.bad[0].message);
        copy->put(versions({"after"}, 2));
      });
}

}  // namespace
}  // namespace deformer::test
