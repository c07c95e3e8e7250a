// deformer itself: verbs, help, standard streams, exit codes.
#include "cli/cli_fixture.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;

class Main : public CliTest {};

constexpr const char* kVerbs[] = {"answer", "bench",    "classify", "convert",
                                  "encode", "evaluate", "inspect",
#ifdef DEFORMER_HAS_SERVE
                                  "serve",
#endif
                                  "store",  "trace",    "train"};

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

// Not what the parser adds to a type for a check.
TEST_F(Main, HelpNamesTypesAsTheyAre) {
  for (const std::string verb : kVerbs) {
    EXPECT_THAT(run_ok({verb, "--help"}), testing::Not(HasSubstr(":{")));
  }
#ifdef DEFORMER_HAS_SERVE
  EXPECT_THAT(run_ok({"serve", "--help"}), HasSubstr("  --listen ADDRESS:PORT  "));
#endif
}

// Whoever asks for it may not know yet what an option takes.
TEST_F(Main, HelpComesBeforeWhatIsWrongWithOtherOptions) {
  const std::string help = run_ok({"answer", "--help"});
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"--device", "gpu"}, {"--top-k", "0"}, {"--layout", "sideways"}}) {
    SCOPED_TRACE(wrong.front());
    EXPECT_EQ(run_ok({"answer", wrong[0], wrong[1], "--help"}), help);
    EXPECT_EQ(run_ok({"answer", "-h", wrong[0], wrong[1]}), help);
  }
#ifdef DEFORMER_HAS_SERVE
  const ProcessResult served =
      run_process({"/usr/bin/env", "DEFORMER_SERVE_DEVICE=gpu", DEFORMER_CLI, "serve", "--help"});
  EXPECT_EQ(served.status, 0) << served.err;
  EXPECT_EQ(served.out, run_ok({"serve", "--help"}));
#endif
}

#ifdef DEFORMER_HAS_SERVE
class ConfigFile : public CliTest {
 protected:
  void expect_refused(const std::string& text, const std::string& expected) const {
    SCOPED_TRACE(text);
    const std::string file = write("serve.toml", text);
    expect_failure(run({"serve", "--config", file}), 2, file + ": line " + expected);
  }
};

TEST_F(ConfigFile, AWrongValueIsToldWithItsLine) {
  expect_refused("device = \"gpu\"\n", "1: device: expected cpu or cuda, found \"gpu\"");
  expect_refused("# a service\n\nlayout = \"sideways\"", "3: layout: expected ");
  expect_refused("log-level = loud\r\ntimeout = 1\r\n",
                 "1: --log-level: expected one of info, error, found \"loud\"");
  expect_refused("timeout = 1\nqueue-tokens = -1\n", "2: --queue-tokens: expected a whole number");
  expect_refused("insecure = maybe\n", "1: --insecure: expected true or false, found \"maybe\"");
  expect_refused("timeout = []\n", "1: timeout: expected one value, found 0");
  expect_refused("timeout = 1\ntimeout = 2\n", "2: timeout: expected one value, found 2");
}

TEST_F(ConfigFile, WhatIsNoLineOfAnOptionIsToldWithItsLine) {
  expect_refused("timeout =\n", "1: timeout: expected a value, found the end of the line");
  expect_refused("timeout = # none\n", "1: timeout: expected a value, found \"# none\"");
  expect_refused("\ninsecure\n", "2: expected NAME = VALUE, found \"insecure\"");
  expect_refused("[serve]\ntimeout = 1\n", "1: expected NAME = VALUE, found \"[serve]\"");
  expect_refused("help = true\n", "1: expected options of serve, found \"help\"");
  expect_refused("model = \"x\n", "1: model: expected a closing \", found ");
  expect_refused("model = \"a\\b\"\n", "1: model: expected \" or \\ behind a backslash");
  expect_refused("timeout = 1 2\n", "1: timeout: expected the end of the line, found \"2\"");
  expect_refused("cors-origin = [\"*\"\n\"null\"]\n",
                 "2: cors-origin: expected a comma or ], found ");
  expect_refused("cors-origin = [\"*\",\n", "2: cors-origin: expected a value, found ");
}

