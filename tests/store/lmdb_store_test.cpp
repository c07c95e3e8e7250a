#include "store/lmdb_store.h"

#include <gtest/gtest.h>
#include <lmdb.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sched.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include "base/file.h"
#include "contract/passage_store_contract.h"
#include "deformer/passage_store.h"
#include "store/child_process.h"
#include "store/passages.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer::test {
namespace {

namespace fs = std::filesystem;

class LmdbPlace final : public StorePlace {
 public:
  [[nodiscard]] std::string uri() const override {
    return "lmdb:" + (directory_ / "store").string();
  }

 private:
  TempDir directory_;
};

INSTANTIATE_TEST_SUITE_P(Lmdb, PassageStoreContract,
                         testing::Values(StoreEngine{
                             .name = "lmdb",
                             .make_place = [] { return std::make_unique<LmdbPlace>(); }}),
                         engine_name);

class LmdbStore : public testing::Test {
 protected:
  [[nodiscard]] fs::path path() const { return directory_ / "store"; }
  [[nodiscard]] std::string uri() const { return "lmdb:" + path().string(); }
  [[nodiscard]] std::shared_ptr<PassageStore> open() const {
    return open_passage_store(uri(), kModel);
  }
  void refuse(ErrorCode code, const std::string& text) const {
    expect_error(code, text, [&] { static_cast<void>(open()); });
  }
  // For processes of another user.
  void open_to_all() const {
    fs::permissions(directory_.path(), fs::perms(0755));
    for (const auto& entry : fs::directory_iterator(path())) {
      fs::permissions(entry.path(), fs::perms(0644));
    }
    fs::permissions(path(), fs::perms(0755));
  }

 private:
  TempDir directory_;
};

// Enough for pages of its own, so that it is never copied.
EncodedPassage large(const std::string& id, std::uint64_t seed = 0) {
  return make_passage(id, seed, {.tokens = 150, .hidden_size = 64});
}

void put_one(PassageStore& store, const EncodedPassage& passage) {
  store.put(std::span(&passage, 1));
}

void become_nobody() {
  if (::geteuid() != 0) return;
  constexpr uid_t kNobody = 65534;
  if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) throw std::runtime_error("setuid");
}

void require(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
}

TEST_F(LmdbStore, ReadsInPlace) {
  const auto store = open();
  put_one(*store, large("p"));
  const auto one = get_one(*store, "p");
  const auto other = get_one(*store, "p");
  EXPECT_EQ(one->hidden.values.data(), other->hidden.values.data());
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(one->hidden.values.data()) % 16, 0U);
}

TEST_F(LmdbStore, ResultsOfOneStateShareOneReader) {
  const auto store = open();
  put_one(*store, large("p"));
  std::vector<std::shared_ptr<const EncodedPassage>> held;
  // More than there are slots for readers.
  for (int i = 0; i < 5000; ++i) held.push_back(get_one(*store, "p"));
  EXPECT_TRUE(is_same(*held.back(), large("p")));
}

// As while a commit is being synced: the state of this number can be seen in its meta page, and
// readers get the one before it. For a child: whoever closes lock.mdb loses LMDB's locks on it.
void hold_back_state(const fs::path& lock_file, std::uint64_t number) {
  std::fstream file(lock_file, std::ios::in | std::ios::out | std::ios::binary);
  // Where in the first cache line the readers' number lies depends on LMDB's version.
  std::array<std::uint64_t, 8> head{};
  file.read(reinterpret_cast<char*>(head.data()), sizeof head);
  require(std::count(head.begin(), head.end(), number) == 1, "expected the number once");
  const auto place = std::find(head.begin(), head.end(), number) - head.begin();
  const std::uint64_t before = number - 1;
  file.seekp(place * static_cast<std::streamoff>(sizeof before));
  file.write(reinterpret_cast<const char*>(&before), sizeof before);
  file.close();
  require(file.good(), "cannot write to lock.mdb");
}

TEST_F(LmdbStore, ResultsShareOneReaderWhileACommitIsBeingSynced) {
  LmdbPassageStore store(path(), kModel, {.max_readers = 10});
  put_one(store, large("p"));
  // So that the number is like no other in the file's first bytes.
  for (int i = 0; i < 20; ++i) store.set_note(std::to_string(i));
  const auto environment = LmdbEnvironment::open(path(), std::nullopt);
  const std::uint64_t number = environment->snapshot()->number();
  std::vector<std::shared_ptr<const EncodedPassage>> held{get_one(store, "p")};
  store.set_note("being synced");
  ASSERT_EQ(run_in_child([&] { hold_back_state(path() / "lock.mdb", number + 1); }), "");
  ASSERT_EQ(environment->snapshot()->number(), number);
  for (int i = 0; i < 100; ++i) held.push_back(get_one(store, "p"));
  EXPECT_TRUE(is_same(*held.back(), large("p")));
}

