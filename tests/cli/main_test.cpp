// deformer itself: verbs, help, standard streams, exit codes.
#include "cli/cli_fixture.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;

class Main : public CliTest {};

constexpr const char* kVerbs[] = {"answer",   "bench",   "classify", "convert", "encode",
                                  "evaluate", "inspect", "store",    "trace",   "train"};

TEST_F(Main, PrintsItsVersion) {
  EXPECT_THAT(run_ok({"--version"}), testing::MatchesRegex("deformer [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST_F(Main, HelpListsVerbsAndExitCodes) {
  const std::string help = run_ok({"--help"});
  for (const char* verb : kVerbs) EXPECT_THAT(help, HasSubstr(verb));
  EXPECT_THAT(help, HasSubstr("8 input/output error"));
}

TEST_F(Main, EveryVerbHasExamplesInItsHelp) {
  for (const std::string verb : kVerbs) {
    const std::string help = run_ok({verb, "--help"});
    EXPECT_THAT(help, HasSubstr("Examples:"));
    EXPECT_THAT(help, HasSubstr("deformer " + verb + " "));
  }
}

TEST_F(Main, RefusesAMissingOrUnknownVerb) {
  expect_failure(
      run({}), 2,
      "expected a verb (answer, bench, classify, convert, encode, evaluate, inspect, store, "
      "trace, train");
  expect_failure(run({"anser"}), 2, "found \"anser\"");
}

TEST_F(Main, RefusesUnknownAndMissingOptions) {
  expect_failure(run({"answer", "--model", "m", "--sqad", "f"}), 2, "--sqad");
  expect_failure(run({"answer", "--squad", "f"}), 2, "--model");
  expect_failure(run({"evaluate", "--predictions", "p"}), 2, "--squad");
  expect_failure(run({"answer", "--model", "m", "--squad", "f", "--top-k", "0"}), 2, "--top-k");
  expect_failure(run({"answer", "--model", "m", "--squad", "f", "--top-k", "many"}), 2, "--top-k");
  expect_failure(run({"answer", "--model", "m"}), 2, "--squad, --jsonl, --passage");
  expect_failure(run({"answer", "--model", "m", "--squad", "f", "--jsonl", "g"}), 2, "--jsonl");
  expect_failure(run({"answer", "--model", "m", "--jsonl", "f", "--nbest", "g"}), 2, "--nbest");
  expect_failure(run({"answer", "--model", "m", "--passage", "f"}), 2, "--question");
  expect_failure(run({"answer", "--model", "m", "--squad", "f", "--long-questions", "skip"}), 2,
                 "--long-questions");
}

TEST_F(Main, ReportsAFullDiskOnStandardOutput) {
  expect_failure(run({"--help"}, {.output_path = "/dev/full"}), 7,
                 "standard output: cannot write: No space left");
}

TEST_F(Main, ReportsAClosedStandardOutput) {
  expect_failure(run({"--help"}, {.close_output = true}), 8, "standard output: cannot write");
}

TEST_F(Main, EndsQuietlyWhenTheReaderOfItsOutputIsGone) {
  Process process(command({"answer", "--model", write_model(), "--jsonl", "-"}));
  process.close_output();
  process.write("{\"question\": \"who?\", \"passage\": \"nobody\"}\n");
  EXPECT_EQ(process.wait(), 141);
  EXPECT_EQ(process.read_errors(), "");
}

TEST_F(Main, MessagesStayOneLineWhateverTheFileIsCalled) {
  expect_failure(run({"inspect", path("two\nlines\x1b[2J")}), 3, "two lines\\x1b[2J");
}

}  // namespace
}  // namespace deformer::test
