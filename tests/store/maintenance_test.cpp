#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deformer/passage_store.h"
#include "store/passage_check.h"
#include "store/passages.h"
#include "store/store_entry.h"
#include "support/callers_exceptions.h"
#include "support/expect_error.h"

namespace deformer::test {
namespace {

std::shared_ptr<PassageStore> make_store(std::size_t count, const Fingerprint& model = kModel) {
  auto store = open_passage_store("memory:", model);
  std::vector<EncodedPassage> passages;
  for (std::size_t i = 0; i < count; ++i) {
    passages.push_back(make_passage("p" + std::to_string(i), 0, {.tokens = 1, .hidden_size = 1}));
  }
  store->put(passages);
  return store;
}

// A store with one record that cannot be read.
class DamagedStore final : public PassageStore {
 public:
  DamagedStore(std::shared_ptr<PassageStore> store, std::string bad, ErrorCode code)
      : store_(std::move(store)), bad_(std::move(bad)), code_(code) {}
  std::vector<std::shared_ptr<const EncodedPassage>> get(
      std::span<const std::string> ids) const override {
    for (const std::string& id : ids) {
      if (id == bad_) throw Error(code_, "x: passage \"" + id + "\": damaged");
    }
    return store_->get(ids);
  }
  void put(std::span<const EncodedPassage> passages) override { store_->put(passages); }
  std::size_t erase(std::span<const std::string> ids) override { return store_->erase(ids); }
  std::size_t size() const override { return store_->size(); }
  const Fingerprint& fingerprint() const noexcept override { return store_->fingerprint(); }
  std::vector<std::string> list_ids(std::string_view after, std::size_t limit) const override {
    return store_->list_ids(after, limit);
  }

 private:
  std::shared_ptr<PassageStore> store_;
  std::string bad_;
  ErrorCode code_;
};

// A store of the caller's own, with what it says.
class LyingStore final : public PassageStore {
 public:
  using Answer = std::vector<std::shared_ptr<const EncodedPassage>>;
  explicit LyingStore(Answer answer) : answer_(std::move(answer)) {}
  Answer get(std::span<const std::string>) const override { return answer_; }
  void put(std::span<const EncodedPassage>) override {}
  std::size_t erase(std::span<const std::string>) override { return 0; }
  std::size_t size() const override { return 1; }
  const Fingerprint& fingerprint() const noexcept override { return kModel; }
  std::vector<std::string> list_ids(std::string_view after, std::size_t) const override {
    return after.empty() ? std::vector<std::string>{"p"} : std::vector<std::string>();
  }