TEST_F(LmdbStore, SaysWhenTooManyStatesAreHeld) {
  LmdbPassageStore store(path(), kModel, {.max_readers = 10});
  put_one(store, large("p"));
  std::vector<std::shared_ptr<const EncodedPassage>> held;
  expect_error(ErrorCode::kResourceExhausted, "10 states of the store are in use", [&] {
    for (int i = 0; i < 20; ++i) {
      held.push_back(get_one(store, "p"));
      store.set_note(std::to_string(i));
    }
  });
  EXPECT_EQ(held.size(), 10U);
  held.pop_back();
  expect_holds(store, large("p"));
}

TEST_F(LmdbStore, GrowsItsMapByItself) {
  LmdbPassageStore store(path(), kModel, {.map_bytes = std::size_t{1} << 20});
  for (int i = 0; i < 40; ++i) {
    const std::vector<EncodedPassage> batch{
        make_passage("a" + std::to_string(i), 0, {.tokens = 400, .hidden_size = 256}),
        make_passage("b" + std::to_string(i), 0, {.tokens = 400, .hidden_size = 256})};
    store.put(batch);
  }
  EXPECT_GT(store.info().file_bytes.value(), std::uint64_t{20} << 20);
  EXPECT_EQ(scan_passage_store(store).passages, 80U);
}

TEST_F(LmdbStore, SaysThatResultsInUseKeepItFromGrowing) {
  LmdbPassageStore store(
      path(), kModel,
      {.map_bytes = std::size_t{1} << 20, .grow_wait = std::chrono::milliseconds(20)});
  put_one(store, large("small"));
  auto held = get_one(store, "small");
  const EncodedPassage huge = make_passage("huge", 0, {.tokens = 4000, .hidden_size = 256});
  expect_error(ErrorCode::kResourceExhausted, "let go of passages", [&] { put_one(store, huge); });
  EXPECT_TRUE(is_same(*held, large("small")));
  held.reset();
  put_one(store, huge);
  expect_holds(store, huge);
  expect_holds(store, large("small"));
}

TEST_F(LmdbStore, AdoptsAMapThatAnotherProcessEnlarged) {
  const LmdbOptions small{.map_bytes = std::size_t{1} << 20};
  LmdbPassageStore store(path(), kModel, small);
  const EncodedPassage huge = make_passage("huge", 0, {.tokens = 4000, .hidden_size = 256});
  EXPECT_EQ(run_in_child([&] { put_one(*open(), huge); }), "");
  expect_holds(store, huge);
  put_one(store, large("p"));
  expect_holds(store, large("p"));
}

// How many of several threads that read at once fail; each keeps what it has read until all are
// done.
int count_failed_gets(const PassageStore& store, const std::string& id) {
  constexpr std::size_t kThreads = 8;
  std::atomic<std::size_t> missing{kThreads};
  std::atomic<int> failed{0};
  std::vector<std::shared_ptr<const EncodedPassage>> held(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      --missing;
      while (missing > 0) std::this_thread::yield();
      try {
        held[i] = get_one(store, id);
      } catch (const Error&) {
        ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return failed;
}

// The second one would have to wait until the first one's results are let go.
TEST_F(LmdbStore, OneOfSeveralThreadsAdoptsAnEnlargedMap) {
  const LmdbOptions small{.map_bytes = std::size_t{1} << 20,
                          .grow_wait = std::chrono::milliseconds(20)};
  const EncodedPassage huge = make_passage("huge", 0, {.tokens = 4000, .hidden_size = 256});
  // Which threads meet is chance.
  for (int round = 0; round < 4; ++round) {
    const std::string place = path().string() + std::to_string(round);
    const LmdbPassageStore store(place, kModel, small);
    ASSERT_EQ(run_in_child([&] { put_one(*open_passage_store("lmdb:" + place, kModel), huge); }),
              "");
    EXPECT_EQ(count_failed_gets(store, "huge"), 0);
  }
}

// LMDB lets go of its map before it asks for the one that the other process made: it must get it.
TEST_F(LmdbStore, GrowsWithAnotherProcessWhereAddressesAreFew) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer takes all addresses";
#endif
  LmdbPassageStore store(path(), kModel, {.map_bytes = std::size_t{1} << 20});
  const EncodedPassage huge = make_passage("huge", 0, {.tokens = 4000, .hidden_size = 256});
  EXPECT_EQ(run_in_child([&] { put_one(*open(), huge); }), "");
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  struct rlimit little = before;
  little.rlim_cur = std::size_t{1} << 36;  // LMDB's file says 2^40
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &little), 0);
  expect_holds(store, huge);
  put_one(store, large("p"));
  expect_holds(store, large("p"));
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
}

