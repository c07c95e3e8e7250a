// deformer encode, store, inspect of a store, answer --store; on LMDB.
#include <unistd.h>

#include "cli/cli_fixture.h"
#include "deformer/passage_store.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class StoreVerbs : public CliTest {
 protected:
  StoreVerbs()
      : model(write_model()),
        squad(write_json("squad.json", small_squad())),
        store("lmdb:" + path("store")) {}

  Json encode(const std::string& uri, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments{"encode", "--model", model,    "--store",
                                       uri,      "--json",  "--quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Json::parse(run_ok(arguments));
  }
  [[nodiscard]] static Json inspect(const std::string& uri) {
    return Json::parse(run_ok({"inspect", uri, "--verify", "--json"}));
  }
  // Many small passages, p0 to p<count - 1>.
  [[nodiscard]] std::string write_passages(const std::string& name, int count) const {
    std::string lines;
    for (int i = 0; i < count; ++i) {
      lines += R"({"id": "p)" + std::to_string(i) + R"(", "text": "passage number )" +
               std::to_string(i) + " is about rivers\"}\n";
    }
    return write(name, lines);
  }

  std::string model;
  std::string squad;
  std::string store;
};

TEST_F(StoreVerbs, AnswersFromTheStoreEqualAnswersWithoutIt) {
  const Json report = encode(store, {"--squad", squad});
  EXPECT_EQ(report["encoded"], 2);
  const std::vector<std::string> plain{"answer", "--model", model, "--squad", squad};
  auto stored = plain;
  stored.insert(stored.end(), {"--store", store, "--require-store"});
  EXPECT_EQ(run_ok(stored), run_ok(plain));
  EXPECT_THAT(run_ok({"evaluate", "--model", model, "--squad", squad, "--store", store}),
              HasSubstr("answered 3 questions"));
  encode(store, {"--squad", squad, "--projections"});
  EXPECT_EQ(run_ok(stored), run_ok(plain));
}

TEST_F(StoreVerbs, EncodesOnceWhatComesTwice) {
  Json twice = small_squad();
  twice["data"].push_back(twice["data"][0]);
  for (Json& paragraph : twice["data"][1]["paragraphs"]) paragraph["qas"] = Json::array();
  EXPECT_EQ(encode(store, {"--squad", write_json("twice.json", twice)})["encoded"], 2);
  const Json again = encode(store, {"--squad", squad, "--resume"});
  EXPECT_EQ(again["encoded"], 0);
  EXPECT_EQ(again["reused"], 2);
}

TEST_F(StoreVerbs, QuestionsMayNameAPassageById) {
  const Json report = encode(store, {"--jsonl", write_passages("p.jsonl", 3)});
  EXPECT_EQ(report["encoded"], 3);
  const std::string out = run_ok({"answer", "--model", model, "--store", store, "--jsonl", "-"},
                                 {.input = R"({"question": "what number?", "passage_id": "p1"})"
                                           "\n"});
  const Json answer = json_lines(out).at(0)["answers"][0];
  EXPECT_EQ(answer["passage_id"], "p1");
  EXPECT_THAT("passage number 1 is about rivers", HasSubstr(answer["text"].get<std::string>()));
  expect_failure(run({"answer", "--model", model, "--store", store, "--jsonl", "-"},
                     {.input = R"({"question": "what?", "passage_id": "p9"})"
                               "\n"}),
                 3, "line 1: passage \"p9\"");
}

TEST_F(StoreVerbs, MissingPassagesAreEncodedAndCountedOrRefused) {
  encode(store, {"--squad", squad, "--shard", "1/2"});
  const ProcessResult counted =
      run({"answer", "--model", model, "--squad", squad, "--store", store});
  EXPECT_EQ(counted.status, 0);
  EXPECT_EQ(counted.out, run_ok({"answer", "--model", model, "--squad", squad}));
  EXPECT_EQ(counted.err, "deformer: passages encoded because the store lacks them: 1 of 2\n");
  expect_failure(run({"answer", "--model", model, "--squad", squad, "--store", store,
                      "--require-store", "--output", path("p.json")}),
                 3, "expected it in the store (--require-store), found none");
  EXPECT_EQ(listing().count("p.json"), 0u);
}

