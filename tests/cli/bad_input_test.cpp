// What people get wrong: each gives one line on stderr, the exit code of its kind, and no file.
#include <functional>

#include "cli/cli_fixture.h"
#include "tools/train_report.h"

namespace deformer::test {
namespace {

namespace fs = std::filesystem;

void replace_first(std::string& text, const std::string& from, const std::string& to) {
  const std::size_t place = text.find(from);
  ASSERT_NE(place, std::string::npos) << from;
  text.replace(place, from.size(), to);
}

class BadInput : public CliTest {
 protected:
  BadInput() : squad(write_json("squad.json", small_squad())) {}

  [[nodiscard]] ProcessResult answer(const std::string& model, const std::string& file,
                                     const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{"answer", "--model", model, "--squad", file};
    if (more.empty()) arguments.insert(arguments.end(), {"--output", path("predictions.json")});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }

  // A model whose file `name` has been changed.
  void expect_bad_model(const std::string& name,
                        const std::function<void(std::string& content)>& change, int status,
                        const std::string& text) {
    SCOPED_TRACE(text);
    const std::string model = write_model("model-" + std::to_string(models_++));
    const std::string file = model + "/" + name;
    std::string content = read(file);
    change(content);
    std::ofstream(file, std::ios::binary) << content;
    const ProcessResult result = answer(model, squad);
    expect_failure(result, status, text);
    EXPECT_THAT(result.err, testing::HasSubstr(model)) << "the message names the place";
    EXPECT_FALSE(fs::exists(path("predictions.json")));
  }
  void expect_bad_config(const std::function<void(Json& config)>& change, int status,
                         const std::string& text) {
    expect_bad_model(
        "config.json",
        [&](std::string& content) {
          Json config = Json::parse(content);
          change(config);
          content = config.dump();
        },
        status, text);
  }
  void expect_bad_squad(const std::string& content, int status, const std::string& text) {
    SCOPED_TRACE(text);
    const std::string file = write("bad.json", content);
    if (model_.empty()) model_ = write_model();
    expect_failure(answer(model_, file), status, text);
    EXPECT_FALSE(fs::exists(path("predictions.json")));
  }

  std::string squad;

