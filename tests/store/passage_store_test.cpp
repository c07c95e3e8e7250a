#include "deformer/passage_store.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "store/passages.h"
#include "store/store_entry.h"
#include "support/expect_error.h"

namespace deformer::test {
namespace {

TEST(Fingerprint, RoundTripsAsText) {
  EXPECT_EQ(to_string(kModel), "0123456789abcdeffedcba9876543210");
  EXPECT_EQ(parse_fingerprint("0123456789abcdeffedcba9876543210"), kModel);
  for (const char* text :
       {"", "0123456789abcdeffedcba987654321", "0123456789ABCDEFfedcba9876543210",
        "0123456789abcdeffedcba98765432100", "0x23456789abcdeffedcba9876543210",
        "0123456789abcdef-edcba9876543210"}) {
    expect_error(ErrorCode::kInvalidArgument, "32 lower-case hexadecimal digits",
                 [&] { static_cast<void>(parse_fingerprint(text)); });
  }
}

TEST(HiddenCodec, RoundTripsAsText) {
  for (const HiddenCodec codec : {HiddenCodec::kFp32, HiddenCodec::kFp16, HiddenCodec::kInt8}) {
    EXPECT_EQ(parse_hidden_codec(to_string(codec)), codec);
  }
  expect_error(ErrorCode::kInvalidArgument, "expected fp32, fp16 or int8, found \"fp8\"",
               [] { static_cast<void>(parse_hidden_codec("fp8")); });
}

TEST(StoreEntry, IsTheLineOfTheSpecification) {
  EXPECT_EQ(format_store_entry(kModel),
            "deformer-passage-store 1 0123456789abcdeffedcba9876543210");
  EXPECT_EQ(parse_store_entry(format_store_entry(kModel), "s"), kModel);
}

TEST(StoreEntry, RefusesNewerAndOtherData) {
  const auto refuse = [](ErrorCode code, const std::string& entry, const std::string& text) {
    expect_error(code, text, [&] { static_cast<void>(parse_store_entry(entry, "lmdb:x")); });
  };
  refuse(ErrorCode::kIncompatible, "deformer-passage-store 12 abc",
         "lmdb:x: expected a passage store of version 1 or older, found version 12");
  refuse(ErrorCode::kIncompatible, "", "found other data");
  refuse(ErrorCode::kIncompatible, "something else", "found other data");
  refuse(ErrorCode::kIncompatible, "deformer-passage-store x", "damaged");
  refuse(ErrorCode::kCorrupt, "deformer-passage-store 1 0123", "damaged");
}

TEST(OpenPassageStore, ListsTheKnownSchemes) {
  for (const char* uri : {"", "memory", "file:x", "LMDB:x", "/some/path"}) {
    expect_error(ErrorCode::kInvalidArgument, "memory:, lmdb:PATH or redis://",
                 [&] { static_cast<void>(open_passage_store(uri, kModel)); });
  }
}

TEST(OpenPassageStore, RefusesWhatIsMissingOrTooMuch) {
  const auto refuse = [](ErrorCode code, const char* uri, const char* text) {
    expect_error(code, text, [&] { static_cast<void>(open_passage_store(uri, kModel)); });
  };
  refuse(ErrorCode::kInvalidArgument, "lmdb:", "expected a directory after lmdb:");
  refuse(ErrorCode::kInvalidArgument, "lmdb://deformer-no-store", "expected lmdb:PATH");
  refuse(ErrorCode::kNotFound, "lmdb:///deformer-no-store/s", "cannot create the directory");
  refuse(ErrorCode::kInvalidArgument, "memory:x", "expected nothing after memory:");
  refuse(ErrorCode::kInvalidArgument, "redis:localhost", "expected //host");
  refuse(ErrorCode::kUnsupported, "rediss://localhost", "TLS");
}

TEST(OpenPassageStore, NeverShowsWhatMayBeAPassword) {
  try {
    static_cast<void>(open_passage_store("redi://user:secret@host/p", kModel));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos) << error.what();
  }
}

// A store that implements only what it must.
class LeastStore final : public PassageStore {
 public:
  explicit LeastStore(EncodedPassage passage) : passage_(std::move(passage)) {}
  std::vector<std::shared_ptr<const EncodedPassage>> get(
      std::span<const std::string> ids) const override {
    std::vector<std::shared_ptr<const EncodedPassage>> found;
    for (const std::string& id : ids) {
      found.push_back(id == passage_.id ? std::make_shared<EncodedPassage>(passage_) : nullptr);
    }
    return found;
  }
  void put(std::span<const EncodedPassage>) override {}
  std::size_t erase(std::span<const std::string>) override { return 0; }
  std::size_t size() const override { return 1; }
  const Fingerprint& fingerprint() const noexcept override { return kModel; }

 private:
  EncodedPassage passage_;
};

TEST(PassageStore, HasDefaultsForEnginesThatDoLess) {
  const EncodedPassage passage = make_passage("p", 0, {.projection_hash = 7});
  LeastStore store(passage);
  const std::vector<std::string> ids{"absent", "p"};
  const auto hashes = store.hashes(ids);
  EXPECT_FALSE(hashes[0]);
  EXPECT_EQ(hashes[1], (PassageHashes{hash64(passage.text), 7}));
  EXPECT_EQ(store.info().passages, 1U);
  expect_error(ErrorCode::kUnsupported, "list", [&] { static_cast<void>(store.list_ids("", 1)); });
  expect_error(ErrorCode::kUnsupported, "note", [&] { store.set_note("x"); });
}

}  // namespace
}  // namespace deformer::test