TEST_F(LmdbStore, TellsASecondWriterWhoWrites) {
  const auto store = open();
  put_one(*store, large("p"));
  const std::string said = run_in_child([&] {
    const auto other = open();
    expect_holds(*other, large("p"));
    put_one(*other, large("q"));
  });
  EXPECT_NE(said.find("cannot write: process " + std::to_string(::getpid()) + " is writing"),
            std::string::npos)
      << said;
  EXPECT_EQ(store->size(), 1U);
}

TEST_F(LmdbStore, WritesOnceTheOtherWriterIsGone) {
  ChildProcess child([&](const ChildProcess::Pipe& pipe) {
    const auto store = open();
    put_one(*store, large("theirs"));
    pipe.send('w');
    static_cast<void>(pipe.receive());
  });
  ASSERT_EQ(child.pipe().receive(), 'w');
  const auto store = open();
  expect_error(ErrorCode::kIo, "process " + std::to_string(child.pid()) + " is writing",
               [&] { put_one(*store, large("mine")); });
  child.kill();
  EXPECT_EQ(child.wait(), "signal 9");
  put_one(*store, large("mine"));
  expect_holds(*store, large("mine"));
  expect_holds(*store, large("theirs"));
}

TEST_F(LmdbStore, ASecondCreatorFindsTheFirstOnesModel) {
  const auto store = open();
  EXPECT_NE(run_in_child([&] { static_cast<void>(open_passage_store(uri(), kOtherModel)); }), "");
  EXPECT_EQ(run_in_child([&] { static_cast<void>(open()); }), "");
}

TEST_F(LmdbStore, DoesNotUseWhatAForkInherited) {
  const auto store = open();
  put_one(*store, large("p"));
  // The child opens for itself and closes; the parent's locks stay.
  EXPECT_EQ(run_in_child([&] { expect_holds(*open(), large("p")); }), "");
  EXPECT_NE(run_in_child([&] { put_one(*open(), large("q")); }), "");
}

// Often enough for pages that nobody is known to read to be written over.
void replace_again_and_again(PassageStore& store, const std::string& id) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) put_one(store, large(id, seed));
}

TEST_F(LmdbStore, WhatAForkedChildLetsGoOfStaysTheParents) {
  auto store = open();
  put_one(*store, large("p"));
  auto held = get_one(*store, "p");
  EXPECT_EQ(run_in_child([&] {
              held.reset();
              store.reset();
            }),
            "");
  EXPECT_NE(run_in_child([&] { put_one(*open(), large("q")); }), "") << "the parent still writes";
  replace_again_and_again(*store, "p");
  EXPECT_TRUE(is_same(*held, large("p")));
}

// A process that closes a file loses its POSIX locks on it, those of another descriptor as well.
TEST_F(LmdbStore, AForkedChildThatLetsGoKeepsTheLocksOfItsOwnStore) {
  auto store = open();
  put_one(*store, large("p"));
  ChildProcess child([&](const ChildProcess::Pipe& pipe) {
    const auto own = open();
    const auto held = get_one(*own, "p");
    store.reset();
    pipe.send('r');
    static_cast<void>(pipe.receive());
    require(is_same(*held, large("p")), "written over");
  });
  ASSERT_EQ(child.pipe().receive(), 'r');
  // Looks for readers that are gone.
  EXPECT_EQ(run_in_child([&] { static_cast<void>(open()); }), "");
  replace_again_and_again(*store, "p");
  child.pipe().send('.');
  EXPECT_EQ(child.wait(), "");
}

