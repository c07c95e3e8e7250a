// Files that a bad copy or a bad disk has left: cut, shifted, with pages in another's place. LMDB
// itself follows what it finds beyond the end of the file; each trial runs where a crash is seen.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <random>

#include "base/file.h"
#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "store/child_process.h"
#include "store/passages.h"
#include "store/scratch_dir.h"
#include "support/expect_error.h"

namespace deformer::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHeader = 16;
constexpr int kPassages = 150;

std::string id_of(int i) {
  return "passage " + std::to_string(i) + " " + std::string(static_cast<std::size_t>(i % 60), 'x');
}

EncodedPassage passage_of(int i) {
  const std::size_t tokens = i % 8 == 0 ? 60U : 5U;  // in pages of its own; in the tree's
  return make_passage(id_of(i), 0, {.tokens = tokens, .hidden_size = i % 8 == 0 ? 32U : 4U});
}

std::vector<EncodedPassage> make_passages(int first, int end) {
  std::vector<EncodedPassage> passages;
  passages.reserve(static_cast<std::size_t>(end - first));
  for (int i = first; i < end; ++i) passages.push_back(passage_of(i));
  return passages;
}

// Branches, leaves, values in pages of their own and lists of free pages.
std::string make_store_file(const fs::path& path) {
  {
    const auto store = open_passage_store("lmdb:" + path.string(), kModel);
    const auto passages = make_passages(0, kPassages);
    for (int i = 0; i < kPassages; i += 15) store->put(std::span(passages).subspan(i, 15));
    store->put(std::span(passages).first(40));
    const auto more = make_passages(kPassages, kPassages + 30);
    store->put(more);
    std::vector<std::string> ids;
    for (const EncodedPassage& passage : more) ids.push_back(passage.id);
    store->erase(ids);
    store->set_note("note");
  }
  return read_file(path / "data.mdb");
}

bool is_tree_page(const std::string& file, std::size_t page) {
  const char flags = file[page * kPage + 10];
  return flags == 1 || flags == 2;
}

using Random = std::mt19937;

std::size_t below(Random& random, std::size_t end) {
  return std::uniform_int_distribution<std::size_t>(0, end - 1)(random);
}

std::size_t tree_page(Random& random, const std::string& file) {
  std::size_t page = 0;
  do {
    page = below(random, file.size() / kPage);
  } while (!is_tree_page(file, page));
  return page * kPage;
}

void flip(Random& random, std::string& file, std::size_t at) {
  file[at] = static_cast<char>(file[at] ^ (1 + below(random, 255)));
}

constexpr std::array<void (*)(Random&, std::string&), 9> kDamages{
    [](Random& random, std::string& file) { file.resize(below(random, file.size())); },
    [](Random& random, std::string& file) {
      const std::string more(1 + below(random, 3 * kPage), static_cast<char>(random()));
      file.insert(below(random, file.size()), more);
    },
    [](Random& random, std::string& file) {
      file.erase(below(random, file.size()), 1 + below(random, 3 * kPage));
    },
    // The header of any page, of a meta page all that it holds.
    [](Random& random, std::string& file) {
      flip(random, file, below(random, file.size() / kPage) * kPage + below(random, kHeader));
    },
    [](Random& random, std::string& file) {
      flip(random, file, below(random, 2) * kPage + below(random, 152));
    },
    [](Random& random, std::string& file) {
      flip(random, file, tree_page(random, file) + below(random, kPage));
    },
    // The places of the nodes.
    [](Random& random, std::string& file) {
      flip(random, file, tree_page(random, file) + kHeader + below(random, 64));
    },
    [](Random& random, std::string& file) {
      const std::size_t one = below(random, file.size() / kPage) * kPage;
      const std::size_t other = tree_page(random, file);
      const std::string saved = file.substr(one, kPage);
      file.replace(one, kPage, file, other, kPage);
      file.replace(other, kPage, saved);
    },
    [](Random& random, std::string& file) {
      const std::size_t page = below(random, file.size() / kPage) * kPage;
      std::memset(file.data() + page, static_cast<int>(random() % 2 * 255), kPage);
    },
};

