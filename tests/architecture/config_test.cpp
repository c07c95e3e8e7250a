#include "architecture/config.h"
#include "architecture/architecture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "deformer/known_datasets.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

using test::expect_error;
using test::TempDir;

// What bert-base-uncased's config.json says, with keys that the reader has no use for.
nlohmann::json base_config() {
  return nlohmann::json::parse(R"({
    "architectures": ["BertForMaskedLM"], "attention_probs_dropout_prob": 0.1,
    "gradient_checkpointing": false, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
    "hidden_size": 768, "initializer_range": 0.02, "intermediate_size": 3072,
    "layer_norm_eps": 1e-12, "max_position_embeddings": 512, "model_type": "bert",
    "num_attention_heads": 12, "num_hidden_layers": 12, "pad_token_id": 0,
    "position_embedding_type": "absolute", "transformers_version": "4.6.0.dev0",
    "type_vocab_size": 2, "use_cache": true, "vocab_size": 30522})");
}

ModelConfig load(const nlohmann::json& document, const std::string& task = "") {
  const TempDir dir;
  std::ofstream(dir / "config.json") << document.dump();
  return load_model_config(dir.path(),
                           task.empty() ? std::nullopt : std::optional(parse_task(task)));
}

// base_config() with one value replaced.
nlohmann::json with(const std::string& pointer, const nlohmann::json& value) {
  nlohmann::json document = base_config();
  document[nlohmann::json::json_pointer(pointer)] = value;
  return document;
}

nlohmann::json without(const std::string& key) {
  nlohmann::json document = base_config();
  document.erase(key);
  return document;
}

void expect_refused(ErrorCode code, const std::string& text, const nlohmann::json& document) {
  expect_error(code, text, [&] { (void)load(document); });
}

ModelConfig small_config() {
  ModelConfig config;
  config.vocab_size = 100;
  config.hidden_size = 32;
  config.num_hidden_layers = 4;
  config.num_attention_heads = 4;
  config.intermediate_size = 64;
  config.max_position_embeddings = 64;
  config.split = {.split_layer = 2,
                  .layout = Layout::kRestart,
                  .max_question_tokens = 10,
                  .window_tokens = 40,
                  .window_step = 20,
                  .max_answer_tokens = 7};
  return config;
}

void expect_equal(const ModelConfig& a, const ModelConfig& b) {
  EXPECT_EQ(a.architecture, b.architecture);
  EXPECT_EQ(a.vocab_size, b.vocab_size);
  EXPECT_EQ(a.hidden_size, b.hidden_size);
  EXPECT_EQ(a.embedding_size, b.embedding_size);
  EXPECT_EQ(a.num_hidden_layers, b.num_hidden_layers);
  EXPECT_EQ(a.num_attention_heads, b.num_attention_heads);
  EXPECT_EQ(a.intermediate_size, b.intermediate_size);
  EXPECT_EQ(a.max_position_embeddings, b.max_position_embeddings);
  EXPECT_EQ(a.type_vocab_size, b.type_vocab_size);
  EXPECT_EQ(a.distances.longest, b.distances.longest);
  EXPECT_EQ(a.distances.buckets, b.distances.buckets);
  EXPECT_EQ(a.distances.shares_projections, b.distances.shares_projections);
  EXPECT_EQ(a.distances.normalised, b.distances.normalised);
  EXPECT_EQ(a.distances.convolution_rows, b.distances.convolution_rows);
  EXPECT_EQ(a.hidden_act, b.hidden_act);
  EXPECT_EQ(a.layer_norm_eps, b.layer_norm_eps);
  EXPECT_EQ(a.initializer_range, b.initializer_range);
  EXPECT_EQ(a.split.split_layer, b.split.split_layer);
  EXPECT_EQ(a.split.layout, b.split.layout);
  EXPECT_EQ(a.split.max_question_tokens, b.split.max_question_tokens);
  EXPECT_EQ(a.split.window_tokens, b.split.window_tokens);
  EXPECT_EQ(a.split.window_step, b.split.window_step);
  EXPECT_EQ(a.split.max_answer_tokens, b.split.max_answer_tokens);
  EXPECT_EQ(a.split.passage_place, b.split.passage_place);
  EXPECT_EQ(a.task, b.task);
  EXPECT_EQ(a.labels, b.labels);
}

TEST(ModelConfig, ReadsAnOrdinaryCheckpointAsAJointModel) {
  const ModelConfig config = load(base_config());
  EXPECT_EQ(config.architecture, "bert");
  EXPECT_EQ(config.vocab_size, 30522);
  EXPECT_EQ(config.hidden_size, 768);
  EXPECT_EQ(config.num_hidden_layers, 12);
  EXPECT_EQ(config.num_attention_heads, 12);
  EXPECT_EQ(config.head_size(), 64);
  EXPECT_EQ(config.intermediate_size, 3072);
  EXPECT_EQ(config.max_position_embeddings, 512);
  EXPECT_EQ(config.hidden_act, Activation::kGeluErf);
  EXPECT_DOUBLE_EQ(config.layer_norm_eps, 1e-12);
  EXPECT_EQ(config.split.split_layer, 0);
  EXPECT_EQ(config.split.layout, Layout::kContinue);
  EXPECT_EQ(config.split.max_question_tokens, 64);
  EXPECT_EQ(config.split.window_tokens, 292);
  EXPECT_EQ(config.split.window_step, 128);
  EXPECT_EQ(config.split.max_answer_tokens, 30);
}

