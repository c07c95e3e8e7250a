#include "deformer/tokenizer.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

constexpr std::string_view kLetters = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nA\n";

TEST(LoadTokenizer, LoadsAWordPieceDirectory) {
  const test::TempDir dir;
  write_file(dir / "vocab.txt", kLetters);
  const auto tokenizer = load_tokenizer(dir.path());
  EXPECT_EQ(tokenizer->vocab_size(), 6);
  EXPECT_EQ(tokenizer->special_tokens().sep, 3);
  EXPECT_EQ(tokenizer->tokenize("A").ids, (std::vector<std::int32_t>{4}));
}

TEST(LoadTokenizer, HeedsTokenizerConfig) {
  const test::TempDir dir;
  write_file(dir / "vocab.txt", kLetters);
  write_file(dir / "tokenizer_config.json", R"({"do_lower_case": false})");
  EXPECT_EQ(load_tokenizer(dir.path())->tokenize("A").ids, (std::vector<std::int32_t>{5}));
}

TEST(LoadTokenizer, NamesTheFilesItLookedFor) {
  const test::TempDir dir;
  test::expect_error(ErrorCode::kNotFound,
                     dir.path().string() + ": expected a tokenizer (vocab.txt",
                     [&] { (void)load_tokenizer(dir.path()); });
  test::expect_error(ErrorCode::kNotFound, "missing",
                     [&] { (void)load_tokenizer(dir / "missing"); });
}

TEST(LoadTokenizer, NamesTheFileOfABrokenVocabulary) {
  const test::TempDir dir;
  write_file(dir / "vocab.txt", "a\n");
  test::expect_error(ErrorCode::kCorrupt, (dir / "vocab.txt").string() + ": expected the special",
                     [&] { (void)load_tokenizer(dir.path()); });
  write_file(dir / "vocab.txt", "");
  test::expect_error(ErrorCode::kCorrupt,
                     (dir / "vocab.txt").string() + ": expected at least one token",
                     [&] { (void)load_tokenizer(dir.path()); });
}

TEST(LoadTokenizer, NamesAGitLfsPointerInPlaceOfItsFile) {
  for (const char* name : {"vocab.txt", "spiece.model"}) {
    const test::TempDir dir;
    write_file(dir / name, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n");
    test::expect_error(ErrorCode::kCorrupt,
                       (dir / name).string() + ": expected the file itself, found a Git LFS",
                       [&] { (void)load_tokenizer(dir.path()); });
  }
}

TEST(LoadTokenizer, RefusesAHugeVocabulary) {
  const test::TempDir dir;
  write_file(dir / "vocab.txt", "a\n");
  std::filesystem::resize_file(dir / "vocab.txt", std::size_t{65} << 20);
  test::expect_error(ErrorCode::kCorrupt, "vocab.txt: expected at most 67108864 bytes",
                     [&] { (void)load_tokenizer(dir.path()); });
}

}  // namespace
}  // namespace deformer
