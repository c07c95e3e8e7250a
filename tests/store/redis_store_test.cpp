#include "store/redis_store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <stdexcept>
#include <thread>
#include <utility>

#include "contract/passage_store_contract.h"
#include "deformer/passage_store.h"
#include "store/child_process.h"
#include "store/fake_server.h"
#include "store/passages.h"
#include "store/record.h"
#include "store/redis_server.h"
#include "support/expect_error.h"

namespace deformer::test {
namespace {

using std::chrono::milliseconds;

// Started at the first use, one for all tests of this program.
RedisServer& single() {
  static RedisServer server;
  return server;
}

RedisClusterServers& cluster() {
  static RedisClusterServers servers;
  return servers;
}

std::string new_prefix() {
  static std::atomic<int> number{0};
  return "test" + std::to_string(number++);
}

class ServerPlace final : public StorePlace {
 public:
  explicit ServerPlace(std::string uri) : uri_(std::move(uri)) {}
  [[nodiscard]] std::string uri() const override { return uri_; }

 private:
  std::string uri_;
};

const StoreEngine kSingle{
    .name = "redis",
    .make_place = [] { return std::make_unique<ServerPlace>(single().uri(new_prefix())); },
    .why_not = why_no_redis};
const StoreEngine kCluster{
    .name = "cluster",
    .make_place = [] { return std::make_unique<ServerPlace>(cluster().uri(new_prefix())); },
    .why_not = why_no_redis};

INSTANTIATE_TEST_SUITE_P(Redis, PassageStoreContract, testing::Values(kSingle, kCluster),
                         engine_name);

std::vector<EncodedPassage> passages_named(std::size_t count) {
  std::vector<EncodedPassage> passages;
  for (std::size_t i = 0; i < count; ++i) {
    passages.push_back(make_passage("p" + std::to_string(i)));
  }
  return passages;
}

std::vector<std::string> ids_of(const std::vector<EncodedPassage>& passages) {
  std::vector<std::string> ids;
  for (const EncodedPassage& passage : passages) ids.push_back(passage.id);
  return ids;
}

void expect_all(const PassageStore& store, const std::vector<EncodedPassage>& passages) {
  const auto found = store.get(ids_of(passages));
  for (std::size_t i = 0; i < passages.size(); ++i) {
    ASSERT_NE(found[i], nullptr) << i;
    EXPECT_TRUE(is_same(*found[i], passages[i])) << i;
  }
}

class RedisStore : public testing::Test {
 protected:
  void SetUp() override {
    if (!why_no_redis().empty()) GTEST_SKIP() << why_no_redis();
  }
};

TEST_F(RedisStore, KeepsStoresApartByPrefix) {
  const auto one = open_passage_store(single().uri("apart-a"), kModel);
  const auto other = open_passage_store(single().uri("apart-b"), kOtherModel);
  one->put(passages_named(3));
  EXPECT_EQ(other->size(), 0U);
  EXPECT_EQ(get_one(*other, "p0"), nullptr);
}

TEST_F(RedisStore, KeepsStoresApartByDatabaseAlsoOnNewConnections) {
  const RedisServer server;
  const auto zero = open_passage_store(server.uri("x"), kModel);
  const auto three = open_passage_store(server.uri("3/x"), kOtherModel);
  const auto passages = passages_named(5);
  three->put(passages);
  EXPECT_EQ(zero->size(), 0U);
  EXPECT_EQ(three->info().uri, server.uri("3/x"));
  static_cast<void>(server.run({"CLIENT", "KILL", "TYPE", "normal"}));
  expect_all(*three, passages);
  EXPECT_EQ(zero->size(), 0U);
  zero->put(std::span(passages).first(1));
  EXPECT_EQ(three->size(), 5U);
  EXPECT_EQ(server.run({"DBSIZE"}).integer(), 2) << "database 0: the entry and a bucket";
}

TEST_F(RedisStore, SaysThatThereIsNoSuchDatabase) {
  const auto refuse = [](const std::string& uri, const std::string& text) {
    expect_error(ErrorCode::kInvalidArgument, text,
                 [&] { static_cast<void>(open_passage_store(uri, kModel)); });
  };
  refuse(single().uri("99"), "cannot select database 99");
  refuse(cluster().uri("1/x"), "cluster");
  EXPECT_EQ(open_passage_store(cluster().uri("0/number"), kModel)->size(), 0U);
}

// redis://host/1 meant the prefix 1 before it meant database 1.
TEST_F(RedisStore, DoesNotMistakeAnOldPrefixForADatabase) {
  const RedisServer server;
  const auto old = open_passage_store(server.uri("0/1"), kModel);
  old->put(passages_named(2));
  const auto refuse = [&](auto&& open) {
    expect_error(ErrorCode::kInvalidArgument, "write " + server.uri("0/1") + " for that one", open);
  };
  refuse([&] { static_cast<void>(open_passage_store(server.uri("1"), kModel)); });
  refuse([&] { static_cast<void>(open_existing_passage_store(server.uri("1"))); });
  EXPECT_EQ(open_existing_passage_store(server.uri("0/1"))->size(), 2U);
  // What the message offers, and from then on the number alone.
  EXPECT_EQ(open_passage_store(server.uri("1/deformer"), kModel)->size(), 0U);
  EXPECT_EQ(open_passage_store(server.uri("1"), kModel)->info().uri, server.uri("1/deformer"));
  EXPECT_EQ(open_passage_store(server.uri("2"), kModel)->size(), 0U);
}

// By a program that empties the server, and another one that fills it for its own model.
TEST_F(RedisStore, DoesNotUseAStoreThatHasTakenItsPlace) {
  const RedisServer server;
  const auto store = open_passage_store(server.uri("x"), kModel);
  const auto passages = passages_named(3);
  const auto ids = ids_of(passages);
  store->put(passages);
  static_cast<void>(server.run({"FLUSHDB"}));
  EXPECT_EQ(get_one(*store, "p0"), nullptr) << "emptied: absent, not an error";
  store->put(passages);
  EXPECT_EQ(open_existing_passage_store(server.uri("x"))->fingerprint(), kModel)
      << "the entry is made anew";
  static_cast<void>(server.run({"FLUSHDB"}));
  const auto other = open_passage_store(server.uri("x"), kOtherModel);
  other->put(passages);
  const auto refuse = [](auto&& call) {
    expect_error(ErrorCode::kIncompatible, "the store was replaced while it was open", call);
  };
  refuse([&] { static_cast<void>(store->get(ids)); });
  refuse([&] { static_cast<void>(store->hashes(ids)); });
  refuse([&] { store->put(std::span(passages).first(1)); });
  refuse([&] { static_cast<void>(store->erase(ids)); });
  refuse([&] { store->set_note("mine"); });
  refuse([&] { static_cast<void>(scan_passage_store(*store)); });
  expect_all(*other, passages);
  EXPECT_EQ(other->info().note, "");
}

// By a program that deletes the keys of another one's store, its entry first; or by an accident.
TEST_F(RedisStore, WithoutItsEntryItsPassagesAreAbsent) {
  const RedisServer server;
  const auto store = open_passage_store(server.uri("x"), kModel);
  const auto passages = passages_named(3);
  const auto ids = ids_of(passages);
  const auto expect_absent = [&] {
    static_cast<void>(server.run({"DEL", "x:meta"}));
    for (const auto& found : store->get(ids)) EXPECT_EQ(found, nullptr);
    for (const auto& found : store->hashes(ids)) EXPECT_FALSE(found.has_value());
  };
  store->put(passages);
  expect_absent();
  // So who encodes what is absent makes the entry anew.
  store->put(passages);
  expect_all(*open_passage_store(server.uri("x"), kModel), passages);
  static_cast<void>(server.run({"FLUSHDB"}));
  open_passage_store(server.uri("x"), kOtherModel)->put(passages);
  expect_absent();
}

// The node with the records is slow, and the store is replaced meanwhile.
TEST_F(RedisStore, AClusterIsAskedForTheEntryAfterTheRecords) {
  std::array<std::size_t, 3> nodes{0, 1, 2};
  std::sort(nodes.begin(), nodes.end(), [](std::size_t a, std::size_t b) {
    return cluster().node(a).port() < cluster().node(b).port();
  });
  // Else the entry's node would be the one that is asked first.
  std::string prefix = new_prefix();
  while (RedisClusterServers::first_owner(redis_slot(prefix + ":meta")) != nodes[0]) {
    prefix = new_prefix();
  }
  const auto store = open_passage_store(cluster().uri(prefix), kModel);
  const auto passages = passages_named(300);
  store->put(passages);
  const std::string other = "deformer-passage-store 1 " + to_string(kOtherModel);
  const std::string meta = prefix + ":meta";
  cluster().node(nodes[2]).stop();
  auto found = std::async(std::launch::async, [&] { return store->get(ids_of(passages)); });
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_TRUE(cluster().node(nodes[0]).run({"HSET", meta, "store", other}).is_integer());
  cluster().node(nodes[2]).go_on();
  expect_error(ErrorCode::kIncompatible, "the store was replaced while it was open",
               [&] { static_cast<void>(found.get()); });
}

// A passage of half a gigabyte or more that takes no memory: pages of zeros.
class HugePassage {
 public:
  explicit HugePassage(std::size_t rows)
      : bytes_(rows * kWidth * sizeof(float)),
        zeros_(::mmap(nullptr, bytes_, PROT_READ, kFlags, -1, 0)) {
    if (zeros_ == MAP_FAILED) throw std::runtime_error("mmap");
    passage_.id = "p";
    passage_.text = "a";
    passage_.spans = {{0, 1}};
    passage_.windows = {{0, 1}};
    passage_.hidden = {.codec = HiddenCodec::kFp32,
                       .rows = rows,
                       .hidden_size = kWidth,
                       .values = {static_cast<const std::byte*>(zeros_), bytes_},
                       .scales = {},
                       .owner = nullptr};
  }
  ~HugePassage() { ::munmap(zeros_, bytes_); }
  HugePassage(const HugePassage&) = delete;
  HugePassage& operator=(const HugePassage&) = delete;