TEST(ModelConfig, ReadsTheDeformerObject) {
  const ModelConfig config = load(with("/deformer", {{"split_layer", 9},
                                                     {"layout", "restart"},
                                                     {"max_question_tokens", 40},
                                                     {"window_tokens", 200},
                                                     {"window_step", 100},
                                                     {"max_answer_tokens", 15}}));
  EXPECT_EQ(config.split.split_layer, 9);
  EXPECT_EQ(config.split.layout, Layout::kRestart);
  EXPECT_EQ(config.split.max_question_tokens, 40);
  EXPECT_EQ(config.split.window_tokens, 200);
  EXPECT_EQ(config.split.window_step, 100);
  EXPECT_EQ(config.split.max_answer_tokens, 15);
}

TEST(ModelConfig, FillsAnEmptyDeformerObjectWithThePublishedSetUp) {
  const ModelConfig config = load(with("/deformer", nlohmann::json::object()));
  EXPECT_EQ(config.split.split_layer, 0);
  EXPECT_EQ(config.split.layout, Layout::kRestart);
  EXPECT_EQ(config.split.max_question_tokens, 25);
  EXPECT_EQ(config.split.window_tokens, 292);
}

TEST(ModelConfig, FillsMissingKeysWithHuggingFaceDefaults) {
  nlohmann::json document = base_config();
  for (const char* key : {"hidden_act", "layer_norm_eps", "max_position_embeddings",
                          "type_vocab_size", "initializer_range", "position_embedding_type"}) {
    document.erase(key);
  }
  const ModelConfig config = load(document);
  EXPECT_EQ(config.hidden_act, Activation::kGeluErf);
  EXPECT_DOUBLE_EQ(config.layer_norm_eps, 1e-12);
  EXPECT_EQ(config.max_position_embeddings, 512);
  EXPECT_EQ(config.type_vocab_size, 2);
  EXPECT_DOUBLE_EQ(config.initializer_range, 0.02);
}

TEST(ModelConfig, DefaultLengthsShrinkToASmallPositionTable) {
  const ModelConfig joint = load(with("/max_position_embeddings", 64));
  EXPECT_EQ(joint.split.max_question_tokens, 16);
  EXPECT_EQ(joint.split.window_tokens, 64 - 18 - 1);
  EXPECT_EQ(joint.split.window_step, 45);
  nlohmann::json document = with("/max_position_embeddings", 64);
  document["deformer"] = {{"split_layer", 1}};
  EXPECT_EQ(load(document).split.window_tokens, 63);
}

TEST(ModelConfig, StatedLengthsDoNotShrink) {
  nlohmann::json document = with("/max_position_embeddings", 64);
  document["deformer"] = {{"split_layer", 1}, {"window_tokens", 64}};
  expect_refused(ErrorCode::kIncompatible, "max_position_embeddings: expected at least 65",
                 document);
}

TEST(ModelConfig, KnowsTheActivationNamesOfHuggingFace) {
  EXPECT_EQ(load(with("/hidden_act", "gelu_new")).hidden_act, Activation::kGeluTanh);
  EXPECT_EQ(load(with("/hidden_act", "gelu_pytorch_tanh")).hidden_act, Activation::kGeluTanh);
  EXPECT_EQ(load(with("/hidden_act", "relu")).hidden_act, Activation::kRelu);
  expect_refused(ErrorCode::kUnsupported,
                 "hidden_act: expected gelu, gelu_new, gelu_pytorch_tanh or relu, found \"silu\"",
                 with("/hidden_act", "silu"));
}

TEST(ModelConfig, TakesTheArchitectureFromTheClassWhenModelTypeIsAbsent) {
  EXPECT_EQ(load(without("model_type")).architecture, "bert");
  nlohmann::json document = without("model_type");
  document.erase("architectures");
  expect_refused(ErrorCode::kCorrupt, "expected a key \"model_type\", found none", document);
}

TEST(ModelConfig, NamesTheFileWhenItIsAbsent) {
  const TempDir dir;
  expect_error(ErrorCode::kNotFound, "config.json", [&] { (void)load_model_config(dir.path()); });
}

TEST(ModelConfig, BrokenJsonNamesLineAndColumn) {
  const TempDir dir;
  std::ofstream(dir / "config.json") << "{\n  \"model_type\": \"bert\",\n  oops\n}";
  expect_error(ErrorCode::kCorrupt, "config.json: line 3, column 3",
               [&] { (void)load_model_config(dir.path()); });
}

TEST(ModelConfig, MissingKeysAndWrongTypesNameTheKey) {
  expect_refused(ErrorCode::kCorrupt, "expected a key \"hidden_size\", found none",
                 without("hidden_size"));
  expect_refused(ErrorCode::kCorrupt, "hidden_size: expected an integer, found a string",
                 with("/hidden_size", "768"));
  expect_refused(ErrorCode::kCorrupt, "hidden_size: expected an integer, found a number",
                 with("/hidden_size", 768.5));
  expect_refused(ErrorCode::kCorrupt, "layer_norm_eps: expected a number, found null",
                 with("/layer_norm_eps", nullptr));
  expect_refused(ErrorCode::kCorrupt, "deformer: expected an object, found a number",
                 with("/deformer", 4));
  expect_refused(ErrorCode::kCorrupt, "deformer.split_layer: expected an integer, found a boolean",
                 with("/deformer/split_layer", true));
  expect_refused(ErrorCode::kCorrupt, "expected an object, found an array",
                 nlohmann::json::array());
}

TEST(ModelConfig, OtherVariantsAreUnsupported) {
  expect_refused(ErrorCode::kUnsupported,
                 "model_type: expected " + architecture_list() + ", found \"gpt2\"",
                 with("/model_type", "gpt2"));
  expect_refused(ErrorCode::kUnsupported,
                 "position_embedding_type: expected absolute, found \"relative_key\"",
                 with("/position_embedding_type", "relative_key"));
  expect_refused(ErrorCode::kUnsupported, "is_decoder: expected false", with("/is_decoder", true));
  expect_refused(ErrorCode::kUnsupported, "add_cross_attention: expected false",
                 with("/add_cross_attention", true));
  expect_refused(ErrorCode::kUnsupported, "pruned_heads: expected no pruned heads",
                 with("/pruned_heads", {{"0", {1}}}));
  expect_refused(ErrorCode::kUnsupported,
                 "deformer.layout: expected restart or continue, found \"slots\"",
                 with("/deformer/layout", "slots"));
  expect_refused(ErrorCode::kUnsupported, "found \"split_layers\"",
                 with("/deformer/split_layers", 9));
}