 private:
  int models_ = 0;
  std::string model_;
};

TEST_F(BadInput, ModelFilesThatAreMissing) {
  expect_failure(answer(path("nowhere"), squad), 3, "nowhere");
  for (const std::string name : {"config.json", "model.safetensors", "vocab.txt"}) {
    const std::string model = write_model("without-" + name);
    fs::remove(fs::path(model) / name);
    expect_failure(answer(model, squad), 3, name);
  }
  EXPECT_FALSE(fs::exists(path("predictions.json")));
}

TEST_F(BadInput, ShardsThatAreMissing) {
  const std::string model = write_model();
  fs::remove(model + "/model.safetensors");
  write("model/model.safetensors.index.json",
        R"({"weight_map": {"qa_outputs.bias": "model-00001-of-00001.safetensors"}})");
  expect_failure(answer(model, squad), 3, "model-00001-of-00001.safetensors");
  write("model/model.safetensors.index.json", "{\"weight_map\": {]");
  expect_failure(answer(model, squad), 4, "model.safetensors.index.json: line 1, column 17");
  EXPECT_FALSE(fs::exists(path("predictions.json")));
}

TEST_F(BadInput, WeightsThatAreDamaged) {
  const auto keep = [](std::size_t bytes) {
    return [bytes](std::string& content) { content.resize(bytes); };
  };
  expect_bad_model("model.safetensors", keep(0), 4, "model.safetensors");
  expect_bad_model("model.safetensors", keep(7), 4, "model.safetensors");
  expect_bad_model("model.safetensors", keep(100), 4, "model.safetensors");
  expect_bad_model(
      "model.safetensors", [](std::string& content) { content.resize(content.size() - 1); }, 4,
      "model.safetensors");
  expect_bad_model(
      "model.safetensors", [](std::string& content) { content[20] = '\x01'; }, 4,
      "model.safetensors");
}

TEST_F(BadInput, WeightsThatDoNotFit) {
  expect_bad_model(
      "model.safetensors",
      [](std::string& content) { replace_first(content, R"("dtype":"F32")", R"("dtype":"I32")"); },
      5, "I32");
  expect_bad_model(
      "model.safetensors",
      [](std::string& content) { replace_first(content, "[32,64]", "[64,32]"); }, 5, "[64, 32]");
  expect_bad_model(
      "model.safetensors",
      [](std::string& content) { replace_first(content, "layer.1.output", "layer.7.output"); }, 5,
      "layer.7.output");
}

TEST_F(BadInput, ConfigurationsThatAreWrong) {
  expect_bad_config([](Json& config) { config.erase("hidden_size"); }, 4, "hidden_size");
  expect_bad_config([](Json& config) { config["hidden_size"] = "wide"; }, 4, "hidden_size");
  expect_bad_config([](Json& config) { config["num_attention_heads"] = 5; }, 5,
                    "num_attention_heads");
  expect_bad_config([](Json& config) { config["model_type"] = "gpt2"; }, 6, "gpt2");
  expect_bad_config([](Json& config) { config["hidden_act"] = "swish"; }, 6, "swish");
  expect_bad_config([](Json& config) { config["deformer"]["split_layer"] = 9; }, 5, "split_layer");
  expect_bad_model(
      "config.json", [](std::string& content) { content = "{\n  \"hidden_size\": ,\n}"; }, 4,
      "config.json: line 2, column 18");
}

TEST_F(BadInput, AVocabularyThatDoesNotFit) {
  expect_bad_model(
      "vocab.txt", [](std::string& content) { content += "one\ntoo\nmany\n"; }, 5, "vocab");
  expect_bad_model(
      "vocab.txt", [](std::string& content) { replace_first(content, "[SEP]", "[XXX]"); }, 4,
      "[SEP]");
}

TEST_F(BadInput, ATokenizerConfigurationThatIsBroken) {
  expect_bad_model(
      "tokenizer_config.json", [](std::string& content) { content = "{\n\"do_lower_case\" true}"; },
      4, "tokenizer_config.json: line 2, column 20");
  expect_bad_model(
      "tokenizer_config.json",
      [](std::string& content) { content = R"({"do_lower_case": "yes"})"; }, 4, "do_lower_case");
}

TEST_F(BadInput, OptionsThatTheModelCannotFollow) {
  const std::string model = write_model();
  expect_failure(answer(model, squad, {"--split-layer", "3"}), 5, "split_layer");
  expect_failure(answer(model, squad, {"--split-layer", "-1"}), 2, "--split-layer");
  expect_failure(answer(model, squad, {"--layout", "continue"}), 5, "continue");
  expect_failure(answer(model, squad, {"--layout", "sideways"}), 2, "sideways");
  expect_failure(answer(model, squad, {"--precision", "int1"}), 2, "int1");
  expect_failure(answer(model, squad, {"--device", "abacus"}), 2, "abacus");
}

TEST_F(BadInput, AModelWithoutASpanHead) {
  const std::string model = write_model("headless", {.span_head = false});
  expect_failure(answer(model, squad), 5,
                 "headless/model.safetensors: expected a span head (qa_outputs)");
  expect_failure(run({"trace", "--model", model, "--question", "a", "--passage", "b", "--output",
                      path("t.safetensors")}),
                 5, "headless/model.safetensors: expected a model with a span head");
}

TEST_F(BadInput, SquadFilesThatAreBroken) {
  expect_failure(answer(write_model(), path("absent.json")), 3, "absent.json: cannot open");
  expect_bad_squad("", 4, "bad.json: line 1, column 1");
  expect_bad_squad("{\"data\": [\n  {]}", 4, "bad.json: line 2, column 4");
  expect_bad_squad("[]", 4, "bad.json: expected an object");
  expect_bad_squad("{}", 4, "\"data\"");
}

TEST_F(BadInput, SquadEntriesWithMissingOrMistypedFields) {
  const auto without = [](const char* key) {
    Json file = small_squad();
    file["data"][0]["paragraphs"][0]["qas"][1].erase(key);
    return file;
  };
  expect_bad_squad(without("id").dump(), 4, "data[0].paragraphs[0].qas[1]: expected a key \"id\"");
  expect_bad_squad(without("question").dump(), 4, "qas[1]: expected a key \"question\"");
  Json file = small_squad();
  file["data"][0]["paragraphs"][1].erase("context");
  expect_bad_squad(file.dump(), 4, "data[0].paragraphs[1]: expected a key \"context\"");
  file = small_squad();
  file["data"][0]["paragraphs"][0]["qas"][0]["id"] = true;
  expect_bad_squad(
      file.dump(), 4,
      "data[0].paragraphs[0].qas[0].id: expected a string or an integer of at most 64 bits, "
      "found a boolean");
  file["data"][0]["paragraphs"][0]["qas"][0]["id"] = "q3";
  expect_bad_squad(file.dump(), 4, "q3");
}

TEST_F(BadInput, OutputsThatCannotBeWritten) {
  const std::string model = write_model();
  const auto answer_to = [&](const std::string& output) {
    return answer(model, squad, {"--output", output});
  };
  fs::create_directory(path("directory"));
  expect_failure(answer_to(path("absent/p.json")), 3, "absent/p.json: cannot create: No such file");
  expect_failure(answer_to(path("directory")), 8, "expected a file, found a directory");
  expect_failure(answer_to(squad + "/p.json"), 8, "p.json: cannot create: Not a directory");
  expect_failure(answer_to("/proc/p.json"), 3, "/proc/p.json: cannot create");
  expect_failure(answer_to("/dev/full"), 7, "/dev/full: cannot write: No space left on device");
}

TEST_F(BadInput, AnUnwritableOutputIsToldBeforeTheWork) {
  // The model does not exist either: the output is looked at first.
  expect_failure(run({"answer", "--model", path("nowhere"), "--squad", squad, "--nbest",
                      path("absent/n.json")}),
                 3, "absent/n.json");
  expect_failure(run({"evaluate", "--model", path("nowhere"), "--squad", squad, "--output",
                      path("absent/p.json")}),
                 3, "absent/p.json");
  expect_failure(run({"trace", "--model", path("nowhere"), "--question", "a", "--passage", "b",
                      "--output", path("absent/t.safetensors")}),
                 3, "absent/t.safetensors");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"answer", "--squad", squad, "--output", ""},
        {"answer", "--squad", squad, "--nbest", ""},
        {"evaluate", "--squad", squad, "--output", ""},
        {"classify", "--data", squad, "--output", ""},
        {"classify", "--data", squad, "--submission", ""}}) {
    std::vector<std::string> all = words;
    all.insert(all.end(), {"--model", path("nowhere")});
    const ProcessResult result = run(all);
    EXPECT_EQ(result.status, 2) << result.err;
    EXPECT_THAT(result.err, testing::HasSubstr("expected the name of a file")) << words[3];
  }
}