  [[nodiscard]] std::span<const EncodedPassage> batch() const { return {&passage_, 1}; }

 private:
  static constexpr std::size_t kWidth = std::size_t{1} << 20;
  static constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

  std::size_t bytes_;
  void* zeros_;
  EncodedPassage passage_;
};

TEST_F(RedisStore, RefusesARecordThatTheServerDoesNotTake) {
  const RedisServer server;
  static_cast<void>(server.run({"ACL", "SETUSER", "writer", "on", ">p", "~*", "+@all", "-config"}));
  const HugePassage passage(130);
  const auto store = open_passage_store(server.uri("x"), kModel);
  expect_error(ErrorCode::kInvalidArgument,
               "passage \"p\": expected a record of at most 536870912 bytes (proto-max-bulk-len of "
               "the server), found 5452",
               [&] { store->put(passage.batch()); });
  const auto secretive = open_passage_store("redis://writer:p@" + server.address() + "/x", kModel);
  expect_error(ErrorCode::kIo, "or a server that tells its own limit, found 5452",
               [&] { secretive->put(passage.batch()); });
  // Where the server takes more, hiredis does not.
  static_cast<void>(server.run({"CONFIG", "SET", "proto-max-bulk-len", "4294967296"}));
  const HugePassage longer(520);
  expect_error(ErrorCode::kInvalidArgument,
               "expected a record of at most 2147479552 bytes (hiredis's limit), found 21810",
               [&] { store->put(longer.batch()); });
  EXPECT_EQ(store->size(), 0U);
}

void read_again_and_again(const PassageStore& store, const std::vector<EncodedPassage>& passages) {
  for (int round = 0; round < 100; ++round) {
    for (const EncodedPassage& passage : passages) {
      const auto found = get_one(store, passage.id);
      if (!found || !is_same(*found, passage)) throw std::runtime_error("not " + passage.id);
    }
  }
}

// Two processes on one connection would read each other's replies.
TEST_F(RedisStore, AForkedProcessMakesConnectionsOfItsOwn) {
  const auto store = open_passage_store(single().uri(new_prefix()) + "?timeout_ms=2000", kModel);
  const auto passages = passages_named(20);
  store->put(passages);
  ChildProcess child([&](const ChildProcess::Pipe&) {
    read_again_and_again(*store, {passages.rbegin(), passages.rend()});
  });
  EXPECT_NO_THROW(read_again_and_again(*store, passages));
  EXPECT_EQ(child.wait(), "");
  expect_all(*store, passages);
}

TEST_F(RedisStore, LeavesNothingBehindWhenAllIsErased) {
  const RedisServer server;
  const auto store = open_passage_store(server.uri("x"), kModel);
  const auto passages = passages_named(10);
  store->put(passages);
  EXPECT_EQ(server.run({"DBSIZE"}).integer(), 11);
  store->erase(ids_of(passages));
  EXPECT_EQ(server.run({"DBSIZE"}).integer(), 1) << "only the store's own entry";
}

TEST_F(RedisStore, UsesThePassword) {
  const RedisServer server({"--requirepass", "s3cret@:/"});
  const std::string address = server.address();
  const auto store = open_passage_store("redis://:s3cret%40%3A%2F@" + address + "/x", kModel);
  store->put(passages_named(2));
  EXPECT_EQ(store->info().uri, "redis://" + address + "/x");
  expect_error(ErrorCode::kIo, "refuses the password", [&] {
    static_cast<void>(open_passage_store("redis://:wrong@" + address + "/x", kModel));
  });
  expect_error(ErrorCode::kIo, "NOAUTH",
               [&] { static_cast<void>(open_passage_store("redis://" + address + "/x", kModel)); });
}

TEST_F(RedisStore, UsesTheNameOfAUser) {
  const RedisServer server;
  static_cast<void>(server.run({"ACL", "SETUSER", "reader", "on", ">pass", "~x:*", "+@read"}));
  open_passage_store(server.uri("x"), kModel)->put(passages_named(2));
  const auto store = open_existing_passage_store("redis://reader:pass@" + server.address() + "/x");
  expect_holds(*store, make_passage("p1"));
  expect_error(ErrorCode::kIo, "NOPERM", [&] { store->put(passages_named(1)); });
}

TEST_F(RedisStore, SaysWhenTheServerIsFull) {
  const RedisServer server({"--maxmemory", "4mb", "--maxmemory-policy", "noeviction"});
  const auto store = open_passage_store(server.uri("x"), kModel);
  expect_error(ErrorCode::kResourceExhausted, "redis://" + server.address(), [&] {
    for (std::uint64_t i = 0; i < 100; ++i) {
      const EncodedPassage passage =
          make_passage("p" + std::to_string(i), i, {.tokens = 500, .hidden_size = 256});
      store->put(std::span(&passage, 1));
    }
  });
  EXPECT_TRUE(scan_passage_store(*store).bad.empty());
}

TEST_F(RedisStore, RefusesWhatIsNotAStore) {
  const RedisServer server;
  static_cast<void>(server.run({"SET", "x:meta", "1"}));
  static_cast<void>(server.run({"HSET", "y:meta", "store", "deformer-passage-store 9 0"}));
  expect_error(ErrorCode::kIncompatible, "WRONGTYPE",
               [&] { static_cast<void>(open_passage_store(server.uri("x"), kModel)); });
  expect_error(ErrorCode::kIncompatible, "found version 9",
               [&] { static_cast<void>(open_passage_store(server.uri("y"), kModel)); });
}

TEST_F(RedisStore, NamesTheDamagedPassage) {
  const RedisServer server;
  const auto store = open_passage_store(server.uri("x"), kModel);
  const auto passages = passages_named(3);
  store->put(passages);
  // The bucket of p1, found as a stranger would: by looking into all keys.
  const RedisReply keys = server.run({"KEYS", "x:p:*"});
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const RedisReply record = server.run({"HGET", keys[i].text(), "rp1"});
    if (record.is_null()) continue;
    std::string damaged(record.text());
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 4);
    static_cast<void>(server.run({"HSET", keys[i].text(), "rp1", damaged}));
  }
  expect_error(ErrorCode::kCorrupt, server.uri("x") + ": passage \"p1\"",
               [&] { static_cast<void>(get_one(*store, "p1")); });
  const StoreScan scan = scan_passage_store(*store);
  EXPECT_EQ(scan.passages, 2U);
  ASSERT_EQ(scan.bad.size(), 1U);
  EXPECT_EQ(scan.bad[0].id, "p1");
}