// A damage inside the line that says whose the store is reads as another model's store.
bool is_fitting(const Error& error) {
  return error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kIncompatible;
}

struct Verdict {
  bool wrong = false;    // a passage that was never put, or another kind of error
  bool refused = false;  // by a read
  bool absent = false;
  bool verified = false;
};

// What `read` finds; an error of it is a verdict too.
template <typename Read>
void judge(Verdict& verdict, Read&& read) {
  try {
    read();
  } catch (const Error& error) {
    verdict.refused = true;
    verdict.wrong = verdict.wrong || !is_fitting(error);
  }
}

Verdict read_damaged(const std::string& uri, const std::vector<EncodedPassage>& passages) {
  Verdict verdict;
  judge(verdict, [&] {
    const auto store = open_existing_passage_store(uri);
    const auto read = [&](const EncodedPassage& passage) {
      const auto found = get_one(*store, passage.id);
      verdict.absent = verdict.absent || !found;
      verdict.wrong = verdict.wrong || (found && !is_same(*found, passage));
    };
    for (const EncodedPassage& passage : passages) judge(verdict, [&] { read(passage); });
    const StoreScan scan = scan_passage_store(*store);
    verdict.verified = scan.bad.empty() && scan.passages == passages.size();
  });
  return verdict;
}

// Whether a write ended in an error that fits, or well.
bool write_some(const std::string& uri, const std::vector<EncodedPassage>& passages) {
  try {
    const auto store = open_passage_store(uri, kModel);
    store->put(make_passages(500, 520));
    store->put(std::span(passages).subspan(30, 60));
    const std::vector<std::string> ids{passages[8].id, passages[9].id, passages[140].id};
    store->erase(ids);
    store->set_note("other");
  } catch (const Error& error) {
    return is_fitting(error) && std::strchr(error.what(), '\n') == nullptr;
  }
  return true;
}

// Counts that survive the death of the process that made them.
struct DamageCounts {
  std::size_t next, refused, verified;
  std::size_t silent, wrong, failed_writes, crashed;
};

void run_trial(const std::string& file, const std::vector<EncodedPassage>& passages,
               std::size_t number, DamageCounts& shared) {
  Random random(static_cast<unsigned>(number));
  std::string damaged = file;
  kDamages.at(number % kDamages.size())(random, damaged);
  const ScratchDir directory;
  const fs::path path = directory / "store";
  fs::create_directory(path);
  write_file(path / "data.mdb", damaged);
  const std::string uri = "lmdb:" + path.string();
  const Verdict verdict = read_damaged(uri, passages);
  const bool fine = write_some(uri, passages);
  shared.refused += verdict.refused ? 1 : 0;
  shared.verified += verdict.verified ? 1 : 0;
  const bool silent = verdict.verified && (verdict.absent || verdict.refused);
  shared.silent += silent ? 1 : 0;
  shared.wrong += verdict.wrong ? 1 : 0;
  shared.failed_writes += fine ? 0 : 1;
  if (silent || verdict.wrong || !fine) std::printf("trial %zu\n", number);
}