TEST(ModelConfig, ContradictorySizesAreIncompatible) {
  expect_refused(ErrorCode::kIncompatible,
                 "config.json: hidden_size: expected a multiple of num_attention_heads (12), found "
                 "770",
                 with("/hidden_size", 770));
  expect_refused(ErrorCode::kIncompatible, "num_attention_heads: expected a value from 1",
                 with("/num_attention_heads", 0));
  expect_refused(ErrorCode::kIncompatible, "num_hidden_layers: expected a value from 1",
                 with("/num_hidden_layers", -1));
  expect_refused(ErrorCode::kIncompatible, "vocab_size: expected a value from 1",
                 with("/vocab_size", std::int64_t{1} << 40));
  expect_refused(ErrorCode::kIncompatible, "type_vocab_size: expected a value from 2",
                 with("/type_vocab_size", 1));
  expect_refused(ErrorCode::kIncompatible, "layer_norm_eps: expected a number above 0, found 0.0",
                 with("/layer_norm_eps", 0.0));
  expect_refused(ErrorCode::kIncompatible, "initializer_range: expected a number of at least 0",
                 with("/initializer_range", -0.02));
}

// A few lines of text must not ask for gigabytes.
TEST(ModelConfig, SizesBeyondAnyModelAreIncompatible) {
  struct Bound {
    const char* key;
    std::int64_t most;
  };
  for (const Bound& bound : std::initializer_list<Bound>{{"vocab_size", 1 << 24},
                                                         {"hidden_size", 8192},
                                                         {"num_hidden_layers", 512},
                                                         {"intermediate_size", 32768},
                                                         {"max_position_embeddings", 1 << 20},
                                                         {"type_vocab_size", 1 << 20}}) {
    const std::string pointer = std::string("/") + bound.key;
    nlohmann::json document = with(pointer, bound.most);
    document["num_attention_heads"] = 1;
    EXPECT_NO_THROW(static_cast<void>(load(document))) << bound.key;
    document[bound.key] = bound.most + 1;
    expect_refused(ErrorCode::kIncompatible, std::string(bound.key) + ": expected a value from ",
                   document);
    document[bound.key] = 2147483647;
    expect_refused(ErrorCode::kIncompatible, std::to_string(bound.most) + ", found 2147483647",
                   document);
  }
}

TEST(ModelConfig, NarrowEmbeddingsNeedAProjection) {
  ModelConfig config = small_config();
  config.embedding_size = 32;
  EXPECT_NO_THROW(validate(config));
  config.embedding_size = 16;
  expect_error(ErrorCode::kIncompatible,
               "embedding_size: expected hidden_size (32) with model_type bert, found 16",
               [&] { validate(config); });
  for (const char* architecture : {"albert", "electra"}) {
    config.architecture = architecture;
    config.embedding_size = 16;
    EXPECT_NO_THROW(validate(config)) << architecture;
    config.embedding_size = -16;
    expect_error(ErrorCode::kIncompatible, "embedding_size: expected a value from 0",
                 [&] { validate(config); });
    nlohmann::json document = with("/embedding_size", -16);
    document["model_type"] = architecture;
    expect_refused(ErrorCode::kIncompatible, "embedding_size: expected a value from 0", document);
  }
  EXPECT_EQ(ModelConfig().head_size(), 0);
}