TEST_F(LmdbStore, AForkedChildDoesNotHoldTheLockOfTheWriter) {
  auto store = open();
  put_one(*store, large("p"));
  const ChildProcess child(
      [](const ChildProcess::Pipe& pipe) { static_cast<void>(pipe.receive()); });
  store.reset();
  EXPECT_EQ(run_in_child([&] { put_one(*open(), large("q")); }), "");
  store = open();
  put_one(*store, large("r"));
  EXPECT_EQ(store->size(), 3U);
}

TEST_F(LmdbStore, RefusesOtherFilesInItsPlace) {
  fs::create_directory(path());
  write_file(path() / "notes.txt", "mine");
  refuse(ErrorCode::kIncompatible, "found notes.txt");
  fs::remove_all(path());
  write_file(path(), "a file");
  refuse(ErrorCode::kIncompatible, "expected a directory");
  expect_error(ErrorCode::kNotFound, "cannot create the directory",
               [&] { static_cast<void>(open_passage_store(uri() + "x/a/b", kModel)); });
}

TEST_F(LmdbStore, RefusesAForeignDataFile) {
  fs::create_directory(path());
  write_file(path() / "data.mdb", std::string(20000, 'x'));
  refuse(ErrorCode::kCorrupt, path().string());
  write_file(path() / "data.mdb", "SQLite format 3");
  refuse(ErrorCode::kCorrupt, path().string());
  write_file(path() / "data.mdb",
             "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 433000000\n");
  refuse(ErrorCode::kCorrupt, "found a Git LFS pointer to one of 433000000 bytes");
}

TEST_F(LmdbStore, TakesAnEmptyFileThatAKilledCreatorLeft) {
  fs::create_directory(path());
  write_file(path() / "data.mdb", "");
  write_file(path() / "lock.mdb", "");
  put_one(*open(), large("p"));
  expect_holds(*open(), large("p"));
}

// Writes one entry with LMDB itself, into `database` or, without a name, into the main one.
void write_with_lmdb(const fs::path& directory, const char* database, std::string key,
                     std::string value) {
  MDB_env* environment = nullptr;
  MDB_txn* transaction = nullptr;
  MDB_dbi handle = 0;
  fs::create_directory(directory);
  ASSERT_EQ(mdb_env_create(&environment), 0);
  mdb_env_set_maxdbs(environment, 4);
  mdb_env_set_mapsize(environment, std::size_t{1} << 24);
  ASSERT_EQ(mdb_env_open(environment, directory.c_str(), 0, 0644), 0);
  ASSERT_EQ(mdb_txn_begin(environment, nullptr, 0, &transaction), 0);
  ASSERT_EQ(mdb_dbi_open(transaction, database, database == nullptr ? 0 : MDB_CREATE, &handle), 0);
  MDB_val name{key.size(), key.data()};
  MDB_val data{value.size(), value.data()};
  ASSERT_EQ(mdb_put(transaction, handle, &name, &data, 0), 0);
  ASSERT_EQ(mdb_txn_commit(transaction), 0);
  mdb_env_close(environment);
}

TEST_F(LmdbStore, RefusesAPipeOrADirectoryInTheFilesPlace) {
  fs::create_directory(path());
  ASSERT_EQ(::mkfifo((path() / "data.mdb").c_str(), 0666), 0);
  refuse(ErrorCode::kIo, path().string());
  fs::remove(path() / "data.mdb");
  fs::create_directory(path() / "data.mdb");
  refuse(ErrorCode::kIo, path().string());
}

TEST_F(LmdbStore, TakesNoTextFromTheLockOfTheWriter) {
  const auto store = open();
  put_one(*store, large("p"));
  for (const char* content : {"one\ntwo", "", "-7"}) {
    std::ofstream(path() / "writer.lock") << content;
    const std::string said = run_in_child([&] { put_one(*open(), large("q")); });
    EXPECT_NE(said.find("another process is writing to the store"), std::string::npos) << said;
    EXPECT_EQ(said.find('\n'), std::string::npos) << said;
  }
}

TEST_F(LmdbStore, RefusesTheFileOfAnotherProgram) {
  write_with_lmdb(path(), nullptr, "key", "value");
  refuse(ErrorCode::kIncompatible, "another program");
  fs::remove_all(path());
  write_with_lmdb(path(), "meta", "key", "value");
  refuse(ErrorCode::kIncompatible, "another program");
  fs::remove_all(path());
  write_with_lmdb(path(), nullptr, "meta", "value");
  refuse(ErrorCode::kIncompatible, path().string());
}

