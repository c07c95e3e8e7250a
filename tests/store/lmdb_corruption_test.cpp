// Bytes of the data file changed one by one. Records have a checksum; LMDB's own pages have none,
// so a change there may make LMDB stop the process, which is why each trial runs in one of its own.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cstdio>
#include <fstream>

#include "base/file.h"
#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "store/child_process.h"
#include "store/passages.h"
#include "support/temp_dir.h"

namespace deformer::test {
namespace {

enum Outcome : std::size_t { kRight, kAbsent, kRefused, kCrashed, kWrong, kNumOutcomes };

// Counts that survive the death of the process that made them.
struct Shared {
  std::array<std::size_t, kNumOutcomes> outcomes;
  std::size_t next;
};

std::vector<EncodedPassage> make_passages() {
  std::vector<EncodedPassage> passages;
  for (int i = 0; i < 6; ++i) {
    passages.push_back(make_passage("passage " + std::to_string(i), 0,
                                    {.tokens = 10U + 40U * unsigned(i), .hidden_size = 16}));
  }
  return passages;
}

Outcome read_all(const std::string& uri, const std::vector<EncodedPassage>& passages) {
  Outcome outcome = kRight;
  try {
    const auto store = open_passage_store(uri, kModel);
    for (const EncodedPassage& passage : passages) {
      const auto found = get_one(*store, passage.id);
      if (found && !is_same(*found, passage)) return kWrong;
      if (!found) outcome = kAbsent;
    }
  } catch (const Error&) {
    return kRefused;
  }
  return outcome;
}

TEST(LmdbCorruption, AChangedByteNeverGivesAWrongPassage) {
  const TempDir directory;
  const auto path = directory / "store";
  const std::vector<EncodedPassage> passages = make_passages();
  open_passage_store("lmdb:" + path.string(), kModel)->put(passages);
  const std::string bytes = read_file(path / "data.mdb");
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* shared = new (memory) Shared{};
  // About 700 bytes; all of them, which takes minutes, in a long soak.
  const std::size_t step = soak_seconds(0) < 60 ? bytes.size() / 700 : 1;
  while (shared->next < bytes.size()) {
    const std::string said = run_in_child([&] {
      while (shared->next < bytes.size()) {
        const std::size_t at = shared->next;
        shared->next += step;
        std::string damaged = bytes;
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
        const auto copy = directory / "copy";
        std::filesystem::create_directory(copy);
        std::ofstream(copy / "data.mdb", std::ios::binary) << damaged;
        ++shared->outcomes[read_all("lmdb:" + copy.string(), passages)];
      }
    });
    if (!said.empty()) ++shared->outcomes[kCrashed];
  }
  const auto outcomes = shared->outcomes;
  ::munmap(memory, sizeof(Shared));
  std::printf("of %zu bytes changed: right %zu, absent %zu, refused %zu, crashed %zu, wrong %zu\n",
              (bytes.size() + step - 1) / step, outcomes[kRight], outcomes[kAbsent],
              outcomes[kRefused], outcomes[kCrashed], outcomes[kWrong]);
  EXPECT_EQ(outcomes[kWrong], 0U);
  EXPECT_GT(outcomes[kRefused], 50U);
  // Measured with LMDB 0.9.24: see docs/store_format.md.
  EXPECT_LE(outcomes[kCrashed] * 100, bytes.size() / step);
}

}  // namespace
}  // namespace deformer::test