// Of a variable that is not set: what was asked for is not to be left out without a word.
TEST_F(BadInput, AValueThatCameOutEmpty) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"answer", "--passage", squad, "--question", "who?", "--store", ""},
           {"answer", "--passage", squad, "--question", "who?", "--model", ""},
           {"evaluate", "--squad", squad, "--model", "m", "--store", ""},
           {"evaluate", "--squad", squad, "--predictions", ""},
           {"encode", "--squad", squad, "--store", ""},
           {"bench", "--model", "m", "--squad", ""},
           {"store", "rm", "lmdb:s", "--id", "a", "--ids-from", ""},
           {"answer", "--passage", squad, "--question", "who?", "--tokenizer-file", ""},
           {"inspect", ""},
           {"convert", "--to", path("m"), "--from", ""},
           {"convert", "--from", squad, "--to", ""},
           {"convert", "--from", squad, "--to", path("m"), "--vocabulary", ""},
           {"train", "--squad", squad, "--output", path("out"), "--model", ""},
           {"train", "--model", path("m"), "--squad", squad, "--output", ""},
           {"train", "--model", path("m"), "--squad", squad, "--output", path("out"), "--teacher",
            ""},
           {"train", "--model", path("m"), "--output", path("out"), "--squad", squad, ""},
           {"train", "--model", path("m"), "--output", path("out"), "--data", ""},
           {"train", "--model", path("m"), "--squad", squad, "--output", path("out"),
            "--validation", ""},
       }) {
    const ProcessResult result = run(words);
    EXPECT_EQ(result.status, 2) << result.err;
    EXPECT_THAT(result.err, testing::HasSubstr("expected a value, found")) << words.back();
  }
}

