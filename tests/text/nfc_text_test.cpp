#include "text/nfc_text.h"

#include <gtest/gtest.h>

#include "text/bpe_golden.h"

namespace deformer {
namespace {

ByteSpan source_at(std::string_view text, std::size_t byte) {
  return nfc_text(text).sources.at(byte);
}

TEST(NfcText, ComposesCharacters) {
  EXPECT_EQ(nfc_text("e\u0301x").text, "\u00E9x");
  EXPECT_EQ(source_at("e\u0301x", 0), (ByteSpan{0, 3}));
  EXPECT_EQ(source_at("e\u0301x", 2), (ByteSpan{3, 4}));
  EXPECT_EQ(nfc_text("\u1112\u1161\u11AB").text, "\uD55C");
  EXPECT_EQ(nfc_text("\u212B").text, "\u00C5");
}

TEST(NfcText, MarksThatChangePlacesShareTheirRange) {
  const std::string text = "q\u0307\u0323";
  EXPECT_EQ(nfc_text(text).text, "q\u0323\u0307");
  EXPECT_EQ(source_at(text, 0), (ByteSpan{0, 1}));
  EXPECT_EQ(source_at(text, 1), (ByteSpan{1, 5}));
  EXPECT_EQ(source_at(text, 3), (ByteSpan{1, 5}));
}

TEST(NfcText, ReplacesInvalidBytes) {
  EXPECT_EQ(nfc_text("a\xFF").text, "a\uFFFD");
  EXPECT_EQ(source_at("a\xFF", 3), (ByteSpan{1, 2}));
}

TEST(NfcText, KnowsWhatItCannotChange) {
  EXPECT_FALSE(may_change_in_nfc("Caf\u00E9 \u00C5"));
  EXPECT_TRUE(may_change_in_nfc("e\u0301"));
  EXPECT_TRUE(may_change_in_nfc("a\xFF"));
}

std::uint32_t nfc_digest(char32_t begin, char32_t end) {
  test::Crc32 digest;
  for (char32_t c = begin; c < end; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text = "a";
    append_utf8(text, c);
    text += "\u0323";
    append_utf8(text, c);
    digest.add_bytes(nfc_text(text).text + "\n");
  }
  return digest.value();
}

TEST(NfcText, AgreesWithTheReferenceOnEveryCodePoint) {
  const nlohmann::json golden = test::load_bpe_golden("nfc.json");
  const auto count = golden["code_points_per_digest"].get<char32_t>();
  const auto& digests = golden["code_points"];
  for (char32_t block = 0; block < digests.size(); ++block) {
    EXPECT_EQ(nfc_digest(block * count, (block + 1) * count), digests[block].get<std::uint32_t>())
        << "code points from " << std::hex << block * count;
  }
}

TEST(NfcText, AgreesWithTheReferenceOnRandomTexts) {
  const nlohmann::json golden = test::load_bpe_golden("nfc.json");
  const nlohmann::json pools = test::load_golden("random.json");
  test::RandomTexts texts(pools);
  for (const nlohmann::json& expected : golden["random"]) {
    test::Crc32 digest;
    for (int i = 0; i < pools["texts_per_digest"]; ++i) {
      digest.add_bytes(nfc_text(texts.next()).text + "\n");
    }
    EXPECT_EQ(digest.value(), expected.get<std::uint32_t>());
  }
}

}  // namespace
}  // namespace deformer