std::string message_of(const nlohmann::json& document) {
  try {
    static_cast<void>(load(document));
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(ModelConfig, QuotesNoMoreThanAMessageHolds) {
  const std::string much(std::size_t{1} << 20, 'x');
  std::vector<nlohmann::json> documents{with("/deformer/" + much, 1)};
  for (const char* pointer : {"/model_type", "/hidden_act", "/position_embedding_type",
                              "/deformer/layout", "/deformer/task", "/deformer/passage_place"}) {
    documents.push_back(with(pointer, much));
  }
  for (const char* key : {"pos_att_type", "norm_rel_ebd"}) {
    documents.push_back(
        nlohmann::json::parse(config_to_json(published_model_config("deberta-v3-base"))));
    documents.back()[key] = much;
  }
  for (const nlohmann::json& document : documents) {
    const std::string message = message_of(document);
    EXPECT_LT(message.size(), 1024U);
    EXPECT_THAT(message.substr(0, 1024), testing::HasSubstr("found \"xxx"));
  }
}

TEST(ModelConfig, ASplitThatCannotBeIsIncompatible) {
  expect_refused(ErrorCode::kIncompatible,
                 "deformer.split_layer: expected a value from 0 to 11, found 12",
                 with("/deformer/split_layer", 12));
  expect_refused(ErrorCode::kIncompatible, "deformer.split_layer: expected a value from 0 to 11",
                 with("/deformer/split_layer", -1));
  expect_refused(ErrorCode::kIncompatible,
                 "deformer.layout: expected restart with split_layer 3, found continue",
                 with("/deformer", {{"split_layer", 3}, {"layout", "continue"}}));
  expect_refused(ErrorCode::kIncompatible, "deformer.window_step: expected a value from 1 to 50",
                 with("/deformer", {{"window_tokens", 50}, {"window_step", 51}}));
  expect_refused(ErrorCode::kIncompatible, "deformer.max_answer_tokens: expected a value from 1",
                 with("/deformer/max_answer_tokens", 0));
  expect_refused(ErrorCode::kIncompatible, "deformer.window_tokens: expected a value from",
                 with("/deformer/window_tokens", std::int64_t{1} << 40));
}

TEST(ModelConfig, LongestQuestionAndWindowFitThePositionTable) {
  EXPECT_EQ(load(with("/deformer/window_tokens", 511)).split.window_tokens, 511);
  expect_refused(ErrorCode::kIncompatible, "max_position_embeddings: expected at least 513",
                 with("/deformer/window_tokens", 512));
  EXPECT_EQ(load(with("/deformer/max_question_tokens", 510)).split.max_question_tokens, 510);
  expect_refused(ErrorCode::kIncompatible, "max_position_embeddings: expected at least 513",
                 with("/deformer/max_question_tokens", 511));
  const auto joint = [](int question, int window) {
    return with(
        "/deformer",
        {{"layout", "continue"}, {"max_question_tokens", question}, {"window_tokens", window}});
  };
  EXPECT_EQ(load(joint(64, 445)).split.window_tokens, 445);
  expect_refused(ErrorCode::kIncompatible, "max_position_embeddings: expected at least 513",
                 joint(64, 446));
}

TEST(ModelConfig, ValidateNamesTheContradictionWithoutAFile) {
  ModelConfig config = small_config();
  EXPECT_NO_THROW(validate(config));
  config.split.split_layer = 4;
  expect_error(ErrorCode::kIncompatible,
               "deformer.split_layer: expected a value from 0 to 3, found 4",
               [&] { validate(config); });
  config = small_config();
  config.layer_norm_eps = std::nan("");
  expect_error(ErrorCode::kIncompatible, "layer_norm_eps", [&] { validate(config); });
}

TEST(ModelConfig, SavedConfigurationsLoadAsTheSame) {
  const TempDir dir;
  for (const Activation activation :
       {Activation::kGeluErf, Activation::kGeluTanh, Activation::kRelu}) {
    ModelConfig config = small_config();
    config.hidden_act = activation;
    config.layer_norm_eps = 1e-5;
    config.initializer_range = 0.3;
    save_model_config(config, dir.path());
    expect_equal(config, load_model_config(dir.path()));
  }
}

TEST(ModelConfig, PublishedConfigurationsLoadAsTheSame) {
  const TempDir dir;
  for (const std::string& name : published_model_names()) {
    SCOPED_TRACE(name);
    const ModelConfig config = published_model_config(name);
    save_model_config(config, dir.path());
    expect_equal(config, load_model_config(dir.path()));
  }
}

// Hugging Face's code does not read it: it would come back as another number.
TEST(ModelConfig, DistilbertHasOneEpsilon) {
  ModelConfig config = published_model_config("distilbert-base");
  config.layer_norm_eps = 1e-5;
  expect_error(ErrorCode::kIncompatible, "layer_norm_eps: expected 1e-12 with model_type",
               [&] { validate(config); });
}

TEST(ModelConfig, DebertasConvolutionHasAMiddle) {
  ModelConfig config = published_model_config("deberta-v3-small");
  for (const int rows : {0, 1, 3, 255}) {
    config.distances.convolution_rows = rows;
    EXPECT_NO_THROW(validate(config)) << rows;
  }
  for (const int rows : {-1, 2, 4, 257, 1 << 30}) {
    config.distances.convolution_rows = rows;
    expect_error(ErrorCode::kIncompatible, "conv_kernel_size: expected ",
                 [&] { validate(config); });
  }
}

TEST(ModelConfig, SavedConfigurationsNameTheHuggingFaceClass) {
  const nlohmann::json document = nlohmann::json::parse(config_to_json(small_config()));
  EXPECT_EQ(document["architectures"], nlohmann::json::array({"BertForQuestionAnswering"}));
  EXPECT_EQ(document["model_type"], "bert");
  EXPECT_EQ(document["deformer"]["split_layer"], 2);
}

TEST(ModelConfig, SaveRefusesAContradictionAndWritesNothing) {
  const TempDir dir;
  ModelConfig config = small_config();
  config.hidden_size = 33;
  expect_error(ErrorCode::kIncompatible, "hidden_size",
               [&] { save_model_config(config, dir.path()); });
  EXPECT_FALSE(std::filesystem::exists(dir / "config.json"));
}

// What xlnet-base-cased's config.json says.
nlohmann::json xlnet_config() {
  return nlohmann::json::parse(R"({
    "architectures": ["XLNetLMHeadModel"], "attn_type": "bi", "bi_data": false, "bos_token_id": 1,
    "clamp_len": -1, "d_head": 64, "d_inner": 3072, "d_model": 768, "dropout": 0.1,
    "end_n_top": 5, "eos_token_id": 2, "ff_activation": "gelu", "initializer_range": 0.02,
    "layer_norm_eps": 1e-12, "mem_len": null, "model_type": "xlnet", "n_head": 12, "n_layer": 12,
    "pad_token_id": 5, "reuse_len": null, "same_length": false, "start_n_top": 5,
    "untie_r": true, "vocab_size": 32000})");
}

nlohmann::json xlnet_with(const std::string& pointer, const nlohmann::json& value) {
  nlohmann::json document = xlnet_config();
  document[nlohmann::json::json_pointer(pointer)] = value;
  return document;
}

TEST(XlnetConfig, ReadsAnOrdinaryCheckpointAsAJointModel) {
  const ModelConfig config = load(xlnet_config());
  EXPECT_EQ(config.architecture, "xlnet");
  EXPECT_EQ(config.vocab_size, 32000);
  EXPECT_EQ(config.hidden_size, 768);
  EXPECT_EQ(config.num_hidden_layers, 12);
  EXPECT_EQ(config.num_attention_heads, 12);
  EXPECT_EQ(config.intermediate_size, 3072);
  EXPECT_EQ(config.max_position_embeddings, 0);
  EXPECT_EQ(config.hidden_act, Activation::kGeluErf);
  EXPECT_EQ(config.split.split_layer, 0);
  EXPECT_EQ(config.split.layout, Layout::kContinue);
  EXPECT_EQ(config.split.max_question_tokens, 64);
  EXPECT_EQ(config.split.window_tokens, 292);
}

// As all-mpnet-base-v2 has it.
nlohmann::json mpnet_config() {
  return nlohmann::json::parse(R"({
    "architectures": ["MPNetForMaskedLM"], "attention_probs_dropout_prob": 0.1, "bos_token_id": 0,
    "eos_token_id": 2, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": 768,
    "initializer_range": 0.02, "intermediate_size": 3072, "layer_norm_eps": 1e-05,
    "max_position_embeddings": 514, "model_type": "mpnet", "num_attention_heads": 12,
    "num_hidden_layers": 12, "pad_token_id": 1, "relative_attention_num_buckets": 32,
    "vocab_size": 30527})");
}