// Given, and of no use to the run that was asked for.
TEST_F(BadInput, TrainingOptionsThatWouldBeIgnored) {
  const auto train = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words{"train", "--model",  path("nowhere"), "--squad",
                                   squad,   "--output", path("out")};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  const std::string kd = "--temperature: expected a weight of kd (--loss-weights), found none";
  expect_failure(train({"--temperature", "2"}), 2, kd);
  expect_failure(train({"--temperature", "2", "--loss-weights", "task=1,lrs=1"}), 2, kd);
  const std::string lrs = "--lrs-scale: expected a weight of lrs (--loss-weights), found none";
  expect_failure(train({"--lrs-scale", "raw"}), 2, lrs);
  expect_failure(train({"--lrs-scale", "teacher", "--loss-weights", "kd=1"}), 2, lrs);
  expect_failure(train({"--split-schedule", "sum", "--split-layers", "1"}), 2,
                 "--split-schedule: expected several splits (--split-layers), found one");
  expect_failure(train({"--epochs", "2", "--max-steps", "5"}), 2, "--epochs excludes --max-steps");
  for (const std::vector<std::string>& used : std::vector<std::vector<std::string>>{
           {"--temperature", "2", "--lrs-scale", "raw", "--loss-weights", "paper", "--teacher",
            path("nowhere")},
           {"--split-schedule", "sum", "--split-layers", "0,1"},
           // Without scores it writes the model as it is then.
           {"--evaluate-every", "10"},
           {"--evaluate-every", "0", "--epochs", "2"}}) {
    expect_failure(train(used), 3, "nowhere");
  }
}

// stderr says them, and a program is to learn as much.
TEST(TrainReport, CountsWhatWasCut) {
  TrainingResult result;
  result.data.cut_questions = 3;
  result.data.cut_passages = 5;
  const Json report = Json::parse(tools::to_json(result));
  EXPECT_EQ(report.at("cut_questions"), 3);
  EXPECT_EQ(report.at("cut_passages"), 5);
}

// Blanks that only Unicode knows, to any tokenizer: byte-level BPE makes tokens of them.
TEST_F(BadInput, APassageOfBlanksOfAnyKind) {
  const std::string golden = std::string(DEFORMER_SOURCE_DIR) + "/tests/golden/models/";
  for (const std::string text : {"\u00a0", "\u3000 \u2003\n"}) {
    const std::string file = write("blank.txt", text);
    for (const std::string& model : {golden + "bert-split", golden + "roberta-split"}) {
      SCOPED_TRACE(model);
      for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--json"}}) {
        std::vector<std::string> words{"answer", "--model",    model,        "--passage",
                                       file,     "--question", "who is king"};
        words.insert(words.end(), more.begin(), more.end());
        expect_failure(run(words), 2, "blank.txt: expected a passage, found a blank file");
      }
    }
  }
}

// Its bytes are letters to some tokenizers, and answers were cut from them.
TEST_F(BadInput, APassageOfUtf16) {
  const std::string model = write_model();
  for (const std::string& bytes :
       {std::string("\xFF\xFEw\0o\0", 6), std::string("\xFE\xFF\0w\0o", 6)}) {
    const std::string file = write("wide.txt", bytes);
    expect_failure(run({"answer", "--model", model, "--passage", file, "--question", "who?"}), 4,
                   "wide.txt: expected UTF-8, found UTF-16");
  }
}

TEST_F(BadInput, AFileThatIsNoText) {
  const std::string model = write_model();
  const std::string texts = path("texts");
  std::filesystem::create_directory(texts);
  const std::string file = write("texts/paper.pdf", std::string("%PDF-1.7\n\0\1 me", 14));
  const std::string fault = "paper.pdf: expected plain text, found a byte 0 behind 9 others";
  expect_failure(run({"answer", "--model", model, "--passage", file, "--question", "who?"}), 4,
                 fault);
  expect_failure(
      run({"encode", "--model", model, "--store", "lmdb:" + path("s"), "--text-dir", texts}), 4,
      fault);
}