TEST_F(StoreVerbs, AStaleTextCountsAsMissing) {
  encode(store, {"--jsonl", write_passages("p.jsonl", 1)});
  const std::string question =
      R"({"question": "what?", "passage_id": "p0", "passage": "something else"})"
      "\n";
  const ProcessResult result =
      run({"answer", "--model", model, "--store", store, "--jsonl", "-"}, {.input = question});
  EXPECT_THAT("something else",
              HasSubstr(json_lines(result.out).at(0)["answers"][0]["text"].get<std::string>()));
  EXPECT_EQ(result.err, "deformer: passages encoded because the store lacks them: 1 of 1\n");
  expect_failure(
      run({"answer", "--model", model, "--store", store, "--jsonl", "-", "--require-store"},
          {.input = question}),
      3, "another text under its id");
}

// One that nobody can encode is missing, but its line has failed.
TEST_F(StoreVerbs, APassageWithoutATextIsNotCountedAsEncoded) {
  encode(store, {"--jsonl", write_passages("p.jsonl", 1)});
  const std::string line = R"({"question": "what?", "passage_id": "nowhere"})";
  const std::vector<std::string> words{"answer", "--model", model, "--store",
                                       store,    "--jsonl", "-",   "--keep-going"};
  auto required = words;
  required.emplace_back("--require-store");
  for (const auto& arguments : {words, required}) {
    const ProcessResult result = run(arguments, {.input = line});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.err, "deformer: lines that could not be answered: 1\n");
  }
}

TEST_F(StoreVerbs, AMissingPassageLeavesTheOtherLinesAlone) {
  encode(store, {"--jsonl", write_passages("p.jsonl", 1)});
  const std::string lines = R"({"question": "what?", "passage_id": "nowhere"})"
                            "\n"
                            R"({"question": "what?", "passage_id": "p0"})"
                            "\n";
  const ProcessResult result = run({"answer", "--model", model, "--store", store, "--jsonl", "-",
                                    "--require-store", "--keep-going"},
                                   {.input = lines});
  EXPECT_EQ(result.status, 0) << result.err;
  const auto answers = json_lines(result.out);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_THAT(answers[0]["error"].get<std::string>(), HasSubstr("nowhere"));
  EXPECT_TRUE(answers[1].contains("answers")) << result.out;
}

// Whatever the distance of the lines, which are encoded 512 at a time.
TEST_F(StoreVerbs, AnIdOfAStreamHasOneText) {
  const auto line = [](const std::string& text) {
    return R"({"id": "a", "text": ")" + text + "\"}\n";
  };
  for (const int between : {0, 600}) {
    const std::string name = std::to_string(between);
    const std::string middle = line("one") + read(write_passages("middle.jsonl", between));
    const std::string two = write(name + "-two.jsonl", middle + line("two"));
    expect_failure(run({"encode", "--model", model, "--store", "lmdb:" + path(name + "-two"),
                        "--jsonl", two, "--quiet"}),
                   2,
                   two + ": line " + std::to_string(between + 2) +
                       ": id \"a\": expected the text of line 1, found another");
    const std::string same = write(name + "-same.jsonl", middle + line("one"));
    for (const int expected : {between + 1, 0}) {
      const Json report = encode("lmdb:" + path(name + "-same"), {"--jsonl", same});
      EXPECT_EQ(report["encoded"], expected);
      EXPECT_EQ(report["passages"], between + 1);
    }
  }
}

// Of which the store would hold passages that nobody could ask about.
TEST_F(StoreVerbs, NamesOfTextsAreIdsBeforeAModelIsLoaded) {
  const std::string folder(200, 'd');
  const std::string deep = "texts/" + folder + "/" + folder + "/" + folder;
  std::filesystem::create_directories(path(deep));
  const std::vector<std::string> command{"encode", "--model",    path("nowhere"), "--store",
                                         store,    "--text-dir", path("texts")};
  write("texts/a.txt", "the first");
  expect_failure(run(command), 3, "nowhere");
  write(deep + "/a.txt", "the second");
  expect_failure(run(command), 2,
                 path("texts") + ": expected names of at most 500 bytes, found \"");
}