TEST_F(RedisStore, MakesALostConnectionAnew) {
  RedisServer server;
  const auto store = open_passage_store(server.uri("x"), kModel);
  const auto passages = passages_named(20);
  store->put(passages);
  static_cast<void>(server.run({"CLIENT", "KILL", "TYPE", "normal"}));
  expect_all(*store, passages);
  static_cast<void>(server.run({"CLIENT", "KILL", "TYPE", "normal"}));
  store->put(passages);
  static_cast<void>(server.run({"CLIENT", "KILL", "TYPE", "normal"}));
  EXPECT_EQ(store->erase(ids_of(passages)), 20U) << "an idle connection that died is no loss";
}

TEST_F(RedisStore, WaitsForAServerThatComesBack) {
  RedisServer server;
  const auto store = open_passage_store(server.uri("x"), kModel);
  store->put(passages_named(2));
  server.kill();
  auto found = std::async(std::launch::async, [&] { return get_one(*store, "p0"); });
  std::this_thread::sleep_for(milliseconds(100));
  server.start();
  // Without its data: absent, not an error.
  EXPECT_EQ(found.get(), nullptr);
}

TEST_F(RedisStore, SaysThatTheServerIsGone) {
  RedisServer server;
  const auto store = open_passage_store(server.uri("x") + "?retries=2", kModel);
  store->put(passages_named(2));
  server.kill();
  const auto refuse = [&](auto&& call) {
    expect_error(ErrorCode::kIo, "redis://" + server.address() + ": cannot connect", call);
  };
  refuse([&] { static_cast<void>(get_one(*store, "p0")); });
  refuse([&] { store->put(passages_named(1)); });
  refuse([&] { static_cast<void>(store->size()); });
  refuse([&] { static_cast<void>(open_passage_store(server.uri("x"), kModel)); });
}

