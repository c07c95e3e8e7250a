// kill -9 of `deformer encode` at random moments: what was written stays, and the next run goes on.
#include <csignal>
#include <random>
#include <thread>

#include "cli/cli_fixture.h"
#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "store/passages.h"

namespace deformer::test {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr int kKills = 50;
constexpr std::size_t kPassages = 100;

class EncodeKill : public CliTest {
 protected:
  EncodeKill() : model(write_model()), input(write_passages()) {}

  // A passage a pass and a commit: every run computes the same bits, wherever the last one stopped.
  [[nodiscard]] std::vector<std::string> encode(const std::string& store) const {
    return {"encode",  "--model", model,     "--store",        "lmdb:" + path(store),
            "--jsonl", input,     "--quiet", "--batch-tokens", "1",
            "--json",  "--resume"};
  }

  // Passages of the store, all read and found good; nullopt where there is no store yet.
  [[nodiscard]] std::optional<std::size_t> verified_passages(const std::string& store) const {
    try {
      const auto found = open_existing_passage_store("lmdb:" + path(store));
      const StoreScan scan = scan_passage_store(*found);
      EXPECT_TRUE(scan.bad.empty()) << scan.bad[0].message;
      EXPECT_EQ(scan.passages, found->size());
      return scan.passages;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;
      return std::nullopt;
    }
  }
  void expect_that_inspect_agrees(const std::string& store, std::size_t passages) const {
    const Json report =
        Json::parse(run_ok({"inspect", "lmdb:" + path(store), "--verify", "--json"}));
    EXPECT_EQ(report["damaged"], Json::array());
    EXPECT_EQ(report["read"]["passages"], passages);
  }

  // Runs encode and kills it `after` its start or, with from_first_write, after it began to write.
  void encode_and_kill(const std::string& store, Seconds after, bool from_first_write) const {
    Process process(command(encode(store)));
    const std::string lock = path(store) + "/writer.lock";
    const auto give_up = Clock::now() + std::chrono::seconds(10);
    while (from_first_write && read(lock).find(std::to_string(process.pid())) != 0 &&
           Clock::now() < give_up) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    std::this_thread::sleep_for(after);
    ::kill(process.pid(), SIGKILL);
    const int status = process.wait();
    EXPECT_TRUE(status == -SIGKILL || status == 0) << process.read_errors();
  }

  void expect_equal_stores(const std::string& one, const std::string& other) const {
    const auto expected = open_existing_passage_store("lmdb:" + path(one));
    const auto found = open_existing_passage_store("lmdb:" + path(other));
    const auto ids = expected->list_ids("", kPassages + 1);
    ASSERT_EQ(ids.size(), kPassages);
    EXPECT_EQ(found->list_ids("", kPassages + 1), ids);
    EXPECT_EQ(found->info().note, expected->info().note);
    for (const std::string& id : ids) expect_holds(*found, *get_one(*expected, id));
  }

  std::string model;
  std::string input;

 private:
  [[nodiscard]] std::string write_passages() const {
    std::ostringstream lines;
    for (std::size_t i = 0; i < kPassages; ++i) {
      lines << R"({"id": "p)" << i << R"(", "text": "passage number )" << i
            << R"( is about rivers"})"
            << "\n";
    }
    return write("passages.jsonl", lines.str());
  }
};

TEST_F(EncodeKill, AtAnyMomentLosesNothingAndResumes) {
  const auto start = Clock::now();
  const Json whole = Json::parse(run_ok(encode("whole")));
  const Seconds run_time = Clock::now() - start;
  const Seconds write_time(whole["seconds"].get<double>());
  ASSERT_EQ(whole["encoded"], kPassages);
  std::mt19937 random(11);
  std::uniform_real_distribution<double> share(0, 1);
  std::size_t before = 0;
  int unfinished = 0;
  int stores = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    SCOPED_TRACE("kill " + std::to_string(kill));
    const std::string store = "store-" + std::to_string(stores);
    // One in four from the start of the program: then it may be creating the store, or not even
    // that.
    const bool from_first_write = kill % 4 != 0;
    encode_and_kill(store, share(random) * (from_first_write ? write_time : run_time),
                    from_first_write);
    const auto passages = verified_passages(store);
    ASSERT_GE(passages.value_or(0), before) << "what was written stays";
    before = passages.value_or(0);
    if (0 < before && before < kPassages) ++unfinished;
    // Not each time: starting the tool takes longer than the rest.
    if (passages && kill % 5 == 0) expect_that_inspect_agrees(store, before);
    if (before < kPassages && kill + 1 < kKills) continue;
    const Json rest = Json::parse(run_ok(encode(store)));
    EXPECT_EQ(rest["reused"], before);
    EXPECT_EQ(rest["encoded"], kPassages - before);
    expect_equal_stores("whole", store);
    before = 0;
    ++stores;
  }
  EXPECT_GT(unfinished, kKills / 3) << "most kills are to strike while it writes";
}

}  // namespace
}  // namespace deformer::test