TEST(MpnetConfig, ReadsAnOrdinaryCheckpointAsAJointModel) {
  const ModelConfig config = load(mpnet_config());
  EXPECT_EQ(config.architecture, "mpnet");
  EXPECT_EQ(config.max_position_embeddings, 514);
  EXPECT_EQ(config.layer_norm_eps, 1e-5);
  EXPECT_EQ(config.split.layout, Layout::kContinue);
  EXPECT_EQ(passage_place(config), PassagePlace::kSecond);
}

// Positions begin at 2, and an ordinary checkpoint's rows have four special tokens.
TEST(MpnetConfig, TextsTakeAllPositionsButTheFirstTwo) {
  nlohmann::json document = mpnet_config();
  document["deformer"] = {
      {"layout", "continue"}, {"max_question_tokens", 64}, {"window_tokens", 444}};
  EXPECT_EQ(load(document).split.window_tokens, 444);
  document["deformer"]["window_tokens"] = 445;
  expect_error(ErrorCode::kIncompatible,
               "max_position_embeddings: expected at least 515 (layout continue, "
               "max_question_tokens 64 + 3, window_tokens 445 + 1), found 514",
               [&] { static_cast<void>(load(document)); });
}

TEST(MpnetConfig, RefusesBucketsThatHuggingFaceWouldNotCount) {
  nlohmann::json document = mpnet_config();
  document["relative_attention_num_buckets"] = 64;
  expect_error(ErrorCode::kUnsupported, "relative_attention_num_buckets: expected 32, found 64",
               [&] { static_cast<void>(load(document)); });
}

// As Hugging Face's classes do.
TEST(ModelConfig, SizesHaveOtherNamesToo) {
  const auto renamed = [](nlohmann::json document, const char* from, const char* to) {
    document[to] = document.at(from);
    document.erase(from);
    return document;
  };
  nlohmann::json xlnet = renamed(xlnet_config(), "vocab_size", "n_token");
  xlnet = renamed(xlnet, "d_model", "hidden_size");
  xlnet = renamed(xlnet, "n_layer", "num_hidden_layers");
  xlnet = renamed(xlnet, "n_head", "num_attention_heads");
  expect_equal(load(xlnet), load(xlnet_config()));
  const nlohmann::json distilbert =
      nlohmann::json::parse(config_to_json(published_model_config("distilbert-base")));
  expect_equal(load(renamed(distilbert, "dim", "hidden_size")), load(distilbert));
  EXPECT_EQ(load(xlnet_with("/n_token", 32000)).vocab_size, 32000) << "both, the same";
  expect_refused(ErrorCode::kIncompatible, "hidden_size: expected d_model, 768, found 512",
                 xlnet_with("/hidden_size", 512));
  expect_refused(ErrorCode::kCorrupt, "expected a key \"d_model\", found none", [] {
    nlohmann::json document = xlnet_config();
    document.erase("d_model");
    return document;
  }());
}

TEST(XlnetConfig, ReadsTheDeformerObject) {
  const ModelConfig packed = load(xlnet_with("/deformer/split_layer", 8));
  EXPECT_EQ(packed.split.layout, Layout::kPacked);
  EXPECT_EQ(packed.split.max_question_tokens, 25);
  const ModelConfig slots =
      load(xlnet_with("/deformer", {{"layout", "slots"}, {"window_tokens", 1600}}));
  EXPECT_EQ(slots.split.layout, Layout::kSlots);
  EXPECT_EQ(slots.split.window_tokens, 1600) << "relative positions have no table to fit";
  EXPECT_EQ(
      load(xlnet_with("/deformer", {{"layout", "continue"}, {"split_layer", 8}})).split.split_layer,
      8);
}

TEST(XlnetConfig, LengthsHaveBoundsWithoutAPositionTable) {
  constexpr int kMost = 1 << 20;
  for (const char* key : {"max_question_tokens", "window_tokens", "max_answer_tokens"}) {
    const std::string pointer = std::string("/deformer/") + key;
    EXPECT_NO_THROW(static_cast<void>(load(xlnet_with(pointer, kMost)))) << key;
    expect_refused(ErrorCode::kIncompatible, std::string("deformer.") + key + ": expected a value",
                   xlnet_with(pointer, kMost + 1));
  }
  ModelConfig config = load(xlnet_config());
  config.split.window_tokens = kMost + 1;
  expect_error(ErrorCode::kIncompatible,
               "deformer.window_tokens: expected a value from 1 to 1048576, found 1048577",
               [&] { validate(config); });
}

