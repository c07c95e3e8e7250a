// Every reader on its committed inputs: seeds, and what fuzzing has found.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/fuzz_target.h"

namespace deformer::fuzz {
namespace {

namespace fs = std::filesystem;

class Corpus : public testing::TestWithParam<Target> {};

TEST_P(Corpus, IsTakenOrRefusedInOneLine) {
  const fs::path inputs = fs::path(DEFORMER_SOURCE_DIR) / "tests/fuzz/corpus" / GetParam().name;
  ASSERT_TRUE(fs::is_directory(inputs)) << "no inputs for " << GetParam().name;
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(inputs)) {
    SCOPED_TRACE(entry.path().filename());
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    EXPECT_NO_THROW(run(GetParam(), std::as_bytes(std::span(text))));
    // Cut short, each input is another one.
    for (const std::size_t size : {text.size() / 2, text.size() * 9 / 10}) {
      EXPECT_NO_THROW(run(GetParam(), std::as_bytes(std::span(text).first(size)))) << size;
    }
    ++count;
  }
  EXPECT_GT(count, 0U);
}

INSTANTIATE_TEST_SUITE_P(Readers, Corpus, testing::ValuesIn(targets().begin(), targets().end()),
                         [](const auto& reader) { return std::string(reader.param.name); });

}  // namespace
}  // namespace deformer::fuzz