TEST_F(RedisStore, DoesNotWaitForeverForASilentServer) {
  const RedisServer server;
  const auto store = open_passage_store(server.uri("x") + "?timeout_ms=100", kModel);
  const auto passages = passages_named(2);
  store->put(passages);
  server.stop();
  const auto begin = std::chrono::steady_clock::now();
  expect_error(ErrorCode::kIo, "no reply within 100 ms",
               [&] { static_cast<void>(get_one(*store, "p0")); });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(3000));
  server.go_on();
  // Not the late reply to the question before.
  expect_all(*store, {passages[1], passages[0]});
}

TEST_F(RedisStore, DyingInMidBatchNeverGivesAWrongPassage) {
  RedisServer server;
  const auto passages = passages_named(300);
  int errors = 0;
  for (int round = 0; round < 6; ++round) {
    const auto store = open_passage_store(server.uri("x") + "?retries=0", kModel);
    store->put(passages);
    std::thread killer([&] {
      std::this_thread::sleep_for(milliseconds(2 + round * 3));
      server.kill();
    });
    try {
      for (int i = 0; i < 2000; ++i) {
        if (round % 2 == 0) {
          expect_all(*store, passages);
        } else {
          store->put(passages);
        }
      }
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kIo) << error.what();
      EXPECT_NE(std::string(error.what()).find(server.address()), std::string::npos);
      ++errors;
    }
    killer.join();
    server.start();
  }
  EXPECT_EQ(errors, 6);
}

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