 private:
  Answer answer_;
};

TEST(PassageStores, OfTheCallersOwnMayReturnAnything) {
  const auto refuse = [](const std::string& text, LyingStore::Answer answer) {
    const LyingStore store(std::move(answer));
    const auto target = make_store(0);
    expect_error(ErrorCode::kCorrupt, text, [&] { copy_passages(store, *target); });
    const StoreScan scan = scan_passage_store(store);
    ASSERT_EQ(scan.bad.size(), 1U) << text;
    EXPECT_THAT(scan.bad[0].message, testing::HasSubstr(text));
    const std::vector<std::string> ids{"p"};
    expect_error(ErrorCode::kCorrupt, text, [&] { static_cast<void>(store.hashes(ids)); });
  };
  const auto changed = [](auto&& change) {
    EncodedPassage passage = make_passage("p");
    change(passage);
    return LyingStore::Answer{std::make_shared<const EncodedPassage>(std::move(passage))};
  };
  refuse("expected 1 passages, found 0", {});
  refuse("expected 1 passages, found 2", {nullptr, nullptr});
  refuse("found passage \"q\"", changed([](EncodedPassage& passage) { passage.id = "q"; }));
  refuse("rows of hidden states",
         changed([](EncodedPassage& passage) { passage.hidden.rows = 3; }));
  refuse("found 0", changed([](EncodedPassage& passage) { passage.hidden.values = {}; }));
  refuse("token 0", changed([](EncodedPassage& passage) { passage.text.clear(); }));
  refuse("window 0", changed([](EncodedPassage& passage) { passage.windows[0].first_token = 9; }));
}

TEST(PassageStores, ThatListInCirclesEndInAnError) {
  class Circle final : public PassageStore {
   public:
    std::vector<std::shared_ptr<const EncodedPassage>> get(
        std::span<const std::string> ids) const override {
      std::vector<std::shared_ptr<const EncodedPassage>> none(ids.size());
      return none;
    }
    void put(std::span<const EncodedPassage>) override {}
    std::size_t erase(std::span<const std::string>) override { return 0; }
    std::size_t size() const override { return 1; }
    const Fingerprint& fingerprint() const noexcept override { return kModel; }
    std::vector<std::string> list_ids(std::string_view, std::size_t limit) const override {
      std::vector<std::string> ids(limit, "p");
      return ids;
    }
  };
  expect_error(ErrorCode::kCorrupt, "does not go on after \"p\"",
               [] { static_cast<void>(scan_passage_store(Circle())); });
}

TEST(PassageStores, TakeNoValuesThatAreNotFinite) {
  EncodedPassage passage = make_passage("p");
  std::vector<std::uint16_t> values(passage.hidden.rows * passage.hidden.hidden_size, 0x7c00);
  passage.hidden.values = std::as_bytes(std::span(values));
  expect_error(ErrorCode::kInvalidArgument, "passage \"p\": hidden states: row 0, column 0",
               [&] { make_store(0)->put(std::span(&passage, 1)); });
}

TEST(PassageStores, FaultsOfARecordAreToldFromThoseOfTheWholeStore) {
  EXPECT_TRUE(is_fault_of_record(Error(ErrorCode::kCorrupt, "damaged")));
  EXPECT_TRUE(is_fault_of_record(Error(ErrorCode::kIncompatible, "a newer version")));
  EXPECT_FALSE(is_fault_of_record(Error(ErrorCode::kIo, "no server")));
  try {
    require_fingerprint(kOtherModel, kModel, "x");
    ADD_FAILURE() << "expected an error";
  } catch (const Error& error) {
    EXPECT_FALSE(is_fault_of_record(error));
  }
}

TEST(ScanPassageStore, ReadsMoreThanAPageOfIds) {
  EXPECT_EQ(scan_passage_store(*make_store(5000)).passages, 5000U);
  EXPECT_EQ(scan_passage_store(*make_store(0)).passages, 0U);
}

TEST(ScanPassageStore, StopsWhereItIsTold) {
  const auto store = make_store(500);
  for (const std::size_t most : {1U, 64U, 65U, 499U, 500U, 501U}) {
    EXPECT_EQ(scan_passage_store(*store, {.max_passages = most}).passages,
              std::min<std::size_t>(most, 500));
  }
}

TEST(ScanPassageStore, ReportsProgressToTheEnd) {
  std::vector<std::size_t> done;
  const ScanOptions options{.progress = [&](std::size_t at, std::size_t total) {
    EXPECT_EQ(total, 150U);
    done.push_back(at);
  }};
  static_cast<void>(scan_passage_store(*make_store(150), options));
  EXPECT_THAT(done, testing::ElementsAre(64, 128, 150));
}

TEST(ScanPassageStore, ListsDamagedPassagesAndGoesOn) {
  for (const ErrorCode code : {ErrorCode::kCorrupt, ErrorCode::kIncompatible}) {
    const DamagedStore store(make_store(300), "p77", code);
    const StoreScan scan = scan_passage_store(store);
    EXPECT_EQ(scan.passages, 299U);
    ASSERT_EQ(scan.bad.size(), 1U);
    EXPECT_EQ(scan.bad[0].id, "p77");
    EXPECT_EQ(scan.bad[0].message, "x: passage \"p77\": damaged");
  }
  const DamagedStore unreachable(make_store(3), "p1", ErrorCode::kIo);
  expect_error(ErrorCode::kIo, "damaged",
               [&] { static_cast<void>(scan_passage_store(unreachable)); });
}

TEST(CopyPassages, MergesShards) {
  const auto target = make_store(0);
  std::size_t copied = 0;
  for (int shard = 0; shard < 3; ++shard) {
    const auto source = make_store(0);
    for (int i = 0; i < 50; ++i) {
      const EncodedPassage passage =
          make_passage("s" + std::to_string(shard) + "-" + std::to_string(i));
      source->put(std::span(&passage, 1));
    }
    copied += copy_passages(*source, *target, {.existing = ExistingPassage::kKeep}).copied;
  }
  EXPECT_EQ(copied, 150U);
  EXPECT_EQ(target->size(), 150U);
}

TEST(CopyPassages, RefusesAnotherModelAndItself) {
  const auto source = make_store(1);
  expect_error(ErrorCode::kIncompatible, to_string(kOtherModel),
               [&] { copy_passages(*source, *make_store(0, kOtherModel)); });
  expect_error(ErrorCode::kInvalidArgument, "two stores", [&] { copy_passages(*source, *source); });
  expect_error(ErrorCode::kInvalidArgument, "batch",
               [&] { copy_passages(*source, *make_store(0), {.batch_passages = 0}); });
}

TEST(CopyPassages, NamesADamagedPassageOfTheSource) {
  const DamagedStore source(make_store(300), "p99", ErrorCode::kCorrupt);
  const auto target = make_store(0);
  expect_error(ErrorCode::kCorrupt, "p99", [&] { copy_passages(source, *target); });
  EXPECT_EQ(target->size() % 64, 0U) << "whole batches only";
}

TEST(CopyPassages, ReportsProgress) {
  std::size_t last = 0;
  const auto source = make_store(100);
  copy_passages(*source, *make_store(0), {.progress = [&](std::size_t done, std::size_t total) {
    EXPECT_EQ(total, 100U);
    EXPECT_GT(done, last);
    last = done;
  }});
  EXPECT_EQ(last, 100U);
}

template <typename Exception>
class PassageStoreProgress : public testing::Test {};
TYPED_TEST_SUITE(PassageStoreProgress, test::CallersExceptions);

TYPED_TEST(PassageStoreProgress, WhatItThrowsLeavesAsItWasThrown) {
  const auto source = make_store(1);
  const auto throwing = [](std::size_t, std::size_t) { test::throw_one<TypeParam>(); };
  EXPECT_THROW(static_cast<void>(scan_passage_store(*source, {.progress = throwing})), TypeParam);
  const auto target = make_store(0);
  EXPECT_THROW(copy_passages(*source, *target, {.progress = throwing}), TypeParam);
}

}  // namespace
}  // namespace deformer::test
