#include "contract/passage_store_contract.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "base/hash.h"
#include "deformer/passage_store.h"
#include "store/hidden_codec.h"
#include "store/passages.h"
#include "support/expect_error.h"

namespace deformer::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr HiddenCodec kCodecs[] = {HiddenCodec::kFp32, HiddenCodec::kFp16, HiddenCodec::kInt8};

std::vector<EncodedPassage> make_passages(std::size_t count, std::uint64_t seed = 0) {
  std::vector<EncodedPassage> passages;
  for (std::size_t i = 0; i < count; ++i) {
    passages.push_back(make_passage("p" + std::to_string(i), seed));
  }
  return passages;
}

// A passage whose text says which version it is, so that a mixture of two shows.
EncodedPassage make_version(const std::string& id, std::uint64_t version) {
  PassageShape shape{.tokens = 60 + version % 50, .hidden_size = 32};
  EncodedPassage passage = make_passage(id, version, shape);
  passage.text += "#" + std::to_string(version);
  return passage;
}

std::uint64_t version_of(const EncodedPassage& passage) {
  return std::stoull(passage.text.substr(passage.text.rfind('#') + 1));
}

std::set<std::string> list_all(const PassageStore& store, std::size_t limit) {
  std::set<std::string> all;
  std::string after;
  while (true) {
    const auto page = store.list_ids(after, limit);
    EXPECT_LE(page.size(), limit);
    for (const std::string& id : page) EXPECT_TRUE(all.insert(id).second) << id << " twice";
    if (page.size() < limit) return all;
    after = page.back();
  }
}

}  // namespace

void PassageStoreContract::SetUp() {
  const std::string reason = GetParam().why_not();
  if (!reason.empty()) GTEST_SKIP() << reason;
  place_ = GetParam().make_place();
}

std::shared_ptr<PassageStore> PassageStoreContract::open() const {
  return open_passage_store(uri(), kModel);
}

TEST_P(PassageStoreContract, IsEmptyAtFirst) {
  const auto store = open();
  EXPECT_EQ(store->size(), 0U);
  EXPECT_EQ(store->fingerprint(), kModel);
  EXPECT_EQ(get_one(*store, "p"), nullptr);
  EXPECT_THAT(store->list_ids("", 10), IsEmpty());
}

TEST_P(PassageStoreContract, GivesBackWhatWasPutBitForBit) {
  const auto store = open();
  std::vector<EncodedPassage> passages;
  for (const HiddenCodec codec : kCodecs) {
    // From one row in a page of its own to many pages.
    for (const std::size_t tokens : {1, 7, 12, 13, 150, 700}) {
      passages.push_back(make_passage(to_string(codec) + std::to_string(tokens), 1,
                                      {.tokens = tokens, .hidden_size = 33, .codec = codec}));
    }
    passages.push_back(
        make_passage(to_string(codec) + " projected", 1,
                     {.tokens = 150, .hidden_size = 33, .codec = codec, .projection_hash = 7}));
  }
  store->put(passages);
  EXPECT_EQ(store->size(), passages.size());
  for (const EncodedPassage& passage : passages) expect_holds(*store, passage);
}

TEST_P(PassageStoreContract, KeepsTheOrderOfTheRequest) {
  const auto store = open();
  store->put(make_passages(5));
  const std::vector<std::string> ids{"p3", "absent", "p0", "p3", "", std::string(600, 'x'), "p4"};
  const auto found = store->get(ids);
  ASSERT_EQ(found.size(), ids.size());
  for (const std::size_t i : {0U, 2U, 3U, 6U}) {
    ASSERT_NE(found[i], nullptr) << i;
    EXPECT_EQ(found[i]->id, ids[i]);
  }
  for (const std::size_t i : {1U, 4U, 5U}) EXPECT_EQ(found[i], nullptr) << i;
  EXPECT_THAT(store->get({}), IsEmpty());
}