TEST(XlnetConfig, OtherVariantsAreUnsupported) {
  expect_refused(ErrorCode::kUnsupported, "attn_type: expected bi, found \"uni\"",
                 xlnet_with("/attn_type", "uni"));
  expect_refused(ErrorCode::kUnsupported, "bi_data: expected false", xlnet_with("/bi_data", true));
  expect_refused(ErrorCode::kUnsupported, "clamp_len: expected -1", xlnet_with("/clamp_len", 400));
  expect_refused(ErrorCode::kUnsupported, "d_head: expected d_model / n_head = 64, found 32",
                 xlnet_with("/d_head", 32));
  expect_refused(ErrorCode::kUnsupported, "ff_activation: expected gelu",
                 xlnet_with("/ff_activation", "swish"));
  expect_refused(ErrorCode::kUnsupported,
                 "deformer.layout: expected packed, slots or continue, found \"restart\"",
                 xlnet_with("/deformer/layout", "restart"));
}

TEST(XlnetConfig, ContradictionsAreNamedAsTheFileSpellsThem) {
  expect_refused(ErrorCode::kIncompatible, "d_model: expected a multiple of n_head (12), found 770",
                 xlnet_with("/d_model", 770));
  expect_refused(ErrorCode::kIncompatible, "n_layer: expected a value from 1",
                 xlnet_with("/n_layer", 0));
  expect_refused(ErrorCode::kCorrupt, "expected a key \"d_inner\", found none", [] {
    nlohmann::json document = xlnet_config();
    document.erase("d_inner");
    return document;
  }());
  ModelConfig config = load(xlnet_config());
  config.split.layout = Layout::kRestart;
  expect_error(ErrorCode::kIncompatible,
               "deformer.layout: expected packed, slots or continue, found restart (model_type "
               "xlnet)",
               [&] { validate(config); });
  config.hidden_size = 9;
  config.num_attention_heads = 3;
  expect_error(ErrorCode::kIncompatible, "d_model: expected an even number, found 9",
               [&] { validate(config); });
}

TEST(XlnetConfig, SavedConfigurationsLoadAsTheSame) {
  const TempDir dir;
  const ModelConfig config =
      load(xlnet_with("/deformer", {{"layout", "slots"}, {"split_layer", 8}}));
  save_model_config(config, dir.path());
  expect_equal(config, load_model_config(dir.path()));
  const nlohmann::json document = nlohmann::json::parse(config_to_json(config));
  EXPECT_EQ(document["architectures"], nlohmann::json::array({"XLNetForQuestionAnsweringSimple"}));
  EXPECT_EQ(document["d_model"], 768);
}

using Labels = std::vector<std::string>;

TEST(TaskConfig, AFileWithoutATaskIsAReaderForSpans) {
  const ModelConfig config = load(base_config());
  EXPECT_EQ(config.task, TaskKind::kSpan);
  EXPECT_TRUE(config.labels.empty());
  EXPECT_EQ(passage_place(config), PassagePlace::kSecond);
  EXPECT_EQ(passage_place(load(xlnet_config())), PassagePlace::kFirst);
}

// StonyBrookNLP/deformer, tasks/__init__.py.
TEST(TaskConfig, PublishedLengthsAreTheDefaults) {
  const auto lengths = [](const char* task) {
    const SplitConfig split = load(with("/deformer/task", task)).split;
    return std::pair(split.max_question_tokens, split.window_tokens);
  };
  EXPECT_EQ(lengths("boolq"), std::pair(15, 320 - 17 - 1));
  EXPECT_EQ(lengths("mnli"), std::pair(120 - 87 - 1, 85)) << "the premise is the passage";
  EXPECT_EQ(lengths("qqp"), std::pair(100 - 42 - 1, 40));
  EXPECT_EQ(lengths("race"), std::pair(30, 512 - 32 - 1));
  EXPECT_EQ(load(base_config(), "mnli").split.max_question_tokens, 64) << "not decomposed";
}

TEST(TaskConfig, ThePassageStandsWhereTheTaskOrTheFileSays) {
  EXPECT_EQ(passage_place(load(with("/deformer/task", "boolq"))), PassagePlace::kSecond);
  EXPECT_EQ(passage_place(load(with("/deformer/task", "mnli"))), PassagePlace::kFirst);
  EXPECT_EQ(passage_place(load(xlnet_with("/deformer/task", "boolq"))), PassagePlace::kFirst);
  EXPECT_EQ(passage_place(load(xlnet_with("/deformer", {{"task", "qqp"}}))), PassagePlace::kFirst);
  const nlohmann::json second{{"task", "qqp"}, {"passage_place", "second"}};
  EXPECT_EQ(passage_place(load(xlnet_with("/deformer", second))), PassagePlace::kSecond);
  expect_refused(
      ErrorCode::kIncompatible,
      "deformer.passage_place: expected second for span questions with bert, found first",
      with("/deformer/passage_place", "first"));
  expect_refused(ErrorCode::kUnsupported,
                 "passage_place: expected first or second, found \"third\"",
                 with("/deformer/passage_place", "third"));
}

TEST(TaskConfig, ATaskMayBeAskedForWhereTheFileNamesNone) {
  EXPECT_EQ(load(base_config(), "qqp").task, TaskKind::kClasses);
  EXPECT_EQ(load(with("/architectures", {"BertForMultipleChoice"})).task, TaskKind::kChoice);
  EXPECT_EQ(load(with("/architectures", nullptr)).task, TaskKind::kSpan);
  EXPECT_EQ(load(with("/deformer/task", "mnli"), "mnli").task, TaskKind::kClasses);
  expect_error(ErrorCode::kIncompatible, "deformer.task: expected boolq as asked for, found mnli",
               [] { (void)load(with("/deformer/task", "mnli"), "boolq"); });
  expect_refused(
      ErrorCode::kUnsupported,
      "deformer.task: expected span, classes, choice, boolq, mnli, qqp or race, found \"sts\"",
      with("/deformer/task", "sts"));
}

