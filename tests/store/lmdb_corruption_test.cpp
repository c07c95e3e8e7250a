// Bytes of the data file changed one by one. Records have a checksum; LMDB's own pages have none,
// so each trial runs where a crash would be seen.
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
#include "store/scratch_dir.h"

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

// A file with one byte changed, as long as the object.
class ChangedByte {
 public:
  ChangedByte(std::filesystem::path path, const std::string& bytes, std::size_t at)
      : path_(std::move(path)), bytes_(bytes), at_(at) {
    write(static_cast<char>(bytes[at] ^ (1 << at % 8)));
  }
  ~ChangedByte() {
    // A changed number of pages may have made the file longer.
    std::filesystem::resize_file(path_, bytes_.size());
    write(bytes_[at_]);
  }
  ChangedByte(const ChangedByte&) = delete;
  ChangedByte& operator=(const ChangedByte&) = delete;

 private:
  void write(char byte) const {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at_));
    file.put(byte);
  }

  std::filesystem::path path_;
  const std::string& bytes_;
  std::size_t at_;
};

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
  const ScratchDir directory;
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
        const ChangedByte changed(path / "data.mdb", bytes, at);
        ++shared->outcomes[read_all("lmdb:" + path.string(), passages)];
      }
    });
    if (said.empty()) continue;
    ++shared->outcomes[kCrashed];
    write_file(path / "data.mdb", bytes);
  }
  const auto outcomes = shared->outcomes;
  ::munmap(memory, sizeof(Shared));
  std::printf("of %zu bytes changed: right %zu, absent %zu, refused %zu, crashed %zu, wrong %zu\n",
              (bytes.size() + step - 1) / step, outcomes[kRight], outcomes[kAbsent],
              outcomes[kRefused], outcomes[kCrashed], outcomes[kWrong]);
  EXPECT_EQ(outcomes[kWrong], 0U);
  EXPECT_GT(outcomes[kRefused], 50U);
  EXPECT_EQ(outcomes[kCrashed], 0U);
}

}  // namespace
}  // namespace deformer::test