TEST_P(PassageStoreContract, ReplacesWhatIsThere) {
  const auto store = open();
  const auto old = make_passages(3, 1);
  store->put(old);
  const auto before = get_one(*store, "p1");
  const EncodedPassage larger = make_passage("p1", 2, {.tokens = 400, .hidden_size = 8});
  store->put(std::span(&larger, 1));
  EXPECT_EQ(store->size(), 3U);
  expect_holds(*store, larger);
  expect_holds(*store, old[0]);
  expect_holds(*store, old[2]);
  EXPECT_TRUE(is_same(*before, old[1])) << "what was read before must not change";
}

TEST_P(PassageStoreContract, ErasesAndCounts) {
  const auto store = open();
  store->put(make_passages(4));
  const std::vector<std::string> ids{"p1", "absent", "p3", "p1", ""};
  EXPECT_EQ(store->erase(ids), 2U);
  EXPECT_EQ(store->size(), 2U);
  EXPECT_EQ(get_one(*store, "p1"), nullptr);
  EXPECT_NE(get_one(*store, "p0"), nullptr);
  EXPECT_EQ(store->erase(ids), 0U);
  EXPECT_EQ(store->erase({}), 0U);
}

TEST_P(PassageStoreContract, RefusesAnIdTwiceInABatch) {
  const auto store = open();
  const std::vector<EncodedPassage> batch{make_passage("a"), make_passage("b"), make_passage("a")};
  expect_error(ErrorCode::kInvalidArgument, "\"a\": expected each id once a batch",
               [&] { store->put(batch); });
  EXPECT_EQ(store->size(), 0U) << "nothing of a refused batch is stored";
}

TEST_P(PassageStoreContract, RefusesIdsThatAreEmptyOrTooLong) {
  const auto store = open();
  for (const std::size_t bytes : {0U, 501U}) {
    const EncodedPassage passage = make_passage(std::string(bytes, 'x'));
    expect_error(ErrorCode::kInvalidArgument, "expected an id of 1 to 500 bytes",
                 [&] { store->put(std::span(&passage, 1)); });
  }
  const EncodedPassage longest = make_passage(std::string(500, 'x'));
  store->put(std::span(&longest, 1));
  expect_holds(*store, longest);
}

TEST_P(PassageStoreContract, RefusesPassagesThatContradictThemselves) {
  const auto store = open();
  const auto refuse = [&](const char* text, const std::function<void(EncodedPassage&)>& damage) {
    EncodedPassage passage = make_passage("p");
    damage(passage);
    expect_error(ErrorCode::kInvalidArgument, text, [&] { store->put(std::span(&passage, 1)); });
  };
  refuse("token 19", [](auto& p) { p.spans.back().end = 1000; });
  refuse("window 1", [](auto& p) { p.windows[1].first_token = 13; });
  refuse("all 20 tokens covered", [](auto& p) { p.windows.pop_back(); });
  refuse("rows", [](auto& p) { p.hidden.rows -= 1; });
  refuse("bytes", [](auto& p) { p.hidden.values = p.hidden.values.first(10); });
  refuse("scales", [](auto& p) { p.hidden.codec = HiddenCodec::kInt8, p.hidden.hidden_size *= 2; });
  refuse("expected 78 rows of projections, found 0", [](auto& p) { p.projection_hash = 7; });
  refuse("expected 0 rows of projections, found 26", [](auto& p) { p.projections = p.hidden; });
  const auto damage_projections = [&](const char* text, const auto& damage) {
    refuse(text, [&](EncodedPassage& passage) {
      passage = make_passage("p", 0, {.projection_hash = 7});
      damage(passage.projections);
    });
  };
  damage_projections("projections of the states' width and codec, 8 in fp16, found 9 in fp16",
                     [](HiddenStates& projections) { projections.hidden_size = 9; });
  damage_projections("found 8 in fp32",
                     [](HiddenStates& projections) { projections.codec = HiddenCodec::kFp32; });
  damage_projections("projections: ", [](HiddenStates& projections) {
    projections.values = projections.values.first(10);
  });
  EXPECT_EQ(store->size(), 0U);
}