// What is refused shows what was read.
TEST_F(ConfigFile, AValueIsReadAsItIsWritten) {
  const auto expect_read = [&](const std::string& written, const std::string& read) {
    expect_refused("log-level = " + written + "\n",
                   "1: --log-level: expected one of info, error, found \"" + read + "\"");
  };
  expect_read("\"a # b, c\" # a comment", "a # b, c");
  expect_read("'a \"#\" b\\c'", "a \"#\" b\\c");
  expect_read(R"("a \"b\" \\c"#)", R"(a "b" \c)");
  expect_read("a#b # c", "a#b");
  expect_refused("\xEF\xBB\xBFlog-level = a\n",
                 "1: --log-level: expected one of info, error, found \"a\"");
  expect_read("[ # one\n  \"a\", # and no more\n]", "a");
}

TEST_F(Main, ServeRefusesOptionsWithoutEffect) {
  const auto expect_refused = [](std::vector<std::string> more, const std::string& expected) {
    more.insert(more.begin(), {"serve", "--model", "m"});
    expect_failure(run(more), 2, expected);
  };
  expect_refused({"--write-queue-tokens", "5"}, "--write-queue-tokens: expected with --store URI");
  expect_refused({"--projections"}, "--projections: expected with --store URI");
  expect_refused({"--insecure=false", "--listen", "0.0.0.0:0"},
                 "--listen 0.0.0.0:0: others can reach it");
}
#endif

TEST_F(Main, RefusesAMissingOrUnknownVerb) {
  expect_failure(run({}), 2,
                 "expected a verb (answer, bench, classify, convert, encode, evaluate, inspect, "
#ifdef DEFORMER_HAS_SERVE
                 "serve, "
#endif
                 "store, trace, train");
  expect_failure(run({"anser"}), 2, "found \"anser\"");
}

TEST_F(Main, RefusesUnknownAndMissingOptions) {
  expect_failure(run({"answer", "--model", "m", "--sqad", "f"}), 2, "--sqad");
  expect_failure(run({"classify", "--data", "f"}), 2, "--model");
  expect_failure(run({"evaluate", "--predictions", "p"}), 2, "--squad");
  expect_failure(run({"answer", "--model", "m", "--squad", "f", "--top-k", "0"}), 2, "--top-k");
  expect_failure(run({"answer", "--model", "m", "--squad", "f", "--top-k", "many"}), 2, "--top-k");
  expect_failure(run({"answer", "--model", "m"}), 2, "--squad, --jsonl, --passage");
  expect_failure(run({"answer", "--model", "m", "--squad", "f", "--jsonl", "g"}), 2, "--jsonl");
  expect_failure(run({"answer", "--model", "m", "--jsonl", "f", "--nbest", "g"}), 2, "--nbest");
  expect_failure(run({"answer", "--model", "m", "--passage", "f"}), 2, "--question");
  expect_failure(run({"answer", "--model", "m", "--squad", "f", "--long-questions", "skip"}), 2,
                 "--long-questions: expected one of cut, error, found \"skip\"");
}

// It would satisfy what needs the flag, and stand in the way of what excludes it.
TEST_F(Main, RefusesAFlagThatIsSaidToBeFalse) {
  const std::string expected = ": expected no value, found \"false\"";
  expect_failure(run({"answer", "--model", "m", "--squad", "f", "--no-answer=false",
                      "--no-answer-threshold", "1"}),
                 2, "--no-answer" + expected);
  expect_failure(run({"answer", "--model", "m", "--squad", "f", "--no-align-to-words=false"}), 2,
                 "--no-align-to-words" + expected);
  expect_failure(run({"store", "rm", "lmdb:s", "--all=false", "--id", "a"}), 2, "--all" + expected);
}

// Every verb has its numbers checked by the same two functions.
TEST_F(Main, SaysInALineWhatANumberShouldBe) {
  const auto expect_refused = [](std::vector<std::string> verb, const std::string& option,
                                 const std::string& value, const std::string& expected) {
    SCOPED_TRACE(verb[0] + " " + option + " " + value);
    verb.push_back(option + "=" + value);
    const ProcessResult result = run(verb);
    expect_failure(result, 2, option + ": expected " + expected + ", found \"" + value + "\"");
    EXPECT_LT(result.err.size(), 160U);
  };
  const std::vector<std::string> answer{"answer", "--model", "m", "--squad", "f"};
  for (const char* value : {"0", "1001", "-3", "2.5", "many", "0x10"}) {
    expect_refused(answer, "--top-k", value, "a whole number from 1 to 1000");
  }
  expect_refused(answer, "--limit", "-3", "a whole number of 0 or more");
  expect_refused(answer, "--batch-tokens", "0", "a whole number of 1 or more");
  for (const char* value : {"-1", "1025", "100000"}) {
    expect_refused(answer, "--threads", value, "a whole number from 0 to 1024");
  }
  expect_refused(answer, "--max-answer-tokens", "3000000000",
                 "a whole number from 0 to 2147483647");
  expect_refused(answer, "--split-layer", "-1", "a whole number from 0 to 2147483647");
  for (const char* value : {"nan", "inf", "1e999", "x"}) {
    expect_refused(answer, "--no-answer-threshold", value, "a number");
  }
  const std::vector<std::string> evaluate{"evaluate", "--squad",     "f", "--predictions",
                                          "p",        "--na-scores", "n"};
  expect_refused(evaluate, "--na-threshold", "nan", "a number");
  expect_refused(evaluate, "--limit", "0", "a whole number of 1 or more");
  expect_refused({"classify", "--model", "m", "--data", "d"}, "--limit", "0",
                 "a whole number of 1 or more");
  expect_refused({"encode", "--model", "m", "--store", "s"}, "--batch-tokens", "-1",
                 "a whole number of 1 or more");
  for (const char* value : {"0", "2147483647"}) {
    expect_refused({"inspect", "m"}, "--question-tokens", value,
                   "a whole number from 1 to 1000000");
    expect_refused({"inspect", "m"}, "--passage-tokens", value, "a whole number from 1 to 1000000");
  }
  expect_refused({"convert", "--from", "a", "--to", "b"}, "--split-layer", "-1",
                 "a whole number from 0 to 2147483647");
  expect_refused({"trace", "--model", "m", "--question", "q", "--passage", "p", "--output", "o"},
                 "--window", "-1", "a whole number of 0 or more");
  const std::vector<std::string> bench{"bench", "--random", "bert-base"};
  expect_refused(bench, "--min-seconds", "-1", "a number of 0 or more");
  expect_refused(bench, "--passages", "0", "a whole number of 1 or more");
  expect_refused(bench, "--seed", "-1", "a whole number of 0 or more");
  const std::vector<std::string> train{"train", "--model", "m", "--output", "o"};
  expect_refused(train, "--held-out", "-3", "a whole number of 0 or more");
  expect_refused(train, "--max-steps", "0", "a whole number of 1 or more");
  expect_refused(train, "--seed", "-1", "a whole number of 0 or more");
  expect_refused(train, "--evaluate-every", "-1", "a whole number of 0 or more");
  expect_refused(train, "--threads", "100000", "a whole number from 0 to 1024");
  expect_refused(train, "--freeze-layers", "0x1", "a whole number from 0 to 2147483647");
  for (const char* value : {"-1", "nan"}) {
    expect_refused(train, "--clip", value, "a number of 0 or more");
  }
  for (const char* option : {"--epochs", "--learning-rate", "--warmup", "--weight-decay",
                             "--dropout", "--temperature", "--checkpoint-minutes"}) {
    expect_refused(train, option, "nan", "a number");
  }
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