TEST_F(StoreVerbs, ReadsADirectoryOfTexts) {
  std::filesystem::create_directories(path("texts/deep"));
  write("texts/b.txt", "the second");
  write("texts/deep/a.txt", "the first");
  EXPECT_EQ(encode(store, {"--text-dir", path("texts")})["encoded"], 2);
  const std::string out = run_ok({"answer", "--model", model, "--store", store, "--jsonl", "-"},
                                 {.input = R"({"question": "which?", "passage_id": "deep/a.txt"})"
                                           "\n"});
  EXPECT_EQ(json_lines(out).at(0)["answers"][0]["passage_id"], "deep/a.txt");
  expect_failure(run({"encode", "--model", model, "--store", store, "--text-dir", path("absent")}),
                 3, "absent: cannot list");
}

TEST_F(StoreVerbs, ShardsMergeIntoTheWhole) {
  const std::string input = write_passages("p.jsonl", 10);
  const std::string first = "lmdb:" + path("first");
  const std::string second = "lmdb:" + path("second");
  EXPECT_EQ(encode(first, {"--jsonl", input, "--shard", "1/3"})["encoded"], 4);
  EXPECT_EQ(encode(second, {"--jsonl", input, "--shard", "2/3"})["encoded"], 3);
  EXPECT_EQ(encode(second, {"--jsonl", input, "--shard", "3/3"})["encoded"], 3);
  const Json merged =
      Json::parse(run_ok({"store", "merge", first, second, "--into", store, "--json", "--quiet"}));
  EXPECT_EQ(merged["copied"], 10);
  encode("lmdb:" + path("whole"), {"--jsonl", input});
  Json ours = inspect(store);
  Json whole = inspect("lmdb:" + path("whole"));
  EXPECT_EQ(ours["read"], whole["read"]);
  EXPECT_EQ(ours["fingerprint"], whole["fingerprint"]);
  EXPECT_EQ(ours["note"], whole["note"]);
}

TEST_F(StoreVerbs, ExportAndRemove) {
  encode(store, {"--jsonl", write_passages("p.jsonl", 5)});
  const std::string copy = "lmdb:" + path("copy");
  const ProcessResult exported = run({"store", "export", store, copy});
  EXPECT_EQ(exported.status, 0);
  EXPECT_THAT(exported.err, HasSubstr("passages copied to " + copy + ": 5, kept there: 0"));
  const Json some = Json::parse(
      run_ok({"store", "rm", copy, "--id", "p1", "--id", "nobody", "--json", "--quiet"}));
  EXPECT_EQ(some["removed"], 1);
  EXPECT_EQ(some["left"], 4);
  const Json listed = Json::parse(
      run_ok({"store", "rm", copy, "--ids-from", "-", "--json", "--quiet"}, {.input = "p2\np3"}));
  EXPECT_EQ(listed["left"], 2);
  EXPECT_EQ(Json::parse(run_ok({"store", "rm", copy, "--all", "--json", "--quiet"}))["left"], 0);
  EXPECT_EQ(inspect(store)["passages"], 5);
  expect_failure(run({"store", "rm", store}), 2, "--all");
}

TEST_F(StoreVerbs, RemovesNothingWhereItCannotDoWhatWasAsked) {
  encode(store, {"--jsonl", write_passages("p.jsonl", 3)});
  const auto remove = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words{"store", "rm", store};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  expect_failure(remove({"--all", "--id", "p1"}), 2, "--id excludes --all");
  expect_failure(remove({"--all", "--ids-from", write("ids.txt", "p1\n")}), 2,
                 "--ids-from excludes --all");
  expect_failure(remove({"--id", "p1", "--ids-from", path("absent.txt")}), 3, "absent.txt");
  const std::string long_line = "p1\n" + std::string((std::size_t{16} << 20) + 1, 'x') + "\n";
  expect_failure(remove({"--ids-from", write("long.txt", long_line)}), 2, "long.txt: line 2");
  EXPECT_EQ(inspect(store)["passages"], 3);
}