TEST_F(LmdbStore, RefusesAStoreOfANewerVersion) {
  put_one(*open(), large("p"));
  write_with_lmdb(path(), "meta", "store", "deformer-passage-store 2 0123");
  refuse(ErrorCode::kIncompatible, "version 1 or older, found version 2");
}

// A listing that a program erases, reads or copies by would otherwise pass over it for ever.
TEST_F(LmdbStore, RefusesAKeyThatIsNoId) {
  put_one(*open(), large("p"));
  write_with_lmdb(path(), "passages", std::string(505, 'k'), "value");
  const auto store = open();
  const auto refuse = [](auto&& call) {
    expect_error(ErrorCode::kCorrupt, "expected an id of 1 to 500 bytes, found 505", call);
  };
  refuse([&] { static_cast<void>(store->list_ids("", 10)); });
  refuse([&] { static_cast<void>(scan_passage_store(*store)); });
  refuse([&] { copy_passages(*store, *open_passage_store("memory:", kModel)); });
  expect_holds(*store, large("p"));
}

TEST_F(LmdbStore, RefusesARecordThatIsTooLongForLmdb) {
  EXPECT_EQ(LmdbOptions().max_record_bytes, 0xffffffffU);
  LmdbPassageStore store(path(), kModel, {.max_record_bytes = 1000});
  const std::vector<EncodedPassage> batch{make_empty_passage("short", "text"), large("long")};
  expect_error(ErrorCode::kInvalidArgument,
               "passage \"long\": expected a record of at most 1000 bytes (LMDB's limit), found ",
               [&] { store.put(batch); });
  EXPECT_EQ(store.size(), 0U);
}

TEST_F(LmdbStore, StaysWhereItIsWhenTheWorkingDirectoryChanges) {
  EXPECT_EQ(run_in_child([&] {
              fs::current_path(path().parent_path());
              const auto store = open_passage_store("lmdb:store", kModel);
              fs::current_path("/");
              put_one(*store, large("p"));
              require(store->info().uri == "lmdb:store", "another name");
              require(is_same(*get_one(*store, "p"), large("p")), "wrong passage");
            }),
            "");
  expect_holds(*open(), large("p"));
}

TEST_F(LmdbStore, RefusesACutFile) {
  {
    const auto store = open();
    for (int i = 0; i < 60; ++i) put_one(*store, large("p" + std::to_string(i)));
  }
  fs::resize_file(path() / "data.mdb", 40960);
  refuse(ErrorCode::kCorrupt, "the data file is cut");
}

TEST_F(LmdbStore, NamesTheDamagedPassageAndReadsTheOthers) {
  std::vector<EncodedPassage> passages;
  for (const char* id : {"a", "b", "c"}) passages.push_back(large(id));
  open()->put(passages);
  std::string bytes = read_file(path() / "data.mdb");
  const auto& values = passages[1].hidden.values;
  const std::size_t at =
      bytes.find(std::string(reinterpret_cast<const char*>(values.data()), values.size()));
  ASSERT_NE(at, std::string::npos);
  bytes[at + 1000] = static_cast<char>(bytes[at + 1000] ^ 1);
  write_file(path() / "data.mdb", bytes);
  const auto store = open();
  expect_error(ErrorCode::kCorrupt, uri() + ": passage \"b\": the record is damaged",
               [&] { static_cast<void>(get_one(*store, "b")); });
  const std::vector<std::string> ids{"a", "b"};
  expect_error(ErrorCode::kCorrupt, "\"b\"", [&] { static_cast<void>(store->get(ids)); });
  expect_holds(*store, passages[0]);
  expect_holds(*store, passages[2]);
  const StoreScan scan = scan_passage_store(*store);
  EXPECT_EQ(scan.passages, 2U);
  ASSERT_EQ(scan.bad.size(), 1U);
  EXPECT_EQ(scan.bad[0].id, "b");
  put_one(*store, passages[1]);
  expect_holds(*store, passages[1]);
}

TEST_F(LmdbStore, CanBeReadWhereItCannotBeWritten) {
  put_one(*open(), large("p"));
  open_to_all();
  const std::string said = run_in_child([&] {
    become_nobody();
    if (::geteuid() != 65534) fs::permissions(path(), fs::perms(0555));
    const auto store = open();
    require(is_same(*get_one(*store, "p"), large("p")), "wrong passage");
    require(store->list_ids("", 9).size() == 1, "wrong ids");
    put_one(*store, large("q"));
  });
  fs::permissions(path(), fs::perms(0755));
  EXPECT_NE(said.find("cannot write: Permission denied"), std::string::npos) << said;
}

