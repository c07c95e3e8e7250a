// What people get wrong: each gives one line on stderr, the exit code of its kind, and no file.
#include <functional>

#include "cli/cli_fixture.h"

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
       }) {
    const ProcessResult result = run(words);
    EXPECT_EQ(result.status, 2) << result.err;
    EXPECT_THAT(result.err, testing::HasSubstr("expected a value, found")) << words.back();
  }
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

}  // namespace
}  // namespace deformer::test