TEST_F(BadInput, ADiskThatFillsUpLeavesTheOldFile) {
  const std::string model = write_model();
  const std::string output = write("out.json", "old");
  const auto names = listing();
  const ProcessOptions full{.file_size_limit = 20};
  expect_failure(run({"answer", "--model", model, "--squad", squad, "--output", output}, full), 7,
                 "out.json: cannot write: File too large");
  expect_failure(
      run({"trace", "--model", model, "--question", "a", "--passage", "b", "--output", output},
          full),
      7, "out.json");
  EXPECT_EQ(read(output), "old");
  EXPECT_EQ(listing(), names) << "nothing is left behind";
}

// A model took minutes for each of them.
TEST_F(BadInput, AFullDiskForOneResultLeavesTheOthers) {
  const std::string model = write_model();
  const ProcessResult scored =
      run({"evaluate", "--model", model, "--squad", squad, "--output", "/dev/full"});
  EXPECT_EQ(scored.status, 7);
  EXPECT_THAT(scored.err, testing::HasSubstr("/dev/full: cannot write"));
  EXPECT_THAT(scored.out, testing::HasSubstr("\nall "));
  expect_failure(answer(model, squad, {"--output", path("p.json"), "--nbest", "/dev/full"}), 7,
                 "/dev/full: cannot write");
  EXPECT_THAT(read(path("p.json")), testing::HasSubstr("q1"));
}

// Results that are long enough to be written while the model still answers.
TEST_F(BadInput, AFullDiskBeforeTheEndLeavesTheOtherResults) {
  const std::string model = write_model();
  const std::string context = small_squad()["data"][0]["paragraphs"][0]["context"];
  std::vector<Json> questions;
  for (int i = 0; i < 200; ++i) {
    questions.push_back(squad_question("q" + std::to_string(i), "Where does it rise?", "the Alps"));
  }
  const std::string file = write_json("many.json", squad_file({{context, questions}}));
  const auto answer_to = [&](const std::string& nbest) {
    return answer(
        model, file,
        {"--output", path("p.json"), "--na-scores", path("na.json"), "--nbest", nbest, "--quiet"});
  };
  EXPECT_EQ(answer_to(path("nbest.json")).status, 0);
  ASSERT_GT(fs::file_size(path("nbest.json")), 1U << 16) << "more than Output holds back";
  const std::string predictions = read(path("p.json"));
  const std::string na_scores = read(path("na.json"));
  fs::remove(path("p.json"));
  fs::remove(path("na.json"));
  expect_failure(answer_to("/dev/full"), 7, "/dev/full: cannot write");
  EXPECT_EQ(read(path("p.json")), predictions);
  EXPECT_EQ(read(path("na.json")), na_scores);
}

TEST_F(BadInput, AFullDiskBehindStandardOutput) {
  const std::vector<std::string> arguments{"evaluate", "--squad", squad, "--predictions",
                                           write("p.json", "{}")};
  expect_failure(run(arguments, {.output_path = "/dev/full"}), 7, "standard output: cannot write");
}

// Each file that a verb reads is a pointer once.
TEST_F(BadInput, AGitLfsPointerInPlaceOfAnInput) {
  const std::string model = write_model();
  const std::string pointer =
      write("pointer.txt",
            "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 433000000\n");
  fs::create_directory(path("texts"));
  fs::copy_file(pointer, path("texts/a.txt"));
  const std::string store = "lmdb:" + path("store");
  const auto encode = [&](const std::string& option, const std::string& file) {
    return std::vector<std::string>{"encode", "--model", model, "--store", store, option, file};
  };
  const std::vector<std::vector<std::string>> readings{
      {"answer", "--model", model, "--passage", pointer, "--question", "a"},
      {"answer", "--model", model, "--squad", pointer},
      {"answer", "--model", model, "--jsonl", pointer},
      {"answer", "--model", model, "--jsonl", pointer, "--keep-going"},
      encode("--squad", pointer),
      encode("--jsonl", pointer),
      encode("--text-dir", path("texts")),
      {"evaluate", "--squad", pointer, "--predictions", write("p.json", "{}")},
      {"evaluate", "--squad", squad, "--predictions", pointer},
      {"evaluate", "--squad", squad, "--predictions", write("p.json", "{}"), "--na-scores",
       pointer},
      {"train", "--model", model, "--squad", pointer, "--output", path("trained")}};
  for (const std::vector<std::string>& words : readings) {
    SCOPED_TRACE(words.front() + " " + words.at(3));
    expect_failure(run(words), 4, "found a Git LFS pointer to one of 433000000 bytes");
  }
  for (const char* name : {"config.json", "vocab.txt", "model.safetensors"}) {
    expect_bad_model(
        name, [&](std::string& content) { content = read(pointer); }, 4, "found a Git LFS pointer");
  }
}