TEST_F(StoreVerbs, RemovesIdsThatAProgramOfWindowsWrote) {
  encode(store, {"--jsonl", write_passages("p.jsonl", 3)});
  const std::string ids = write("ids.txt", "p0\r\np2\r\n");
  EXPECT_EQ(Json::parse(run_ok({"store", "rm", store, "--ids-from", ids, "--json", "--quiet"})),
            (Json{{"removed", 2}, {"left", 1}}));
}

// Another one could not be made there afterwards.
TEST_F(StoreVerbs, AModelThatCannotFillAStoreMakesNone) {
  const std::string joint = write_model("joint", {.ordinary = true});
  expect_failure(run({"encode", "--model", joint, "--store", store, "--squad", squad}), 6,
                 "its passages depend on the question's length");
  EXPECT_EQ(encode(store, {"--squad", squad})["encoded"], 2);
}

TEST_F(StoreVerbs, WhatOthersWroteIntoAStoreDoesNotSteerTheTerminal) {
  encode(store, {"--squad", squad});
  open_existing_passage_store(store)->set_note("a\x1b[31m\npassages  7");
  EXPECT_THAT(run_ok({"inspect", store}), HasSubstr("a\\x1b[31m passages  7\n"));
}

TEST_F(StoreVerbs, ShowsNoPassword) {
  const std::string uri = "redis://user:s3cret@[::1]:1/wiki";
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"inspect", uri},
        {"inspect", uri, "--split-layer", "1"},
        {"encode", "--model", model, "--store", uri, "--squad", squad},
        {"answer", "--model", model, "--store", uri, "--squad", squad},
        {"store", "export", uri, store},
        {"inspect", "redis://user:s3cret?x@host"}}) {
    const ProcessResult result = run(arguments);
    EXPECT_NE(result.status, 0);
    EXPECT_THAT(result.out + result.err, Not(HasSubstr("s3cret")));
  }
}

TEST_F(StoreVerbs, RemovesMoreThanOneBatchHolds) {
  encode(store, {"--jsonl", write_passages("p.jsonl", 1100)});
  std::string ids;
  for (int i = 1; i < 1100; ++i) ids += "p" + std::to_string(i) + "\n";
  const Json counts = Json::parse(run_ok({"store", "rm", store, "--id", "p0", "--ids-from",
                                          write("ids.txt", ids), "--json", "--quiet"}));
  EXPECT_EQ(counts["removed"], 1100);
  EXPECT_EQ(counts["left"], 0);
}

// What goes into the process's own memory ends with it.
TEST_F(StoreVerbs, RefusesToWriteWhatWouldBeLost) {
  const std::string expected = "expected a store that stays (lmdb:PATH or redis://...)";
  expect_failure(run({"encode", "--model", model, "--store", "memory:", "--squad", squad}), 2,
                 "encode: " + expected);
  encode(store, {"--squad", squad});
  expect_failure(run({"store", "export", store, "memory:"}), 2, "store: " + expected);
  expect_failure(run({"store", "merge", store, "--into", "memory:"}), 2, "store: " + expected);
}

TEST_F(StoreVerbs, InspectTellsBytesAndCodec) {
  for (const std::string codec : {"fp32", "fp16", "int8"}) {
    const std::string uri = "lmdb:" + path(codec);
    encode(uri, {"--squad", squad, "--codec", codec});
    const Json report = inspect(uri);
    EXPECT_EQ(report["engine"], "lmdb");
    EXPECT_EQ(report["passages"], 2);
    EXPECT_EQ(report["read"]["complete"], true);
    EXPECT_EQ(report["read"]["codecs"][codec], 2);
    const std::int64_t rows = report["read"]["rows"];
    // Hidden size 32; int8 has a scale of 4 bytes a row.
    const std::int64_t row_bytes = codec == "fp32" ? 128 : codec == "fp16" ? 64 : 36;
    EXPECT_EQ(report["read"]["vector_bytes"], rows * row_bytes) << codec;
    EXPECT_EQ(Json::parse(report["note"].get<std::string>())["codec"], codec);
    EXPECT_EQ(report["fingerprint"],
              Json::parse(run_ok({"inspect", model, "--json"}))["fingerprint"]);
  }
  EXPECT_THAT(run_ok({"inspect", "lmdb:" + path("fp16")}), HasSubstr("2 passages good, 0 damaged"));
}