TEST(TaskConfig, ClassesAreKnownByName) {
  const auto labels = [](const nlohmann::json& id2label) {
    return load(with("/id2label", id2label), "mnli").labels;
  };
  EXPECT_EQ(load(base_config(), "mnli").labels, parse_task("mnli").labels);
  EXPECT_EQ(labels({{"0", "LABEL_0"}, {"1", "LABEL_1"}, {"2", "LABEL_2"}}),
            parse_task("mnli").labels);
  EXPECT_EQ(labels({{"0", "CONTRADICTION"}, {"1", "neutral"}, {"2", "Entailment"}}),
            (Labels{"contradiction", "neutral", "entailment"}));
  EXPECT_EQ(load(with("/id2label", {{"0", "Not Duplicate"}, {"1", "duplicate"}}), "qqp").labels,
            parse_task("qqp").labels);
  const auto refuse = [&](const nlohmann::json& id2label, const std::string& text) {
    expect_error(ErrorCode::kIncompatible, text, [&] { (void)labels(id2label); });
  };
  refuse({{"0", "a"}, {"1", "b"}}, "id2label: expected the task's 3 classes, found 2");
  refuse(
      {{"0", "neutral"}, {"1", "maybe"}, {"2", "entailment"}},
      "id2label: expected the classes of mnli (entailment, neutral, contradiction) in any order, "
      "found \"neutral, maybe, entailment\"");
  expect_error(ErrorCode::kIncompatible, "num_labels: expected the task's 3 classes, found 5",
               [] { (void)load(with("/num_labels", 5), "mnli"); });
}

TEST(TaskConfig, LabelsOfOnesOwnAreTakenAsTheyAre) {
  nlohmann::json document = with("/id2label", {{"0", "Hot"}, {"1", "cold stuff"}, {"2", "-"}});
  EXPECT_EQ(load(document, "classes").labels, (Labels{"Hot", "cold stuff", "-"}));
  document["architectures"] = {"BertForSequenceClassification"};
  const ModelConfig config = load(document);
  EXPECT_EQ(config.task, TaskKind::kClasses);
  EXPECT_EQ(config.labels, (Labels{"Hot", "cold stuff", "-"}));
  EXPECT_EQ(passage_place(config), PassagePlace::kSecond);
  EXPECT_EQ(load(with("/num_labels", 3), "classes").labels,
            (Labels{"LABEL_0", "LABEL_1", "LABEL_2"}));
  EXPECT_EQ(load(base_config(), "classes").labels, (Labels{"LABEL_0", "LABEL_1"}))
      << "Hugging Face's default";
}

TEST(TaskConfig, NumbersNameLabelsByTheirDigits) {
  EXPECT_EQ(load(with("/id2label", {{"0", 0}, {"1", 1}, {"2", "2+"}}), "classes").labels,
            (Labels{"0", "1", "2+"}));
  expect_error(ErrorCode::kCorrupt, "id2label.1: expected a string or an integer", [] {
    static_cast<void>(load(with("/id2label", {{"0", "a"}, {"1", 1.5}}), "classes"));
  });
}

TEST(TaskConfig, LabelsAreUtf8) {
  ModelConfig config = small_config();
  config.task = TaskKind::kClasses;
  config.labels = {"caf\u00e9", "caf\xe9"};
  const TempDir dir;
  expect_error(ErrorCode::kIncompatible, "id2label: expected UTF-8, found \"caf",
               [&] { save_model_config(config, dir.path()); });
}

TEST(TaskConfig, ClassesAreOneOfSeveralLabels) {
  for (const nlohmann::json& fine :
       {nlohmann::json(), nlohmann::json("single_label_classification")}) {
    EXPECT_NO_THROW(static_cast<void>(load(with("/problem_type", fine), "classes"))) << fine;
  }
  for (const char* other : {"multi_label_classification", "regression"}) {
    nlohmann::json document = with("/problem_type", other);
    EXPECT_NO_THROW(static_cast<void>(load(document))) << "no classes are read";
    document["architectures"] = {"BertForSequenceClassification"};
    expect_refused(
        ErrorCode::kUnsupported,
        std::string("problem_type: expected single_label_classification, found \"") + other + "\"",
        document);
  }
}

// It does nothing where one window is read, but it is a part of the fingerprint, and a saved
// configuration does not have it.
TEST(TaskConfig, AStepOfKindsThatReadOneWindowIsCheckedAndLeftAside) {
  const TempDir dir;
  for (const char* task : {"classes", "choice"}) {
    for (const int window : {40, 300}) {
      nlohmann::json document = with("/deformer", {{"task", task}, {"window_tokens", window}});
      const ModelConfig config = load(document);
      EXPECT_EQ(config.split.window_step, std::min(128, window));
      document["deformer"]["window_step"] = 17;
      expect_equal(load(document), config);
      save_model_config(config, dir.path());
      ModelConfig read = load_model_config(dir.path());
      EXPECT_EQ(read.split.window_step, config.split.window_step);
      for (const int step : {0, -1, window + 1}) {
        document["deformer"]["window_step"] = step;
        expect_refused(ErrorCode::kIncompatible, "deformer.window_step: expected a value from 1",
                       document);
      }
      read.split.window_step = 0;
      expect_error(ErrorCode::kIncompatible, "deformer.window_step", [&] { validate(read); });
      read.split.window_step = 128;
      EXPECT_NO_THROW(validate(read)) << "the default, whatever the window";
    }
  }
}

TEST(TaskConfig, LabelsMustBeTwoDifferentOnes) {
  const auto refuse = [](const nlohmann::json& id2label, const std::string& text) {
    expect_error(ErrorCode::kIncompatible, text,
                 [&] { (void)load(with("/id2label", id2label), "classes"); });
  };
  refuse({{"0", "a"}}, "config.json: id2label: expected at least two labels, found 1");
  refuse({{"0", "a"}, {"1", "b"}, {"2", "a"}},
         "id2label: expected different labels, found \"a\" twice");
  refuse({{"0", "a"}, {"1", ""}}, "id2label: expected a name for each label");
  nlohmann::json regression = with("/id2label", {{"0", "LABEL_0"}});
  regression["architectures"] = {"BertForSequenceClassification"};
  EXPECT_EQ(load(regression).task, TaskKind::kSpan) << "one output is no class";
  ModelConfig config = small_config();
  config.labels = {"a", "b"};
  expect_error(ErrorCode::kIncompatible, "labels: expected none for span, found \"a, b\"",
               [&] { validate(config); });
}