TEST_F(BadInput, StoresThatCannotBeMade) {
  const std::string model = write_model();
  const auto encode_into = [&](const std::string& place) {
    return run({"encode", "--model", model, "--squad", squad, "--store", "lmdb:" + place});
  };
  expect_failure(encode_into(squad), 5, "expected a directory");
  expect_failure(encode_into("/proc/store"), 3, "/proc/store");
  fs::create_directory(path("other"));
  write("other/data.mdb", "not a database at all");
  expect_failure(encode_into(path("other")), 4, path("other"));
}

TEST_F(BadInput, OutputsThatNameTheSamePlace) {
  expect_failure(answer(path("model"), squad, {"--nbest", "-"}), 2, "different places");
  fs::create_directory(path("deep"));
  fs::create_directory_symlink("deep", path("link"));
  const auto answer_to = [&](const std::string& nbest, const std::string& na_scores) {
    return answer(path("model"), squad, {"--nbest", path(nbest), "--na-scores", path(na_scores)});
  };
  expect_failure(answer_to("nb.json", "./nb.json"), 2, "different places");
  expect_failure(answer_to("deep/../nb.json", "nb.json"), 2, "different places");
  expect_failure(answer_to("deep/nb.json", "link/nb.json"), 2, "different places");
}

TEST_F(BadInput, AnOutputThatIsTheInput) {
  const std::string before = read(squad);
  const std::string nowhere = path("nowhere");
  fs::create_symlink("squad.json", path("link.json"));
  fs::create_hard_link(squad, path("other.json"));
  const auto expect_refused = [&](const std::vector<std::string>& words) {
    SCOPED_TRACE(words.front() + " " + words.at(words.size() - 2));
    expect_failure(run(words), 2,
                   words.at(words.size() - 2) + ": expected another file than the input, found " +
                       words.back());
    EXPECT_EQ(read(squad), before);
  };
  for (const std::string& same :
       {squad, path("./squad.json"), path("link.json"), path("other.json")}) {
    expect_refused({"answer", "--model", nowhere, "--squad", squad, "--output", same});
  }
  expect_refused({"answer", "--model", nowhere, "--squad", squad, "--nbest", squad});
  expect_refused({"answer", "--model", nowhere, "--squad", squad, "--na-scores", squad});
  expect_refused({"answer", "--model", nowhere, "--jsonl", squad, "--output", squad});
  expect_refused(
      {"answer", "--model", nowhere, "--question", "who?", "--passage", squad, "--output", squad});
  expect_refused({"evaluate", "--model", nowhere, "--squad", squad, "--output", squad});
  expect_refused({"evaluate", "--model", nowhere, "--data", squad, "--output", squad});
  expect_refused({"classify", "--model", nowhere, "--data", squad, "--output", squad});
  expect_refused({"classify", "--model", nowhere, "--data", squad, "--submission", squad});
  expect_refused({"bench", "--model", nowhere, "--squad", squad, "--html", squad});
  const std::string weights = write_model() + "/model.safetensors";
  const std::string whole = read(weights);
  expect_refused({"trace", "--model", path("model"), "--question", "a", "--passage", "b",
                  "--output", weights});
  EXPECT_TRUE(read(weights) == whole);
}

