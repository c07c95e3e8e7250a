// deformer trace against the golden checkpoints (scripts/golden: computed with Hugging Face
// layers).
#include <sys/stat.h>

#include <cmath>
#include <cstring>
#include <future>

#include "cli/cli_fixture.h"
#include "format/safetensors.h"

namespace deformer::test {
namespace {

const std::string kGolden = std::string(DEFORMER_SOURCE_DIR) + "/tests/golden/models/bert-split";
constexpr double kTolerance = 1e-5;

std::vector<std::int64_t> id_values(const TensorView& tensor) {
  std::vector<std::int64_t> ids(tensor.bytes.size() / sizeof(std::int64_t));
  std::memcpy(ids.data(), tensor.bytes.data(), tensor.bytes.size());
  return ids;
}

std::string id_list(const TensorView& tensor) {
  std::string list;
  for (const std::int64_t id : id_values(tensor)) {
    list += (list.empty() ? "" : ",") + std::to_string(id);
  }
  return list;
}

double largest_difference(const TensorView& a, const TensorView& b) {
  std::vector<float> left(a.bytes.size() / sizeof(float));
  std::vector<float> right(left.size());
  std::memcpy(left.data(), a.bytes.data(), a.bytes.size());
  std::memcpy(right.data(), b.bytes.data(), a.bytes.size());
  double largest = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(left[i]) - right[i]));
  }
  return largest;
}

class TraceVerb : public CliTest {};

TEST_F(TraceVerb, IdsGiveTheGoldenTensors) {
  const SafetensorsFile expected = SafetensorsFile::open(kGolden + "/expected.safetensors");
  for (const int split : {0, 2}) {
    const std::string prefix = "q5-p33-split" + std::to_string(split) + ".";
    const std::string file = path("trace.safetensors");
    EXPECT_EQ(
        run_ok({"trace", "--model", kGolden, "--split-layer", std::to_string(split),
                "--question-ids", id_list(*expected.find(prefix + "ids.question")), "--passage-ids",
                id_list(*expected.find(prefix + "ids.passage")), "--output", file}),
        "");
    const SafetensorsFile trace = SafetensorsFile::open(file);
    std::size_t compared = 0;
    for (const TensorView& golden : expected.tensors()) {
      if (golden.name.rfind(prefix, 0) != 0) continue;
      const std::string name = golden.name.substr(prefix.size());
      const TensorView* const found = trace.find(name);
      ASSERT_NE(found, nullptr) << name;
      ASSERT_EQ(found->shape, golden.shape) << name;
      ASSERT_EQ(found->dtype, golden.dtype) << name;
      if (golden.dtype == Dtype::kF32) {
        EXPECT_LT(largest_difference(*found, golden), kTolerance) << name;
      } else {
        EXPECT_EQ(id_values(*found), id_values(golden)) << name;
      }
      ++compared;
    }
    EXPECT_EQ(compared, trace.tensors().size()) << "no tensor beyond the golden ones";
  }
}

TEST_F(TraceVerb, TextsAndTheirIdsGiveTheSameTrace) {
  EXPECT_EQ(run_ok({"trace", "--model", kGolden, "--question", "who is it?", "--passage",
                    "a cat sat here", "--output", path("text.safetensors")}),
            "");
  const SafetensorsFile text = SafetensorsFile::open(path("text.safetensors"));
  EXPECT_EQ(run_ok({"trace", "--model", kGolden, "--question-ids",
                    id_list(*text.find("ids.question")), "--passage-ids",
                    id_list(*text.find("ids.passage")), "--output", path("ids.safetensors")}),
            "");
  EXPECT_EQ(read(path("text.safetensors")), read(path("ids.safetensors")));
}

TEST_F(TraceVerb, WritesToStandardOutput) {
  const std::vector<std::string> arguments{"trace",          "--model",    kGolden,
                                           "--question",     "who is it?", "--passage",
                                           "a cat sat here", "--output"};
  auto to_file = arguments;
  to_file.push_back(path("trace.safetensors"));
  EXPECT_EQ(run_ok(to_file), "");
  auto to_stdout = arguments;
  to_stdout.emplace_back("-");
  EXPECT_EQ(run_ok(to_stdout), read(path("trace.safetensors")));
  expect_failure(run(to_stdout, {.close_output = true}), 8, "standard output: cannot write");
  expect_failure(run(to_stdout, {.output_path = "/dev/full"}), 7, "standard output: cannot write");
  Process process(command(to_stdout));
  process.close_output();
  EXPECT_EQ(process.wait(), 141);
  EXPECT_EQ(process.read_errors(), "");
  EXPECT_FALSE(std::filesystem::exists("-"));
}