TEST(TaskConfig, KindsAreStatedAndADataSetFillsInTheRest) {
  nlohmann::json document = with("/deformer/task", "classes");
  document["id2label"] = {{"0", "CONTRADICTION"}, {"1", "neutral"}, {"2", "Entailment"}};
  const ModelConfig own = load(document);
  EXPECT_EQ(own.task, TaskKind::kClasses);
  EXPECT_EQ(own.labels.front(), "CONTRADICTION");
  EXPECT_EQ(own.split.max_question_tokens, 64);
  EXPECT_EQ(own.split.window_tokens, 384);
  const ModelConfig mnli = load(document, "mnli");
  EXPECT_EQ(mnli.labels, (Labels{"contradiction", "neutral", "entailment"}));
  EXPECT_EQ(mnli.split.window_tokens, 85);
  EXPECT_EQ(passage_place(mnli), PassagePlace::kFirst);
  document["deformer"]["window_tokens"] = 50;
  document["deformer"]["passage_place"] = "second";
  EXPECT_EQ(load(document, "mnli").split.window_tokens, 50) << "what the file states counts";
  EXPECT_EQ(passage_place(load(document, "mnli")), PassagePlace::kSecond);
  expect_error(ErrorCode::kIncompatible, "deformer.task: expected race as asked for, found classes",
               [&] { (void)load(document, "race"); });
  EXPECT_EQ(load(with("/deformer/task", "mnli"), "classes").split.window_tokens, 85);
  const ModelConfig choice = load(with("/deformer/task", "choice"));
  EXPECT_EQ(choice.task, TaskKind::kChoice);
  EXPECT_EQ(choice.split.window_tokens, 479);
}

// What older versions wrote comes back as a kind, with all that the data set's name implied.
TEST(TaskConfig, ADataSetsNameIsWrittenAsWhatItImplies) {
  const TempDir dir;
  for (const char* name : {"boolq", "mnli", "qqp", "race"}) {
    for (const nlohmann::json& document :
         {with("/deformer/task", name), xlnet_with("/deformer/task", name)}) {
      const ModelConfig old = load(document);
      const nlohmann::json written = nlohmann::json::parse(config_to_json(old));
      const nlohmann::json& deformer = written["deformer"];
      EXPECT_EQ(deformer["task"], std::string(name) == "race" ? "choice" : "classes");
      EXPECT_EQ(deformer["passage_place"], to_string(passage_place(old)));
      EXPECT_EQ(deformer["max_question_tokens"], old.split.max_question_tokens);
      EXPECT_EQ(deformer["window_tokens"], old.split.window_tokens);
      save_model_config(old, dir.path());
      const ModelConfig read = load_model_config(dir.path());
      EXPECT_EQ(read.labels, old.labels);
      EXPECT_EQ(read.split.max_question_tokens, old.split.max_question_tokens);
      EXPECT_EQ(read.split.window_tokens, old.split.window_tokens);
      EXPECT_EQ(read.split.window_step, old.split.window_step) << "a part of the fingerprint";
      EXPECT_EQ(passage_place(read), passage_place(old));
    }
  }
}

TEST(TaskConfig, OtherSummariesOfXlnetAreUnsupported) {
  const auto refuse = [](const char* key, const nlohmann::json& value, const std::string& text) {
    expect_error(ErrorCode::kUnsupported, text,
                 [&] { (void)load(xlnet_with(key, value), "mnli"); });
  };
  refuse("/summary_type", "mean", "summary_type: expected last, found \"mean\"");
  refuse("/summary_activation", "relu", "summary_activation: expected tanh");
  refuse("/summary_use_proj", false, "summary_use_proj: expected true, found false");
  EXPECT_NO_THROW((void)load(xlnet_with("/summary_type", "mean"))) << "a span head has no summary";
}

TEST(TaskConfig, SavedConfigurationsLoadAsTheSame) {
  const TempDir dir;
  ModelConfig config = load(xlnet_with(
      "/deformer",
      {{"split_layer", 3}, {"task", "mnli"}, {"passage_place", "second"}, {"window_tokens", 50}}));
  std::swap(config.labels[0], config.labels[2]);
  save_model_config(config, dir.path());
  expect_equal(config, load_model_config(dir.path()));
  const nlohmann::json document = nlohmann::json::parse(config_to_json(config));
  EXPECT_EQ(document["architectures"][0], "XLNetForSequenceClassification");
  EXPECT_EQ(document["id2label"]["0"], "contradiction");
  EXPECT_EQ(document["label2id"]["entailment"], 2);
  EXPECT_FALSE(document["deformer"].contains("window_step"));
  const ModelConfig race = load(with("/deformer/task", "race"));
  const nlohmann::json choice = nlohmann::json::parse(config_to_json(race));
  EXPECT_EQ(choice["architectures"][0], "BertForMultipleChoice");
  EXPECT_FALSE(choice.contains("id2label"));
}

TEST(Layout, ParsesWhatItPrints) {
  for (const Layout layout :
       {Layout::kRestart, Layout::kContinue, Layout::kPacked, Layout::kSlots}) {
    EXPECT_EQ(parse_layout(to_string(layout)), layout);
  }
  expect_error(ErrorCode::kInvalidArgument,
               "expected restart, continue, packed or slots, found \"Restart\"",
               [] { (void)parse_layout("Restart"); });
}

}  // namespace
}  // namespace deformer