TEST_F(RedisStore, RefusesRepliesThatBreakOff) {
  const std::string entry = "deformer-passage-store 1 " + to_string(kModel);
  const std::string record = encode_record(make_passage("p"));
  for (const std::string& answer :
       {bulk(record).substr(0, record.size() / 2), std::string("$100000\r\n"),
        std::string("?what\r\n"), std::string(), bulk(record.substr(0, record.size() / 2)),
        bulk(encode_record(make_passage("other"))), std::string(":7\r\n"),
        std::string("-ERR no\r\n"), std::string("*1\r\n:1\r\n")}) {
    // HGET of the entry, then HGET of the passage and again of the entry, on a new connection.
    const FakeServer server({bulk(entry), answer + bulk(entry)});
    const auto store = open_existing_passage_store(server.uri());
    try {
      static_cast<void>(get_one(*store, "p"));
      ADD_FAILURE() << "expected an error";
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kIo || error.code() == ErrorCode::kCorrupt)
          << error.what();
      EXPECT_NE(std::string(error.what()).find(std::to_string(server.port())), std::string::npos)
          << error.what();
    }
  }
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

using Call = std::function<void(PassageStore&)>;

// Whatever a server says: one Error of one line, soon, and neither much memory nor a crash.
TEST_F(RedisStore, RefusesHostileReplies) {
  const std::string entry = "deformer-passage-store 1 " + to_string(kModel);
  const std::vector<std::string> ids{"p"};
  for (const std::string& answer : {std::string("*2147483647\r\n"),
                                    std::string("*4194305\r\n"),
                                    std::string("*-5\r\n"),
                                    std::string("*99999999999999999999\r\n"),
                                    std::string("$-9\r\n"),
                                    std::string("$99999999999999999999\r\n"),
                                    std::string("$2147483648\r\n"),
                                    repeated("*1\r\n", 50),
                                    repeated("*4000000\r\n", 7),
                                    std::string(":99999999999999999999\r\n"),
                                    std::string("*1\r\n$-1\r\n"),
                                    std::string("+OK\r\n"),
                                    std::string("\r\n"),
                                    std::string("-ERR one\nline\x1b[2J\r\n"),
                                    std::string("-MOVED 1 a\nb:7\r\n"),
                                    std::string("-MOVED 1 127.0.0.1:99999999999\r\n"),
                                    std::string("-ASK 1 127.0.0.1:-1\r\n"),
                                    std::string("-MOVED\r\n"),
                                    std::string("-\r\n"),
                                    std::string(100000, 'x')}) {
    const std::string shown = answer.substr(0, 30);
    const auto begin = std::chrono::steady_clock::now();
    using Answers = std::vector<std::string>;
    // Of each connection; the first one is that of opening. A put asks for the entry before all
    // else.
    const std::string own = bulk(entry);
    for (const auto& [answers, call] : std::initializer_list<std::pair<Answers, Call>>{
             {{own, answer + own}, [&](auto& store) { static_cast<void>(store.get(ids)); }},
             {{own, answer}, [&](auto& store) { static_cast<void>(store.list_ids("", 10)); }},
             {{own, answer}, [&](auto& store) { store.put(passages_named(1)); }},
             {{own, own, answer + own}, [&](auto& store) { store.put(passages_named(1)); }}}) {
      const FakeServer server(answers);
      const auto store = open_existing_passage_store(server.uri());
      try {
        call(*store);
        ADD_FAILURE() << "expected an error of " << shown;
      } catch (const Error& error) {
        const std::string text = error.what();
        EXPECT_EQ(text.find_first_of("\n\x1b"), std::string::npos) << text;
      }
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5)) << shown;
  }
}