TEST(LmdbDamage, EndsInRightValuesOrAnErrorAndNeverInACrash) {
  const ScratchDir directory;
  const std::string file = make_store_file(directory / "store");
  const auto passages = make_passages(0, kPassages);
  const std::size_t trials = soak_seconds(0) < 60 ? 540 : 20000;
  void* memory = ::mmap(nullptr, sizeof(DamageCounts), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* shared = new (memory) DamageCounts{};
  const auto run_trials = [&] {
    while (shared->next < trials) {
      ::alarm(20);
      run_trial(file, passages, shared->next++, *shared);
    }
  };
  while (shared->next < trials) {
    const std::string said = run_in_child(run_trials);
    if (said.empty()) continue;
    ++shared->crashed;
    std::printf("trial %zu: %s\n", shared->next - 1, said.c_str());
  }
  const DamageCounts found = *shared;
  ::munmap(memory, sizeof(DamageCounts));
  std::printf("of %zu damages: refused by a read %zu, without effect %zu\n", trials, found.refused,
              found.verified);
  EXPECT_EQ(found.crashed, 0U);
  EXPECT_EQ(found.wrong, 0U);
  EXPECT_EQ(found.silent, 0U) << "an absent passage in a store that verifies";
  EXPECT_EQ(found.failed_writes, 0U);
  EXPECT_GT(found.refused, trials / 3);
  EXPECT_GT(found.verified, 0U);
}

std::uint64_t number_at(const std::string& file, std::size_t at) {
  std::uint64_t number = 0;
  std::memcpy(&number, file.data() + at, sizeof number);
  return number;
}

// Where the newest state's list of free pages begins.
std::size_t free_list_root(const std::string& file) {
  constexpr std::size_t kTransaction = 144;
  constexpr std::size_t kRoot = 80;
  const bool is_first = number_at(file, kTransaction) > number_at(file, kPage + kTransaction);
  return number_at(file, (is_first ? 0 : kPage) + kRoot) * kPage;
}

// Says that the page holds fewer nodes than none.
void damage_free_list(const fs::path& store) {
  std::string file = read_file(store / "data.mdb");
  const std::size_t at = free_list_root(file) + 12;
  std::FILE* out = std::fopen((store / "data.mdb").c_str(), "r+b");
  std::fseek(out, static_cast<long>(at), SEEK_SET);
  std::fputc(3, out);
  std::fclose(out);
}

TEST(LmdbDamage, ADamagedListOfFreePagesRefusesTheFirstPut) {
  const ScratchDir directory;
  const fs::path path = directory / "store";
  const std::string uri = "lmdb:" + path.string();
  make_store_file(path);
  damage_free_list(path);
  EXPECT_EQ(run_in_child([&] {
              const auto store = open_passage_store(uri, kModel);
              expect_holds(*store, passage_of(0));
              expect_error(ErrorCode::kCorrupt, uri + ": the data file is damaged: page",
                           [&] { store->put(make_passages(0, 3)); });
              if (testing::Test::HasFailure()) throw std::runtime_error("see above");
            }),
            "");
}

// Too late for the check before the first write: LMDB's own assertion has to end in an error, and
// the process must not wait for the lock that LMDB still holds.
TEST(LmdbDamage, ADamageUnderARunningWriterIsAnErrorFromThenOn) {
  const ScratchDir directory;
  const fs::path path = directory / "store";
  const std::string uri = "lmdb:" + path.string();
  const auto passages = make_passages(0, 40);
  const auto refuse = [&](const std::string& text, auto&& call) {
    expect_error(ErrorCode::kCorrupt, text, call);
  };
  const auto write_until_damage = [&] {
    const auto store = open_passage_store(uri, kModel);
    for (int i = 0; i < 3; ++i) store->put(passages);
    damage_free_list(path);
    refuse("Assertion", [&] { store->put(passages); });
    refuse(uri, [&] { store->put(passages); });
    refuse(uri, [&] { static_cast<void>(store->size()); });
  };
  EXPECT_EQ(run_in_child([&] {
              ::alarm(20);
              write_until_damage();
              refuse(uri, [&] { static_cast<void>(open_passage_store(uri, kModel)); });
              if (testing::Test::HasFailure()) throw std::runtime_error("see above");
            }),
            "");
  EXPECT_EQ(run_in_child([&] { expect_holds(*open_passage_store(uri, kModel), passages[0]); }), "");
}

}  // namespace
}  // namespace deformer::test