TEST_F(StoreVerbs, KeepsProjectionsWhenAsked) {
  encode(store, {"--squad", squad, "--codec", "fp16"});
  EXPECT_EQ(inspect(store)["read"]["projections"], 0);
  const std::vector<std::string> again{"--squad", squad, "--codec", "fp16", "--projections"};
  EXPECT_EQ(encode(store, again)["encoded"], 2);
  EXPECT_EQ(encode(store, again)["reused"], 2);
  const Json report = inspect(store);
  EXPECT_EQ(report["read"]["projections"], 2);
  const std::int64_t rows = report["read"]["rows"];
  EXPECT_EQ(report["read"]["vector_bytes"], rows * 4 * 64);
  EXPECT_THAT(run_ok({"inspect", store}), HasSubstr("projections of 2 passages"));
}

TEST_F(StoreVerbs, SaysWhenCodecsMix) {
  encode(store, {"--squad", squad, "--codec", "fp16"});
  const ProcessResult result =
      run({"encode", "--model", model, "--store", store, "--squad", squad, "--codec", "int8"});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, HasSubstr("was created as fp16; what this run writes is int8\n"));
}

TEST_F(StoreVerbs, ADamagedPassageIsFound) {
  encode(store, {"--jsonl", write_passages("p.jsonl", 3)});
  std::string file;
  for (const auto& entry : std::filesystem::directory_iterator(path("store"))) {
    if (entry.path().filename() == "data.mdb") file = entry.path().string();
  }
  ASSERT_FALSE(file.empty());
  std::string bytes = read(file);
  const std::size_t place = bytes.rfind("passage number 1 ");
  ASSERT_NE(place, std::string::npos);
  // Every copy: LMDB may keep an old page.
  for (std::size_t at = bytes.find("passage number 1 "); at != std::string::npos;
       at = bytes.find("passage number 1 ", at + 1)) {
    bytes[at] = 'P';
  }
  write("store/data.mdb", bytes);
  const ProcessResult result = run({"inspect", store, "--verify", "--json"});
  EXPECT_EQ(result.status, 4);
  expect_error_line(result.err, "damaged passages: 1, the first: ");
  EXPECT_EQ(Json::parse(result.out)["damaged"][0]["id"], "p1");
}

TEST_F(StoreVerbs, RefusesAnotherModelsStore) {
  encode(store, {"--squad", squad});
  const std::string other =
      write_model("other", {.positions = 96, .max_question_tokens = 40, .seed = 2});
  expect_failure(run({"answer", "--model", other, "--squad", squad, "--store", store}), 5,
                 "fingerprint");
  expect_failure(run({"encode", "--model", other, "--store", store, "--squad", squad}), 5,
                 "fingerprint");
}

// Known before hours of copying.
TEST_F(StoreVerbs, MergesAllOrNothing) {
  encode(store, {"--squad", squad});
  const std::string into = "lmdb:" + path("into");
  expect_failure(run({"store", "merge", store, "lmdb:" + path("typo"), "--into", into}), 3, "typo");
  const std::string other =
      write_model("other", {.positions = 96, .max_question_tokens = 40, .seed = 2});
  EXPECT_EQ(run_ok({"encode", "--model", other, "--store", "lmdb:" + path("others"), "--squad",
                    squad, "--quiet"}),
            "");
  expect_failure(run({"store", "merge", store, "lmdb:" + path("others"), "--into", into}), 5,
                 "others: expected fingerprint");
  EXPECT_FALSE(std::filesystem::exists(path("into")));
  const std::string itself = "lmdb:" + path(".") + store.substr(store.rfind('/'));
  expect_failure(run({"store", "merge", store, "--into", itself}), 2, "another target");
  expect_failure(run({"store", "export", store, store}), 2, "another target");
}