TEST_F(RedisStore, RefusesHostileEntriesAndLists) {
  const RedisServer server;
  const auto refuse = [&](ErrorCode code, const std::string& text, const auto& call) {
    expect_error(code, text, [&] { static_cast<void>(call()); });
  };
  static_cast<void>(server.run(
      {"HSET", "x:meta", "store", "deformer-passage-store 1 a\nb\x1b" + std::string(500, 'c')}));
  refuse(ErrorCode::kCorrupt, "its entry is damaged",
         [&] { return open_existing_passage_store(server.uri("x")); });
  const auto store = open_passage_store(server.uri("y"), kModel);
  store->put(passages_named(3));
  static_cast<void>(server.run({"HSET", "y:meta", "note", std::string(70000, 'n')}));
  refuse(ErrorCode::kCorrupt, "note", [&] { return store->info(); });
  // An id that is not where its hash says, and none at all: a listing that goes on after them would
  // begin anew for ever.
  for (const char* field : {"relsewhere\n", "r"}) {
    static_cast<void>(server.run({"HSET", "y:p:3fff", field, "x", "hx", "y"}));
    refuse(ErrorCode::kCorrupt, "bucket that is not its own",
           [&] { return store->list_ids("", 100); });
    refuse(ErrorCode::kCorrupt, "bucket that is not its own",
           [&] { return scan_passage_store(*store); });
    static_cast<void>(server.run({"DEL", "y:p:3fff"}));
  }
  EXPECT_EQ(store->list_ids("", 100).size(), 3U);
}