TEST_P(PassageStoreContract, HoldsPassagesWithoutTokens) {
  const auto store = open();
  const std::vector<EncodedPassage> batch{make_empty_passage("empty", ""),
                                          make_empty_passage("blank", "  \n ")};
  store->put(batch);
  for (const EncodedPassage& passage : batch) expect_holds(*store, passage);
}

TEST_P(PassageStoreContract, HoldsLargePassages) {
  const auto store = open();
  // 10 MB of states beside a small neighbour.
  const std::vector<EncodedPassage> batch{
      make_passage("large", 0, {.tokens = 4600, .hidden_size = 768, .codec = HiddenCodec::kFp16}),
      make_passage("small")};
  ASSERT_GT(batch[0].hidden.values.size(), 10U << 20);
  store->put(batch);
  for (const EncodedPassage& passage : batch) expect_holds(*store, passage);
}

TEST_P(PassageStoreContract, TakesAnyBytesAsId) {
  const auto store = open();
  std::vector<EncodedPassage> batch;
  for (const std::string& id :
       {std::string("\0", 1), std::string("a\0b", 3), std::string("\xff\xfe\x80"),
        std::string("\r\n*3\r\n$3\r\n"), std::string("{tag}key"), std::string("%s%n*?[a-z]"),
        std::string("日本語 🙂"), std::string(" ")}) {
    batch.push_back(make_passage(id));
  }
  store->put(batch);
  EXPECT_EQ(store->size(), batch.size());
  std::set<std::string> ids;
  for (const EncodedPassage& passage : batch) {
    expect_holds(*store, passage);
    ids.insert(passage.id);
  }
  EXPECT_EQ(list_all(*store, 3), ids);
}

TEST_P(PassageStoreContract, TakesStatesThatTheCallerThenChanges) {
  const auto store = open();
  const EncodedPassage original = make_passage("p");
  EncodedPassage passage = original;
  std::vector<std::byte> mine(original.hidden.values.begin(), original.hidden.values.end());
  passage.hidden.values = mine;
  passage.hidden.owner = nullptr;
  store->put(std::span(&passage, 1));
  std::fill(mine.begin(), mine.end(), std::byte{});
  expect_holds(*store, original);
}

TEST_P(PassageStoreContract, ResultsOutliveTheStore) {
  const EncodedPassage passage = make_passage("p", 0, {.tokens = 300, .hidden_size = 64});
  auto store = open();
  store->put(std::span(&passage, 1));
  const auto found = get_one(*store, "p");
  store.reset();
  ASSERT_NE(found, nullptr);
  EXPECT_TRUE(is_same(*found, passage));
}

TEST_P(PassageStoreContract, ListsEveryIdOnceWhateverThePage) {
  const auto store = open();
  const auto passages = make_passages(300);
  store->put(passages);
  std::set<std::string> ids;
  for (const EncodedPassage& passage : passages) ids.insert(passage.id);
  for (const std::size_t limit : {13U, 300U, 301U}) {
    EXPECT_EQ(list_all(*store, limit), ids) << limit;
  }
  EXPECT_THAT(store->list_ids("", 0), IsEmpty());
}

TEST_P(PassageStoreContract, ListsOnAfterAnIdThatIsGone) {
  const auto store = open();
  store->put(make_passages(50));
  const auto first = store->list_ids("", 20);
  store->erase(first);
  const auto rest = store->list_ids(first.back(), 100);
  EXPECT_EQ(rest.size(), 30U);
  for (const std::string& id : first) EXPECT_EQ(std::count(rest.begin(), rest.end(), id), 0) << id;
}