TEST_F(LmdbStore, AReaderWithoutLocksAndAWriterExcludeEachOther) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to read as another user";
  auto store = open();
  put_one(*store, large("p"));
  open_to_all();
  const auto read_as_nobody = [&](const ChildProcess::Pipe& pipe) {
    become_nobody();
    const auto theirs = open();
    require(is_same(*get_one(*theirs, "p"), large("p")), "wrong passage");
    pipe.send('r');
    static_cast<void>(pipe.receive());
  };
  ChildProcess beside_writer(read_as_nobody);
  EXPECT_NE(beside_writer.wait().find("without write access to lock.mdb"), std::string::npos);
  store.reset();
  ChildProcess reader(read_as_nobody);
  ASSERT_EQ(reader.pipe().receive(), 'r');
  store = open();
  expect_error(ErrorCode::kIo, "while another process reads the store without write access",
               [&] { put_one(*store, large("q")); });
  reader.pipe().send('.');
  EXPECT_EQ(reader.wait(), "");
  put_one(*store, large("q"));
}

// A small file system of this process alone; "" or why there is none.
std::string mount_small(const fs::path& directory, const char* options) {
  const int spaces = ::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
  if (::unshare(spaces) != 0) return "no namespace of its own";
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return "no private mounts";
  if (::mount("tmpfs", directory.c_str(), "tmpfs", 0, options) != 0) return "no mount";
  return {};
}

void expect_said(const std::string& said) {
  if (said.starts_with("no ")) GTEST_SKIP() << "cannot mount a file system: " << said;
  EXPECT_EQ(said, "");
}

TEST_F(LmdbStore, SurvivesAFullDisk) {
  fs::create_directory(path());
  expect_said(run_in_child([&] {
    const std::string reason = mount_small(path(), "size=2m");
    if (!reason.empty()) throw std::runtime_error(reason);
    const auto store = open_passage_store(uri() + "/s", kModel);
    int stored = 0;
    try {
      for (; stored < 1000; ++stored) put_one(*store, large("p" + std::to_string(stored)));
    } catch (const Error& error) {
      require(error.code() == ErrorCode::kResourceExhausted, error.what());
      require(std::string(error.what()).starts_with(uri()), error.what());
    }
    require(stored > 10 && stored < 1000, "expected a full disk");
    const auto whole = [&] {
      const StoreScan scan = scan_passage_store(*store);
      require(scan.bad.empty() && scan.passages == static_cast<std::size_t>(stored), "lost");
    };
    whole();
    require(::mount("none", path().c_str(), nullptr, MS_REMOUNT, "size=8m") == 0, "remount");
    put_one(*store, large("p" + std::to_string(stored++)));
    whole();
  }));
}

TEST_F(LmdbStore, SaysThatThereIsNoRoomToBegin) {
  fs::create_directory(path());
  expect_said(run_in_child([&] {
    const std::string reason = mount_small(path(), "size=64k");
    if (!reason.empty()) throw std::runtime_error(reason);
    try {
      static_cast<void>(open_passage_store(uri() + "/s", kModel));
      throw std::runtime_error("expected an error");
    } catch (const Error& error) {
      require(error.code() == ErrorCode::kResourceExhausted, error.what());
    }
  }));
}

TEST_F(LmdbStore, ReadsFromAReadOnlyFileSystem) {
  fs::create_directory(path());
  expect_said(run_in_child([&] {
    const std::string reason = mount_small(path(), "size=8m");
    if (!reason.empty()) throw std::runtime_error(reason);
    const std::string inner = uri() + "/s";
    put_one(*open_passage_store(inner, kModel), large("p"));
    require(::mount("none", path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0,
            "remount");
    const auto store = open_passage_store(inner, kModel);
    require(is_same(*get_one(*store, "p"), large("p")), "wrong passage");
    try {
      put_one(*store, large("q"));
      throw std::runtime_error("expected an error");
    } catch (const Error& error) {
      require(error.code() == ErrorCode::kIo, error.what());
      require(std::string(error.what()).find("Read-only file system") != std::string::npos,
              error.what());
    }
  }));
}

TEST_F(LmdbStore, ClosesAndOpensInManyThreadsAtOnce) {
  put_one(*open(), large("p"));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 100; ++round) {
        const auto store = open();
        EXPECT_NE(get_one(*store, "p"), nullptr);
        if (round % 10 == 0) put_one(*store, large("p"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace deformer::test
