// The service of a loaded model, without HTTP.
#include "serve/library_service.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "deformer/error.h"
#include "deformer/model.h"
#include "deformer/passage_encoder.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer::serve {
namespace {

// A store that does what a test wants before it is asked.
class WatchedStore final : public PassageStore {
 public:
  explicit WatchedStore(std::shared_ptr<PassageStore> store) : store_(std::move(store)) {}
  std::vector<std::shared_ptr<const EncodedPassage>> get(
      std::span<const std::string> ids) const override {
    return store_->get(ids);
  }
  void put(std::span<const EncodedPassage> passages) override {
    if (before_put) before_put();
    store_->put(passages);
  }
  std::size_t erase(std::span<const std::string> ids) override { return store_->erase(ids); }
  std::size_t size() const override { return store_->size(); }
  std::vector<std::string> list_ids(std::string_view after, std::size_t limit) const override {
    return store_->list_ids(after, limit);
  }
  const Fingerprint& fingerprint() const noexcept override { return store_->fingerprint(); }
  std::vector<std::optional<PassageHashes>> hashes(
      std::span<const std::string> ids) const override {
    if (before_look_up) before_look_up();
    return store_->hashes(ids);
  }

  std::function<void()> before_put;
  std::function<void()> before_look_up;

 private:
  std::shared_ptr<PassageStore> store_;
};

class LibraryServiceTest : public testing::Test {
 protected:
  LibraryServiceTest() {
    test::write_tiny_model(directory_.path());
    const auto model = Model::load(directory_.path());
    store_ = std::make_shared<WatchedStore>(open_passage_store("memory:", *model));
    service_ = make_library_service(model, store_, {.encode_batch_tokens = 1});
  }

  // What became of it.
  [[nodiscard]] Outcome<PutReport> put(RequestControl control = {}) const {
    return put(passages_, std::move(control));
  }
  [[nodiscard]] Outcome<PutReport> put(std::vector<Passage> passages,
                                       RequestControl control) const {
    std::promise<Outcome<PutReport>> promise;
    service_->put_passages(
        std::move(passages), std::move(control),
        [&](Outcome<PutReport>&& outcome) { promise.set_value(std::move(outcome)); });
    return promise.get_future().get();
  }

  void put_ids(const std::vector<std::string>& ids) const {
    std::vector<Passage> passages;
    for (const std::string& id : ids) passages.push_back({id, "The river rose."});
    ASSERT_TRUE(put(std::move(passages), {}).ok());
  }

  // All pages; one more than there are ids is one too many.
  [[nodiscard]] std::vector<std::string> list_all(PassageQuery query) const {
    std::vector<std::string> ids;
    for (std::size_t pages = 0; pages <= store_->size(); ++pages) {
      std::promise<Outcome<PassageList>> promise;
      service_->list_passages(
          query, [&](Outcome<PassageList>&& outcome) { promise.set_value(std::move(outcome)); });
      const Outcome<PassageList> found = promise.get_future().get();
      if (!found.ok()) return {"an error"};
      const PassageList& page = found.value();
      EXPECT_LE(page.ids.size(), query.limit);
      ids.insert(ids.end(), page.ids.begin(), page.ids.end());
      if (page.next.empty()) return ids;
      query.after = page.next;
    }
    return {"no end"};
  }

  test::TempDir directory_;
  const std::vector<Passage> passages_{{"first", "The river rose."},
                                       {"second", "The people moved to the hill."}};
  std::shared_ptr<WatchedStore> store_;
  std::shared_ptr<AnswerService> service_;
};

TEST_F(LibraryServiceTest, FindsTokensAsItsTokenizerDoes) {
  EXPECT_TRUE(service_->has_token(" who "));
  for (const char* const blank : {"", " \t\n", "\u00a0", "\u200b"}) {
    EXPECT_FALSE(service_->has_token(blank)) << blank;
  }
}

// To byte-level BPE a space is a token, and a question.
TEST(LibraryServiceOfRoberta, AnswersASpace) {
  const auto service = make_library_service(
      Model::load(std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests/golden/models/roberta-split"),
      nullptr, {});
  EXPECT_TRUE(service->has_token(" "));
  EXPECT_FALSE(service->has_token(""));
  const auto ask = [&](const std::string& question) {
    std::promise<Outcome<QaResult>> promise;
    service->answer({.question = question, .passages = {{"", "the cat sat"}}},
                    [&](Outcome<QaResult>&& outcome) { promise.set_value(std::move(outcome)); });
    return promise.get_future().get();
  };
  EXPECT_TRUE(ask(" ").ok());
  const auto refused = ask("");
  ASSERT_NE(refused.error(), nullptr);
  EXPECT_EQ(refused.error()->code(), ErrorCode::kInvalidArgument);
}

TEST_F(LibraryServiceTest, CountsWhatWasStoredBeforeAPutFailed) {
  int puts = 0;
  store_->before_put = [&] {
    if (++puts == 2) throw Error(ErrorCode::kIo, "the store is gone");
  };
  const auto failed = put();
  ASSERT_NE(failed.error(), nullptr);
  EXPECT_EQ(failed.error()->code(), ErrorCode::kIo);
  EXPECT_EQ(service_->stats().passages_encoded, 1U);
  EXPECT_EQ(service_->stats().passages_reused, 0U);
  const auto whole = put();
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole.value().encoded, 1U);
  EXPECT_EQ(service_->stats().passages_encoded, 2U);
  EXPECT_EQ(service_->stats().passages_reused, 1U);
}

// Before anything is stored, though the client left when the put had begun.
TEST_F(LibraryServiceTest, GivesAPutUp) {
  std::stop_source client;
  store_->before_look_up = [&] { client.request_stop(); };
  const auto outcome = put({.cancel = client.get_token()});
  ASSERT_NE(outcome.error(), nullptr);
  EXPECT_EQ(outcome.error()->code(), ErrorCode::kCancelled);
  EXPECT_EQ(store_->size(), 0U);
}

// They cannot stand in JSON, and what stands for them there is no place to go on from.
TEST_F(LibraryServiceTest, ListsNoIdsThatAreNotUtf8) {
  put_ids({"a", "z", "\u65e5\u672c", "\xe9x", "\xe9y", "\xffx", "\xffy"});
  const std::vector<std::string> expected{"a", "z", "\u65e5\u672c"};
  for (const std::size_t limit : {1U, 2U, 3U, 4U, 7U, 100U}) {
    EXPECT_EQ(list_all({.limit = limit}), expected) << limit;
  }
  EXPECT_EQ(list_all({.prefix = "z", .limit = 1}), std::vector<std::string>{"z"});
}

// However many of them lie between two that are listed.
TEST_F(LibraryServiceTest, ListsOnBehindIdsThatAreNotUtf8) {
  std::vector<std::string> ids{"a", "\xf0\x9f\x98\x80"};
  for (int i = 0; i < 1200; ++i) ids.push_back("\xc3 " + std::to_string(i));
  put_ids(ids);
  for (const std::size_t limit : {1U, 2U, 1000U}) {
    EXPECT_EQ(list_all({.limit = limit}), std::vector<std::string>(ids.begin(), ids.begin() + 2))
        << limit;
  }
}

TEST_F(LibraryServiceTest, PutsNothingBehindItsDeadline) {
  const auto outcome = put({.deadline = std::chrono::steady_clock::now()});
  ASSERT_NE(outcome.error(), nullptr);
  EXPECT_EQ(outcome.error()->code(), ErrorCode::kTimedOut);
  EXPECT_EQ(store_->size(), 0U);
}

}  // namespace
}  // namespace deformer::serve