TEST_F(BadInput, AnOutputThatIsAFileOfTheModelOrTheStore) {
  const std::string model = write_model();
  fs::create_directory(path("store"));
  const std::string data = write("store/data.mdb", "passages");
  const std::string config = model + "/config.json";
  const std::string before = read(config);
  const auto expect_refused = [&](std::vector<std::string> words, const std::string& option) {
    words.insert(words.end(), {"--model", model, "--store", "lmdb:" + path("store"), option});
    for (const std::string& same : {data, config, path("./store/data.mdb")}) {
      SCOPED_TRACE(words.front() + " " + option + " " + same);
      std::vector<std::string> whole = words;
      whole.push_back(same);
      expect_failure(run(whole), 2,
                     option + ": expected another file than the input, found " + same);
    }
  };
  expect_refused({"answer", "--squad", squad}, "--output");
  expect_refused({"answer", "--squad", squad}, "--nbest");
  expect_refused({"evaluate", "--squad", squad}, "--output");
  expect_refused({"classify", "--data", squad}, "--output");
  expect_refused({"bench", "--squad", squad}, "--html");
  EXPECT_EQ(read(data), "passages");
  EXPECT_EQ(read(config), before);
}

TEST_F(BadInput, AStoreAmongTheTextsToEncode) {
  const std::string model = write_model();
  fs::create_directory(path("texts"));
  write("texts/one.txt", "the king");
  const auto encode_into = [&](const std::string& store) {
    return run({"encode", "--model", model, "--text-dir", path("texts"), "--store", store});
  };
  for (const std::string& place : {path("texts/store"), path("texts"), path("texts/../texts/a")}) {
    expect_failure(encode_into("lmdb:" + place), 2,
                   "--store: expected a place outside of " + path("texts"));
    EXPECT_FALSE(fs::exists(place + "/data.mdb"));
  }
  EXPECT_EQ(encode_into("lmdb:" + path("texts-store")).status, 0);
}

TEST_F(BadInput, AnOutputThatIsAnArticleOfTheInput) {
  fs::create_directories(path("race/middle"));
  const std::string article = write("race/middle/1.txt", "{}");
  fs::create_directory_symlink("race", path("link"));
  const auto classify_to = [&](const std::string& output) {
    return run(
        {"classify", "--model", path("nowhere"), "--data", path("race"), "--output", output});
  };
  for (const std::string& same : {article, path("link/middle/../middle/1.txt")}) {
    expect_failure(classify_to(same), 2,
                   "--output: expected another file than the input, found " + same);
    EXPECT_EQ(read(article), "{}");
  }
  // The model is looked for: nothing is in the way of these.
  const std::string earlier = write("race/predictions.jsonl", "");
  const std::string beside = write("notes.txt", "");
  for (const std::string& other : {earlier, beside, path("race/new.txt")}) {
    expect_failure(classify_to(other), 3, path("nowhere"));
  }
}

TEST_F(BadInput, StandardOutputHoldsOneDocumentHoweverItIsSpelled) {
  const std::string model = write_model();
  const std::string data =
      write("val.jsonl", R"({"question": "is it", "passage": "It is.", "idx": 0, "label": true})");
  for (const std::string place : {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}) {
    SCOPED_TRACE(place);
    expect_failure(answer(model, squad, {"--nbest", place}), 2, "different places");
    expect_failure(
        run({"evaluate", "--model", model, "--squad", squad, "--output", place, "--json"}), 2,
        "--json: expected stdout for the score, found predictions there");
    expect_failure(run({"classify", "--model", model, "--task", "boolq", "--data", data, "--output",
                        place, "--json"}),
                   2, "--json: expected stdout for the score, found predictions there");
    expect_failure(run({"bench", "--model", model, "--html", place, "--json"}), 2,
                   "--json: expected stdout for the report, found the page there");
  }
}

TEST_F(BadInput, AReaderOfStandardOutputMayLeaveHoweverItIsSpelled) {
  const std::string model = write_model();
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"answer", "--squad", squad},
        {"trace", "--question", "a", "--passage", "b"}}) {
    SCOPED_TRACE(words.front());
    auto all = words;
    all.insert(all.end(), {"--model", model, "--output", "/dev/stdout"});
    Process process(command(all));
    process.close_output();
    EXPECT_EQ(process.wait(), 141);
    EXPECT_EQ(process.read_errors(), "");
  }
}

}  // namespace
}  // namespace deformer::test