TEST_F(RedisStore, RefusesHashesOfAnotherLength) {
  const std::string entry = "deformer-passage-store 1 " + to_string(kModel);
  const std::vector<std::string> ids{"p"};
  for (const std::size_t size : {0U, 7U, 9U, 24U}) {
    const FakeServer server({bulk(entry), bulk(std::string(size, 'x')) + bulk(entry)});
    const auto store = open_existing_passage_store(server.uri());
    expect_error(ErrorCode::kIo, "unexpected reply to HGET",
                 [&] { static_cast<void>(store->hashes(ids)); });
  }
}

// With so many tries that a connection may be lost before every command.
std::string patient_uri(const FakeServer& server) {
  return "redis://127.0.0.1:" + std::to_string(server.port()) + "/fake?retries=6";
}

// Of a record that was answered later than the entry beside it nobody knows whose it is.
TEST_F(RedisStore, AsksForTheEntryAgainAfterWhatHadToBeRepeated) {
  const std::string name = "deformer-passage-store 1 ";
  const std::string own = bulk(name + to_string(kModel));
  const std::string record = bulk(encode_record(make_passage("p")));
  // Of each connection; each is closed after its answer.
  const FakeServer server(
      {own, "-LOADING wait\r\n" + own, record + bulk(name + to_string(kOtherModel))});
  const auto store = open_existing_passage_store(patient_uri(server));
  expect_error(ErrorCode::kIncompatible, "the store was replaced while it was open",
               [&] { static_cast<void>(get_one(*store, "p")); });
}

// The server has come back without its data between the question for the entry and the records.
TEST_F(RedisStore, MakesTheEntryAnewThatWasLostDuringAPut) {
  const std::string own = bulk("deformer-passage-store 1 " + to_string(kModel));
  // Of each connection; each is closed after its answer.
  const FakeServer server({own, own, ":2\r\n$-1\r\n", ":1\r\n", own});
  const auto store = open_existing_passage_store(patient_uri(server));
  store->put(passages_named(1));
  const std::vector<std::string> requests = server.requests();
  ASSERT_EQ(requests.size(), 5U);
  EXPECT_THAT(requests[2], testing::HasSubstr("\r\nHSET\r\n"));
  EXPECT_THAT(requests[2], testing::EndsWith("\r\nstore\r\n")) << "the entry is asked for last";
  EXPECT_THAT(requests[3], testing::HasSubstr("\r\nHSETNX\r\n"));
}

TEST_F(RedisStore, SaysThatTheStoreWasReplacedDuringAPut) {
  const std::string name = "deformer-passage-store 1 ";
  const std::string own = bulk(name + to_string(kModel));
  const FakeServer server({own, own, ":2\r\n" + bulk(name + to_string(kOtherModel))});
  const auto store = open_existing_passage_store(patient_uri(server));
  expect_error(ErrorCode::kIncompatible, "the store was replaced while it was open",
               [&] { store->put(passages_named(1)); });
}

TEST_F(RedisStore, DoesNotFollowRedirectsWithoutEnd) {
  const std::string entry = "deformer-passage-store 1 " + to_string(kModel);
  const FakeServer server({bulk(entry), "-MOVED 1 :0\r\n" + bulk(entry)});
  const auto store = open_existing_passage_store(server.uri());
  expect_error(ErrorCode::kIo, "", [&] { static_cast<void>(get_one(*store, "p")); });
}

TEST_F(RedisStore, LeavesSigpipeAsItWas) {
  RedisServer server;
  const auto store = open_passage_store(server.uri("x") + "?retries=0", kModel);
  RedisConnection connection({"127.0.0.1", server.port()}, {});
  server.kill();
  // The default action would end this process.
  ASSERT_EQ(::signal(SIGPIPE, SIG_DFL), SIG_DFL);
  const std::string much(std::size_t{16} << 20, 'x');
  EXPECT_THROW(static_cast<void>(connection.run({"SET", "x", much})), Error);
  const std::vector<EncodedPassage> large{
      make_passage("large", 0, {.tokens = 4000, .hidden_size = 512})};
  for (int i = 0; i < 3; ++i) EXPECT_THROW(store->put(large), Error);
  sigset_t blocked;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  EXPECT_EQ(::sigismember(&blocked, SIGPIPE), 0);
}