TEST_F(TraceVerb, WritesToAPipe) {
  const std::string pipe = path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  auto got = std::async(std::launch::async, [&] { return read(pipe); });
  const std::vector<std::string> arguments{"trace",          "--model",    kGolden,
                                           "--question",     "who is it?", "--passage",
                                           "a cat sat here", "--output"};
  auto to_pipe = arguments;
  to_pipe.push_back(pipe);
  EXPECT_EQ(run_ok(to_pipe), "");
  auto to_file = arguments;
  to_file.push_back(path("trace.safetensors"));
  EXPECT_EQ(run_ok(to_file), "");
  EXPECT_EQ(got.get(), read(path("trace.safetensors")));
}

TEST_F(TraceVerb, TracesTheWindowThatIsAskedFor) {
  std::string passage;
  for (int i = 0; i < 60; ++i) passage += std::string(1, static_cast<char>('a' + i % 26)) + " ";
  const auto trace = [&](const std::string& window) {
    return run({"trace", "--model", kGolden, "--question", "b?", "--passage", passage, "--window",
                window, "--output", path("w" + window)});
  };
  // 60 tokens in windows of 40 every 16: 0-39, 16-55, 32-59.
  const ProcessResult first = trace("0");
  EXPECT_EQ(first.status, 0);
  EXPECT_EQ(first.err, "deformer: traced window 0 of the passage's 3 (--window)\n");
  EXPECT_EQ(trace("1").status, 0);
  const auto ids = [&](const std::string& name) {
    return id_values(*SafetensorsFile::open(path(name)).find("ids.passage"));
  };
  EXPECT_EQ(ids("w0").size(), 41u);
  EXPECT_EQ(ids("w1")[0], ids("w0")[16]);
  expect_failure(trace("3"), 2, "window: expected less than the passage's 3, found 3");
}

TEST_F(TraceVerb, RefusesBadInput) {
  const auto trace_ids = [&](const std::string& question, const std::string& passage) {
    return run({"trace", "--model", kGolden, "--question-ids", question, "--passage-ids", passage,
                "--output", path("t.safetensors")});
  };
  expect_failure(trace_ids("2", "5,3"), 2, "question ids: expected at least 2 ids");
  expect_failure(trace_ids("2,5,3", "3"), 2, "passage ids: expected at least 2 ids");
  expect_failure(trace_ids("2,99999,3", "5,3"), 2, "question ids: expected token ids below ");
  expect_failure(trace_ids("2,5,3", "5,99999,3"), 2, "found 99999 in place 2");
  expect_failure(trace_ids("2,-1,3", "5,3"), 2,
                 "--question-ids: expected token ids with commas between them, found \"-1\" in "
                 "place 2");
  expect_failure(trace_ids("2,x,3", "5,3"), 2, "--question-ids");
  expect_failure(
      trace_ids("2,5,3", "5,,3"), 2,
      "--passage-ids: expected token ids with commas between them, found \"\" in place 2");
  expect_failure(trace_ids("2,5,3", "5,3,"), 2, "found \"\" in place 3");
  expect_failure(run({"trace", "--model", kGolden, "--output", path("t.safetensors")}), 2,
                 "--question");
  expect_failure(run({"trace", "--model", kGolden, "--question", " ", "--passage", "a", "--output",
                      path("t.safetensors")}),
                 2, "question: expected at least one token");
  expect_failure(run({"trace", "--model", kGolden, "--question", "a", "--passage", "", "--output",
                      path("t.safetensors")}),
                 2, "passage: expected at least one token");
  expect_failure(run({"trace", "--model", kGolden, "--question", "a", "--passage", "b", "--output",
                      path("absent/t.safetensors")}),
                 3, "absent/t.safetensors: cannot create");
  EXPECT_TRUE(listing().empty());
}

}  // namespace
}  // namespace deformer::test