TEST_P(PassageStoreContract, TellsTheHashesOfEachPassage) {
  const auto store = open();
  const std::vector<EncodedPassage> batch{make_passage("a"), make_empty_passage("empty", ""),
                                          make_passage("projected", 0, {.projection_hash = 7})};
  store->put(batch);
  const std::vector<std::string> ids{"empty", "absent", "a", "", "projected"};
  EXPECT_THAT(store->hashes(ids),
              ElementsAre(PassageHashes{hash64(std::string_view()), 0}, std::nullopt,
                          PassageHashes{hash64(batch[0].text), 0}, std::nullopt,
                          PassageHashes{hash64(batch[2].text), 7}));
}

TEST_P(PassageStoreContract, ForgetsTheProjectionsOfAReplacedPassage) {
  const auto store = open();
  const EncodedPassage projected = make_passage("p", 0, {.projection_hash = 7});
  const EncodedPassage plain = make_passage("p", 1);
  store->put({&projected, 1});
  store->put({&plain, 1});
  EXPECT_THAT(store->hashes({&plain.id, 1}), ElementsAre(PassageHashes{hash64(plain.text), 0}));
}

TEST_P(PassageStoreContract, SaysWhatItIs) {
  const auto store = open();
  store->put(make_passages(3));
  EXPECT_EQ(store->info().note, "");
  store->set_note("{\"precision\": \"fp32\"}");
  const StoreInfo info = store->info();
  EXPECT_EQ(info.fingerprint, kModel);
  EXPECT_EQ(info.passages, 3U);
  EXPECT_EQ(info.version, 1U);
  EXPECT_EQ(info.note, "{\"precision\": \"fp32\"}");
  EXPECT_EQ(info.uri, uri());
  EXPECT_TRUE(uri().starts_with(info.engine + ":")) << info.engine;
}

TEST_P(PassageStoreContract, LimitsItsNote) {
  const auto store = open();
  store->set_note(std::string(65536, 'x'));
  EXPECT_EQ(store->info().note.size(), 65536U);
  expect_error(ErrorCode::kInvalidArgument, "note of at most 65536 bytes",
               [&] { store->set_note(std::string(65537, 'x')); });
}

TEST_P(PassageStoreContract, ScansClean) {
  const auto store = open();
  std::vector<EncodedPassage> passages = make_passages(100);
  passages.push_back(make_empty_passage("empty", "x"));
  passages.push_back(make_passage("projected", 0, {.projection_hash = 7}));
  store->put(passages);
  const StoreScan scan = scan_passage_store(*store);
  EXPECT_EQ(scan.passages, 102U);
  EXPECT_EQ(scan.tokens, 2020U);
  EXPECT_EQ(scan.rows, 2626U);
  EXPECT_EQ(scan.windows, 202U);
  EXPECT_EQ(scan.passages_of_codec[1], 101U);
  EXPECT_EQ(scan.passages_with_projections, 1U);
  EXPECT_EQ(scan.vector_bytes, (2626U + 3 * 26U) * 16);
  EXPECT_THAT(scan.bad, IsEmpty());
}

TEST_P(PassageStoreContract, CopiesToAndFromMemory) {
  const auto store = open();
  auto passages = make_passages(149);
  passages.push_back(make_passage("projected", 0, {.projection_hash = 7}));
  store->put(passages);
  const auto copy = open_passage_store("memory:", kModel);
  EXPECT_EQ(copy_passages(*store, *copy).copied, 150U);
  for (const EncodedPassage& passage : passages) expect_holds(*copy, passage);
  const EncodedPassage newer = make_passage("p0", 9);
  store->put(std::span(&newer, 1));
  const CopyReport kept =
      copy_passages(*copy, *store, {.existing = ExistingPassage::kKeep, .batch_passages = 7});
  EXPECT_EQ(kept.kept, 150U);
  expect_holds(*store, newer);
  EXPECT_EQ(copy_passages(*copy, *store).copied, 150U);
  expect_holds(*store, passages[0]);
}