TEST_F(RedisStore, ComputesSlotsAsTheServerDoes) {
  for (const std::string key :
       {"deformer:p:0000", "a{b}c", "{}x", "{{x}}", "x{", "日本", "a}b{c}"}) {
    EXPECT_EQ(redis_slot(key), cluster().node(0).run({"CLUSTER", "KEYSLOT", key}).integer()) << key;
  }
}

TEST_F(RedisStore, SpreadsOverTheCluster) {
  const auto store = open_passage_store(cluster().uri("spread"), kModel);
  const auto passages = passages_named(300);
  store->put(passages);
  long long total = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const RedisReply keys = cluster().node(i).run({"KEYS", "spread:p:*"});
    EXPECT_GT(keys.size(), 50U) << i;
    total += static_cast<long long>(keys.size());
  }
  EXPECT_GT(total, 250);
  EXPECT_EQ(store->size(), 300U);
}

TEST_F(RedisStore, WorksFromAnyNodeOfTheCluster) {
  const auto passages = passages_named(50);
  open_passage_store(cluster().uri("any"), kModel)->put(passages);
  for (std::size_t i = 0; i < 3; ++i) {
    expect_all(*open_passage_store(cluster().node(i).uri("any"), kModel), passages);
  }
}

// A slot on its way from one node to another: ASK for keys that have gone, MOVED when it is done.
TEST_F(RedisStore, FollowsASlotThatMoves) {
  const auto store = open_passage_store(cluster().uri("move"), kModel);
  const auto passages = passages_named(30);
  store->put(passages);
  const RedisReply keys = cluster().node(0).run({"KEYS", "move:p:*"});
  ASSERT_GT(keys.size(), 1U);
  const std::string key(keys[0].text());
  const std::string slot = std::to_string(redis_slot(key));
  const std::string from = cluster().node_id(0);
  const std::string to = cluster().node_id(1);
  const auto run = [&](std::size_t node, const RedisWords& words) {
    const RedisReply reply = cluster().node(node).run(words);
    EXPECT_FALSE(reply.is_error()) << reply.text();
  };
  run(1, {"CLUSTER", "SETSLOT", slot, "IMPORTING", from});
  run(0, {"CLUSTER", "SETSLOT", slot, "MIGRATING", to});
  expect_all(*store, passages);
  const std::string port = std::to_string(cluster().node(1).port());
  run(0, {"MIGRATE", "127.0.0.1", port, key, "0", "5000"});
  expect_all(*store, passages);
  store->put(passages);
  EXPECT_EQ(scan_passage_store(*store).passages, 30U);
  run(1, {"CLUSTER", "SETSLOT", slot, "NODE", to});
  run(0, {"CLUSTER", "SETSLOT", slot, "NODE", to});
  expect_all(*store, passages);
  store->put(passages);
  EXPECT_EQ(store->erase(ids_of(passages)), 30U);
}

TEST_F(RedisStore, NamesTheNodeThatIsGoneAndFindsItsHeir) {
  RedisClusterServers servers;
  const auto store = open_passage_store(servers.uri("x") + "?retries=8", kModel);
  const auto impatient = open_passage_store(servers.uri("x") + "?retries=1", kModel);
  const auto passages = passages_named(60);
  store->put(passages);
  const std::string gone = servers.node(2).address();
  const std::string gone_id = servers.node_id(2);
  servers.node(2).kill();
  expect_error(ErrorCode::kIo, "redis://" + gone + ": cannot connect",
               [&] { static_cast<void>(impatient->get(ids_of(passages))); });
  // As after a failover, but with an empty heir: what was lost is absent, not an error.
  for (const std::size_t i : {0U, 1U}) {
    EXPECT_EQ(servers.node(i).run({"CLUSTER", "FORGET", gone_id}).text(), "OK");
  }
  EXPECT_EQ(servers.node(1).run({"CLUSTER", "ADDSLOTSRANGE", "10923", "16383"}).text(), "OK");
  const auto found = store->get(ids_of(passages));
  const auto absent = std::count(found.begin(), found.end(), nullptr);
  EXPECT_GT(absent, 5);
  EXPECT_LT(absent, 55);
  store->put(passages);
  expect_all(*store, passages);
}

}  // namespace
}  // namespace deformer::test