TEST_F(StoreVerbs, ASecondWriterIsTold) {
  encode(store, {"--squad", squad});
  const auto writer = open_existing_passage_store(store);
  writer->set_note("mine");
  const std::string more = write_passages("p.jsonl", 1);
  expect_failure(run({"encode", "--model", model, "--store", store, "--jsonl", more, "--quiet"}), 8,
                 "cannot write: process " + std::to_string(::getpid()) + " is writing");
  const std::vector<std::string> reader{"answer", "--model", model, "--squad",
                                        squad,    "--store", store, "--require-store"};
  EXPECT_NE(run_ok(reader), "");
}

TEST_F(StoreVerbs, AFileAtItsSizeLimitIsSaidAndTheRunContinuedLater) {
  const std::string input = write_passages("p.jsonl", 1000);
  const std::vector<std::string> arguments{"encode", "--model", model,     "--store",
                                           store,    "--jsonl", input,     "--batch-tokens",
                                           "64",     "--quiet", "--resume"};
  // More than LMDB's table of readers, which it makes first.
  expect_failure(run(arguments, {.file_size_limit = 400'000}), 7,
                 store + ": cannot write to the store: File too large");
  const Json stopped = inspect(store);
  EXPECT_GT(stopped["passages"], 0);
  EXPECT_LT(stopped["passages"], 1000);
  EXPECT_EQ(run_ok(arguments), "");
  EXPECT_EQ(inspect(store)["passages"], 1000);
}

TEST_F(StoreVerbs, TimingCountsReadsOfTheStore) {
  encode(store, {"--squad", squad});
  const ProcessResult result =
      run({"evaluate", "--model", model, "--squad", squad, "--store", store, "--timing"});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, testing::MatchesRegex(
                              "deformer: time [0-9.]+ s, tokenise [^,]+, read [^,]+, lower [^,]+, "
                              "upper [^,]+, decode [^,]+, other [^,]+\n"));
}

TEST_F(StoreVerbs, RefusesBadArguments) {
  const auto encode_with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"encode", "--model", model, "--store", store};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  };
  expect_failure(encode_with({}), 2, "expected one of --squad, --jsonl, --text-dir");
  expect_failure(encode_with({"--squad", squad, "--shard", "0/2"}), 2, "--shard: expected I/N");
  expect_failure(encode_with({"--squad", squad, "--shard", "3/2"}), 2, "--shard: expected I/N");
  expect_failure(encode_with({"--squad", squad, "--codec", "fp64"}), 2, "fp64");
  expect_failure(encode_with({"--squad", path("absent.json")}), 3, "absent.json");
  expect_failure(encode_with({"--jsonl", write("bad.jsonl", "{\"id\": \"a\"}\n")}), 4,
                 "bad.jsonl: line 1: expected a key \"text\"");
  expect_failure(encode_with({"--jsonl", write("id.jsonl", R"({"id": "", "text": "a"})")}), 2,
                 "id.jsonl: line 1: id: expected an id of 1 to 500 bytes, found 0");
  for (const std::string number : {"7.5", "1e2"}) {
    const std::string line = R"({"id": )" + number + R"(, "text": "a"})";
    expect_failure(encode_with({"--jsonl", write("number.jsonl", line)}), 4,
                   "number.jsonl: line 1: id: expected a string or an integer, found " + number);
  }
  expect_failure(run({"encode", "--model", model, "--store", "tape:7", "--squad", squad}), 2,
                 "tape");
  expect_failure(run({"inspect", "lmdb:" + path("nowhere")}), 3, "nowhere");
  expect_failure(
      run({"answer", "--model", model, "--squad", squad, "--store", "lmdb:" + path("nowhere")}), 3,
      "nowhere");
  expect_failure(run({"answer", "--model", model, "--squad", squad, "--require-store"}), 2,
                 "--store");
  expect_failure(run({"store"}), 2, "subcommand");
  expect_failure(run({"store", "merge", store}), 2, "--into");
}

}  // namespace
}  // namespace deformer::test