TEST_P(PassageStoreContract, OpensAgainWithAllThatWasPut) {
  if (!GetParam().is_persistent) GTEST_SKIP() << "not persistent";
  const auto passages = make_passages(20);
  {
    const auto store = open();
    store->put(passages);
    store->set_note("note");
  }
  const auto store = open();
  EXPECT_EQ(store->size(), 20U);
  EXPECT_EQ(store->info().note, "note");
  for (const EncodedPassage& passage : passages) expect_holds(*store, passage);
}

TEST_P(PassageStoreContract, RefusesAnotherModelAndNamesBoth) {
  if (!GetParam().is_persistent) GTEST_SKIP() << "not persistent";
  const auto passages = make_passages(2);
  open()->put(passages);
  expect_error(ErrorCode::kIncompatible, to_string(kModel),
               [&] { static_cast<void>(open_passage_store(uri(), kOtherModel)); });
  expect_error(ErrorCode::kIncompatible, to_string(kOtherModel),
               [&] { static_cast<void>(open_passage_store(uri(), kOtherModel)); });
  expect_holds(*open(), passages[0]);
}

TEST_P(PassageStoreContract, OpensWithoutAFingerprintOnlyWhatExists) {
  expect_error(ErrorCode::kNotFound, GetParam().is_persistent ? "found none" : "memory",
               [&] { static_cast<void>(open_existing_passage_store(uri())); });
  if (!GetParam().is_persistent) return;
  const auto passages = make_passages(2);
  open()->put(passages);
  const auto store = open_existing_passage_store(uri());
  EXPECT_EQ(store->fingerprint(), kModel);
  expect_holds(*store, passages[1]);
  const std::vector<std::string> ids{"p0"};
  EXPECT_EQ(store->erase(ids), 1U);
}

TEST_P(PassageStoreContract, SharesOneStoreAmongObjects) {
  if (!GetParam().is_persistent) GTEST_SKIP() << "not persistent";
  const auto one = open();
  const auto other = open();
  const auto passages = make_passages(2);
  one->put(std::span(passages).first(1));
  other->put(std::span(passages).last(1));
  expect_holds(*other, passages[0]);
  expect_holds(*one, passages[1]);
}

// Eight threads read whole batches while one replaces and erases: every passage that is seen is
// whole, and of one version.
TEST_P(PassageStoreContract, ReadersNeverSeeATornPassage) {
  const auto store = open();
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) ids.push_back("p" + std::to_string(i));
  std::vector<EncodedPassage> first;
  for (const std::string& id : ids) first.push_back(make_version(id, 0));
  store->put(first);
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> reads{0};
  std::atomic<std::size_t> torn{0};
  const auto read = [&] {
    while (!stop) {
      for (const auto& passage : store->get(ids)) {
        if (passage && !is_same(*passage, make_version(passage->id, version_of(*passage)))) ++torn;
      }
      ++reads;
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 8; ++i) readers.emplace_back(read);
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::duration<double>(soak_seconds(0.7));
  for (std::uint64_t version = 1; std::chrono::steady_clock::now() < end; ++version) {
    std::vector<EncodedPassage> batch;
    for (const std::string& id : ids) batch.push_back(make_version(id, version));
    store->put(batch);
    if (version % 5 == 0) store->erase(std::span(ids).first(2));
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(torn, 0U);
  EXPECT_GT(reads, 0U);
}

TEST_P(PassageStoreContract, WritersOfSeveralThreadsTakeTurns) {
  const auto store = open();
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < 10; ++i) {
        const EncodedPassage passage =
            make_passage("w" + std::to_string(writer) + "-" + std::to_string(i));
        store->put(std::span(&passage, 1));
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(store->size(), 40U);
  EXPECT_EQ(scan_passage_store(*store).passages, 40U);
}

}  // namespace deformer::test
