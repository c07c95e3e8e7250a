#include "deformer/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "architecture/architecture.h"
#include "architecture/checkpoint.h"
#include "base/file.h"
#include "convert/files.h"
#include "convert/table_writer.h"
#include "deformer/known_datasets.h"
#include "deformer/model.h"
#include "deformer/tokenizer.h"
#include "model/model_access.h"
#include "support/expect_error.h"
#include "support/fault_shim.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using test::copy_files;
using test::expect_error;
using test::expect_tensors;
using test::golden_convert;
using test::golden_model;
using test::read_bytes;
using test::TempDir;
using test::write_bytes;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::map<std::string, std::size_t> reasons(const ConvertReport& report) {
  std::map<std::string, std::size_t> counts;
  for (const SkippedTensor& tensor : report.skipped) ++counts[to_string(tensor.reason)];
  return counts;
}

std::set<std::string> files_in(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

class Convert : public testing::Test {
 protected:
  ConvertReport convert(const fs::path& from, const ConvertOptions& options = {}) const {
    return convert_model(from, to(), options);
  }
  /// Expects the error, and that nothing was written.
  void expect_refused(const fs::path& from, ErrorCode code, const std::string& text,
                      const ConvertOptions& options = {}) const {
    const auto before = files_in(dir_.path());
    expect_error(code, text, [&] { (void)convert(from, options); });
    EXPECT_EQ(files_in(dir_.path()), before);
  }
  void expect_weights(const fs::path& expected) const {
    expect_tensors(to() / "model.safetensors", expected);
  }
  [[nodiscard]] fs::path to() const { return dir_ / "model"; }
  [[nodiscard]] fs::path path(const std::string& name) const { return dir_ / name; }
  [[nodiscard]] nlohmann::json config() const {
    return nlohmann::json::parse(read_bytes(to() / "config.json"));
  }

 private:
  TempDir dir_;
};

// ---- TensorFlow

TEST_F(Convert, GoogleBert) {
  const fs::path from = golden_convert("tensorflow/google-bert");
  const ConvertReport report = convert(from / "model.ckpt-7");
  expect_weights(from / "expected.safetensors");
  EXPECT_EQ(report.mapped.size(), 41u);  // 5 of the embeddings, 2 x 16 layers, 2 pooler, 2 head
  EXPECT_EQ(reasons(report),
            (std::map<std::string, std::size_t>{{"optimiser", 19}, {"pretraining head", 2}}));
  EXPECT_EQ(report.sizes_from, (from / "bert_config.json").string());
  EXPECT_TRUE(report.span_head);
  EXPECT_FALSE(report.class_head);
  EXPECT_TRUE(report.lower_case);
  EXPECT_EQ(report.dtype, "F32");
  EXPECT_EQ(config()["hidden_act"], "gelu_new") << "TensorFlow's gelu is the tanh form";
  EXPECT_FALSE(config().contains("deformer"));
  EXPECT_EQ(report.config.split.layout, Layout::kContinue);
  EXPECT_THAT(files_in(to()), UnorderedElementsAre("config.json", "model.safetensors", "vocab.txt",
                                                   "tokenizer_config.json"));
  EXPECT_NE(ModelAccess::head(*Model::load(to())), nullptr);
}

TEST_F(Convert, AnyPartOfACheckpointStandsForIt) {
  const fs::path golden = golden_convert("tensorflow/google-bert");
  for (const char* from :
       {"model.ckpt-7", "model.ckpt-7.index", "model.ckpt-7.data-00000-of-00001", ""}) {
    const ConvertReport report = convert(golden / from, {.force = true});
    EXPECT_EQ(report.source, "TensorFlow checkpoint " + (golden / "model.ckpt-7").string());
  }
}

TEST_F(Convert, OneOfSeveralCheckpointsIsTheOneThatIsNoted) {
  copy_files(golden_convert("tensorflow/google-bert"), path("trained"));
  for (const char* part : {".index", ".data-00000-of-00001"}) {
    fs::copy(path("trained") / ("model.ckpt-7"s + part),
             path("trained") / ("model.ckpt-5"s + part));
  }
  expect_refused(path("trained"), ErrorCode::kInvalidArgument,
                 "expected one TensorFlow checkpoint, found 2: give the prefix of one");
  write_bytes(path("trained") / "checkpoint",
              "model_checkpoint_path: \"/elsewhere/model.ckpt-5\"\n"
              "all_model_checkpoint_paths: \"/elsewhere/model.ckpt-7\"\n");
  EXPECT_THAT(convert(path("trained")).source, testing::EndsWith("trained/model.ckpt-5"));
}

TEST_F(Convert, SizesComeFromTheShapesWithoutAConfiguration) {
  const fs::path from = golden_convert("tensorflow/google-class");
  const ConvertReport report = convert(from);
  EXPECT_EQ(report.sizes_from, "the weights' shapes, heads of 64");
  EXPECT_EQ(report.config.hidden_size, 64);
  EXPECT_EQ(report.config.num_attention_heads, 1);
  EXPECT_EQ(report.config.num_hidden_layers, 1);
  EXPECT_EQ(report.config.intermediate_size, 4);
  EXPECT_EQ(report.config.max_position_embeddings, 8);
  EXPECT_EQ(report.dtype, "F16") << "as the source";
  expect_weights(from / "expected.safetensors");
  EXPECT_TRUE(report.class_head);
  EXPECT_FALSE(report.span_head);
  EXPECT_THAT(config()["architectures"], ElementsAre("BertForSequenceClassification"));
  EXPECT_EQ(config()["id2label"].size(), 3u);
}

TEST_F(Convert, NarrowModelsNeedAConfiguration) {
  copy_files(golden_convert("tensorflow/google-bert"), path("bare"));
  fs::remove(path("bare") / "bert_config.json");
  expect_refused(
      path("bare"), ErrorCode::kIncompatible,
      "(the shapes do not tell the number of heads), or a hidden size that is a multiple "
      "of 64, found 8");
}

TEST_F(Convert, ConfigurationAndVocabularyMayLieAbove) {
  copy_files(golden_convert("tensorflow/google-bert"), path("above/ckpt"));
  fs::rename(path("above/ckpt/bert_config.json"), path("above/bert_config.json"));
  fs::rename(path("above/ckpt/vocab.txt"), path("above/vocab.txt"));
  const ConvertReport report = convert(path("above/ckpt/model.ckpt-7"));
  EXPECT_EQ(report.sizes_from, path("above/bert_config.json").string());
  EXPECT_EQ(report.vocabulary, path("above/vocab.txt"));
}

TEST_F(Convert, DeformerSaysItsSplit) {
  const fs::path from = golden_convert("tensorflow/deformer");
  const ConvertReport report = convert(from / "model.ckpt-3");
  expect_weights(from / "expected.safetensors");
  EXPECT_EQ(report.config.split.split_layer, 1);
  EXPECT_EQ(report.config.split.layout, Layout::kRestart);
  EXPECT_EQ(report.config.hidden_act, Activation::kGeluTanh);
  EXPECT_EQ(report.vocabulary, from / "bert.vocab");
  EXPECT_EQ(report.mapped.size(), 39u);
  EXPECT_EQ(reasons(report), (std::map<std::string, std::size_t>{{"optimiser", 11}}));
  EXPECT_EQ(Model::load(to())->config().split.split_layer, 1);
}

TEST_F(Convert, OfTeacherAndStudentTheStudentIsTaken) {
  const ConvertReport report = convert(golden_convert("tensorflow/deformer-teacher/model.ckpt-3"));
  expect_weights(golden_convert("tensorflow/deformer/expected.safetensors"));
  EXPECT_EQ(reasons(report),
            (std::map<std::string, std::size_t>{{"optimiser", 1}, {"teacher", 39}}));
  EXPECT_EQ(report.config.split.split_layer, 1);
}

TEST_F(Convert, OfficialXlnet) {
  const fs::path from = golden_convert("tensorflow/xlnet");
  const ConvertReport report = convert(from / "xlnet_model.ckpt");
  expect_weights(from / "expected.safetensors");
  EXPECT_EQ(report.config.architecture, "xlnet");
  EXPECT_EQ(report.config.hidden_act, Activation::kGeluTanh);
  EXPECT_EQ(reasons(report),
            (std::map<std::string, std::size_t>{{"optimiser", 22}, {"pretraining head", 1}}));
  EXPECT_TRUE(report.class_head);
  EXPECT_FALSE(report.lower_case);
  EXPECT_THAT(config()["architectures"], ElementsAre("XLNetForSequenceClassification"));
}

// Google's run_classifier.py, XLNet's and the original DeFormer number MNLI's classes so.
TEST_F(Convert, ThreeClassesAreMnlisInTheirProgramsOrder) {
  static_cast<void>(convert(golden_convert("tensorflow/xlnet") / "xlnet_model.ckpt"));
  EXPECT_THAT(load_model_config(to(), parse_task("mnli")).labels,
              ElementsAre("contradiction", "entailment", "neutral"));
}

// The same weights serve BoolQ, MNLI or QQP: lengths of span questions would cut their texts.
TEST_F(Convert, LengthsOfAClassReaderAreLeftToItsTask) {
  for (const fs::path& from : {golden_convert("tensorflow/xlnet") / "xlnet_model.ckpt",
                               golden_convert("torch") / "bert-choice"}) {
    static_cast<void>(convert(from, {.split_layer = 1, .force = true}));
    EXPECT_TRUE(config()["deformer"].contains("split_layer")) << from;
    EXPECT_FALSE(config()["deformer"].contains("max_question_tokens")) << from;
    EXPECT_FALSE(config()["deformer"].contains("window_tokens")) << from;
  }
}

// An older version's directory: what the name implied has to come along.
TEST_F(Convert, ADataSetsNameIsKeptAsWhatItImplies) {
  const test::TempDir from;
  test::write_tiny_model(from.path(), {.task = "mnli"});
  nlohmann::json old = nlohmann::json::parse(read_file(from / "config.json"));
  old["deformer"] = {{"task", "mnli"}, {"split_layer", 1}};
  write_file(from / "config.json", old.dump());
  const ModelConfig expected = load_model_config(from.path());
  static_cast<void>(convert(from.path(), {.split_layer = 2}));
  const ModelConfig found = load_model_config(to());
  EXPECT_EQ(found.split.split_layer, 2);
  EXPECT_EQ(found.split.max_question_tokens, expected.split.max_question_tokens);
  EXPECT_EQ(found.split.window_tokens, expected.split.window_tokens);
  EXPECT_EQ(passage_place(found), PassagePlace::kFirst);
  EXPECT_EQ(found.labels, expected.labels);
}

// What is converted is to answer.
TEST_F(Convert, RefusesClassesThatAreNoChoiceOfOneLabel) {
  const test::TempDir from;
  test::write_tiny_model(from.path(), {.task = "mnli"});
  nlohmann::json document = nlohmann::json::parse(read_file(from / "config.json"));
  document["problem_type"] = "multi_label_classification";
  write_file(from / "config.json", document.dump());
  expect_refused(from.path(), ErrorCode::kUnsupported,
                 (from / "config.json").string() +
                     ": problem_type: expected single_label_classification, found "
                     "\"multi_label_classification\"");
}

TEST_F(Convert, XlnetWithSharedBiasesAndASpanHead) {
  const ConvertOptions options{.vocabulary = golden_convert("tensorflow/xlnet/spiece.model"),
                               .split_layer = 1,
                               .layout = Layout::kSlots};
  const fs::path from = golden_convert("tensorflow/xlnet-span");
  const ConvertReport report = convert(from, options);
  expect_weights(from / "expected.safetensors");
  EXPECT_EQ(report.sizes_from, "the weights' shapes");
  EXPECT_EQ(report.config.num_attention_heads, 2);
  EXPECT_EQ(report.config.split.layout, Layout::kSlots);
  EXPECT_EQ(reasons(report)["answer class"], 4u);
  EXPECT_EQ(reasons(report)["teacher"], 12u);
  EXPECT_NE(ModelAccess::head(*Model::load(to())), nullptr);
}

// ---- Hugging Face

TEST_F(Convert, TorchFiles) {
  for (const char* name : {"bert", "bert-choice", "bert-sharded", "xlnet-class"}) {
    const fs::path from = golden_convert("torch") / name;
    const ConvertReport report = convert(from, {.force = true});
    expect_weights(from / "expected.safetensors");
    const auto golden = SafetensorsFile::open(from / "expected.safetensors");
    EXPECT_EQ(report.mapped.size(), golden.tensors().size()) << name;
    EXPECT_EQ(config()["architectures"],
              nlohmann::json::parse(read_bytes(from / "config.json"))["architectures"])
        << name;
  }
}

TEST_F(Convert, SafetensorsKeepTheirTensorsAndConfiguration) {
  for (const char* name :
       {"bert-joint", "bert-split", "bert-bf16", "xlnet-packed", "xlnet-tied", "mpnet-split",
        "roberta-split", "xlmr-split", "distilbert-split", "electra-split", "albert-split",
        "deberta-v3-split", "deberta-v2-split", "deberta-v2-conv-split"}) {
    const fs::path from = golden_model(name);
    const ConvertReport report = convert(from, {.force = true});
    expect_weights(from / "model.safetensors");
    expect_tensors(from / "model.safetensors", to() / "model.safetensors");
    EXPECT_EQ(config(), nlohmann::json::parse(read_bytes(from / "config.json"))) << name;
    EXPECT_EQ(Model::load(to())->fingerprint(), Model::load(from)->fingerprint()) << name;
    EXPECT_THAT(report.unused, IsEmpty());
  }
}

// What files of pretrained models carry beside the encoder.
// vocab.txt would be written without them.
TEST_F(Convert, RefusesTokensThatWereAddedLater) {
  const TempDir from;
  copy_files(golden_model("bert-joint"), from.path());
  write_bytes(from.path() / "added_tokens.json", R"({"zyx": 500})");
  expect_refused(from.path(), ErrorCode::kUnsupported,
                 "added_tokens.json: expected tokens of vocab.txt, found \"zyx\"");
}

TEST_F(Convert, LeavesPretrainingHeadsOut) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> heads{
      {"albert-split", {"predictions.bias", "sop_classifier.classifier.bias"}},
      {"deberta-v3-split",
       {"lm_predictions.lm_head.bias", "mask_predictions.dense.bias",
        "deberta.embeddings.position_embeddings.weight"}},
      {"electra-split",
       {"discriminator_predictions.dense.bias", "generator_lm_head.bias",
        "generator_predictions.dense.bias"}},
      {"roberta-split", {"lm_head.bias"}},
      {"xlnet-packed", {"lm_loss.bias"}},
      {"distilbert-split",
       {"vocab_transform.bias", "vocab_layer_norm.bias", "vocab_projector.bias"}}};
  const std::vector<float> values{1, 2};
  for (const auto& [model, names] : heads) {
    const auto plain = SafetensorsFile::open(golden_model(model) / "model.safetensors");
    std::vector<TensorView> tensors(plain.tensors().begin(), plain.tensors().end());
    for (const std::string& name : names) {
      tensors.push_back({name, Dtype::kF32, {2}, std::as_bytes(std::span(values))});
    }
    copy_files(golden_model(model), path(model));
    write_safetensors(path(model) / "model.safetensors", tensors, {{"format", "pt"}});
    const ConvertReport report = convert(path(model), {.force = true});
    EXPECT_EQ(report.skipped.size(), names.size()) << model;
    EXPECT_THAT(report.unused, IsEmpty()) << model;
    const std::size_t tables = model == "deberta-v3-split" ? 1 : 0;
    EXPECT_EQ(reasons(report)["buffer"], tables) << model;
    EXPECT_EQ(report.mapped.size(), plain.tensors().size()) << model;
  }
}

TEST_F(Convert, OldNamesBecomeTodays) {
  const ConvertReport report = convert(golden_model("bert-legacy"));
  const Checkpoint golden = Checkpoint::open(golden_model("bert-legacy"), architecture("bert"));
  const SafetensorsFile ours = SafetensorsFile::open(to() / "model.safetensors");
  EXPECT_EQ(golden.tensors().size(), ours.tensors().size() + report.skipped.size());
  for (const TensorView& tensor : ours.tensors()) {
    const StoredTensor* const stored = golden.find(tensor.name);
    ASSERT_NE(stored, nullptr) << tensor.name;
    EXPECT_TRUE(std::equal(tensor.bytes.begin(), tensor.bytes.end(), stored->view.bytes.begin(),
                           stored->view.bytes.end()))
        << tensor.name;
  }
}

TEST_F(Convert, ShardsBecomeOneFile) {
  const fs::path from = golden_model("bert-sharded");
  (void)convert(from);
  expect_weights(from / "model-00001-of-00002.safetensors");
  expect_weights(from / "model-00002-of-00002.safetensors");
}

TEST_F(Convert, WhatIsTooLargeForOneFileBecomesShards) {
  const fs::path from = golden_model("bert-joint");
  constexpr std::int64_t kMost = 12'000;
  for (const SaveFormat format : {SaveFormat::kFp32, SaveFormat::kInt8}) {
    (void)convert_model(from, path("one"), {.format = format, .force = true});
    const ConvertReport report =
        convert(from, {.format = format, .max_shard_bytes = kMost, .force = true});
    std::size_t shards = 0;
    for (const std::string& name : files_in(to())) {
      if (!name.starts_with("model-")) continue;
      ++shards;
      const SafetensorsFile shard = SafetensorsFile::open(to() / name);
      std::size_t bytes = 0;
      for (const TensorView& tensor : shard.tensors()) bytes += tensor.bytes.size();
      EXPECT_TRUE(bytes <= kMost || shard.tensors().size() == 1) << name << ": " << bytes;
      expect_tensors(path("one/model.safetensors"), to() / name);
    }
    EXPECT_GT(shards, 2U);
    EXPECT_FALSE(fs::exists(to() / "model.safetensors"));
    EXPECT_EQ(Model::load(to())->fingerprint(), Model::load(path("one"))->fingerprint());
    EXPECT_EQ(report.dtype, format == SaveFormat::kInt8 ? "I8" : "F32");
  }
  (void)convert(from, {.force = true});
  for (const std::string& name : files_in(to())) EXPECT_FALSE(name.starts_with("model-")) << name;
  EXPECT_EQ(Model::load(to())->fingerprint(), Model::load(from)->fingerprint());
}

TEST_F(Convert, ThereAndBackIsLossless) {
  (void)convert(golden_convert("tensorflow/google-bert/model.ckpt-7"));
  (void)convert_model(to(), path("again"));
  EXPECT_EQ(read_bytes(to() / "model.safetensors"),
            read_bytes(path("again") / "model.safetensors"));
  EXPECT_EQ(config(), nlohmann::json::parse(read_bytes(path("again") / "config.json")));
}

TEST_F(Convert, ArchivesOfBefore2020) {
  copy_files(golden_convert("torch/bert"), path("archive_cased"));
  fs::rename(path("archive_cased/config.json"), path("archive_cased/bert_config.json"));
  const ConvertReport report = convert(path("archive_cased"));
  EXPECT_EQ(config()["hidden_act"], "gelu") << "PyTorch's gelu is the erf form";
  EXPECT_FALSE(report.lower_case) << "by the directory's name";
  EXPECT_EQ(Model::load(to())->config().hidden_size, 8);
}

TEST_F(Convert, AFileStandsForItself) {
  const fs::path from = golden_model("bert-joint");
  EXPECT_EQ(convert(from / "model.safetensors").source,
            "safetensors " + (from / "model.safetensors").string());
  EXPECT_EQ(convert(golden_convert("torch/bert/pytorch_model.bin"), {.force = true}).mapped.size(),
            39u);
}

// ---- Options

TEST_F(Convert, RoundsToTheAskedType) {
  const fs::path from = golden_convert("torch/bert");
  EXPECT_EQ(convert(from, {.format = SaveFormat::kFp16}).dtype, "F16");
  expect_weights(from / "expected-fp16.safetensors");  // as PyTorch rounds
  EXPECT_EQ(convert(from, {.format = SaveFormat::kBf16, .force = true}).dtype, "BF16");
  expect_weights(from / "expected-bf16.safetensors");
  EXPECT_EQ(convert(golden_model("bert-fp16"), {.format = SaveFormat::kFp32, .force = true}).dtype,
            "F32");
}

// Largest |value| of each row.
std::vector<float> largest_of_rows(std::span<const float> values, std::size_t rows) {
  std::vector<float> largest(rows);
  for (std::size_t i = 0; i < values.size(); ++i) {
    float& row = largest[i / (values.size() / rows)];
    row = std::max(row, std::abs(values[i]));
  }
  return largest;
}

template <typename Value>
std::vector<Value> values_of(const SafetensorsFile& file, const std::string& name) {
  const TensorView& view = *file.find(name);
  std::vector<Value> values(view.bytes.size() / sizeof(Value));
  std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
  return values;
}

TEST_F(Convert, WritesMatricesInEightBits) {
  const fs::path from = path("from");
  fs::create_directories(from);
  test::write_tiny_model(from, {});
  EXPECT_EQ(convert(from, {.format = SaveFormat::kInt8}).dtype, "I8");
  const SafetensorsFile source = SafetensorsFile::open(from / "model.safetensors");
  const SafetensorsFile file = SafetensorsFile::open(to() / "model.safetensors");
  const std::string name = "bert.encoder.layer.1.intermediate.dense.weight";
  ASSERT_EQ(file.find(name)->dtype, Dtype::kI8);
  const auto weights = values_of<float>(source, name);
  const auto scales = values_of<float>(file, name + "_scale");
  const auto values = values_of<std::int8_t>(file, name);
  const auto largest = largest_of_rows(weights, scales.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::size_t row = i / (weights.size() / scales.size());
    EXPECT_FLOAT_EQ(scales[row], largest[row] / 127);
    EXPECT_NEAR(static_cast<float>(values[i]) * scales[row], weights[i], scales[row] * 0.50001);
  }
  EXPECT_EQ(file.find("bert.encoder.layer.1.intermediate.dense.bias")->dtype, Dtype::kF32);
  EXPECT_EQ(file.find("qa_outputs.weight")->dtype, Dtype::kF32);
  EXPECT_EQ(file.find("bert.embeddings.word_embeddings.weight")->dtype, Dtype::kI8);
  EXPECT_NE(ModelAccess::head(*Model::load(to())), nullptr);
}

// A model of two layers in one file of 8 bits, and cut into shards that part weights and scales.
class ConvertEightBits : public Convert {
 protected:
  ConvertEightBits() {
    fs::create_directories(path("fp32"));
    test::write_tiny_model(path("fp32"), {});
    (void)convert_model(path("fp32"), path("int8"), {.format = SaveFormat::kInt8});
    (void)convert_model(path("fp32"), path("shards"),
                        {.format = SaveFormat::kInt8, .max_shard_bytes = 4'000});
  }
};

TEST_F(ConvertEightBits, IsCopiedByDefault) {
  for (const char* from : {"int8", "shards", "int8/model.safetensors"}) {
    const ConvertReport report = convert(path(from), {.force = true});
    EXPECT_EQ(report.dtype, "I8");
    EXPECT_EQ(report.mapped.size(),
              SafetensorsFile::open(path("fp32/model.safetensors")).tensors().size());
    EXPECT_EQ(read_bytes(to() / "model.safetensors"), read_bytes(path("int8/model.safetensors")));
  }
}

TEST_F(ConvertEightBits, IsMultipliedOut) {
  const SafetensorsFile source = SafetensorsFile::open(path("int8/model.safetensors"));
  for (const char* from : {"int8", "shards"}) {
    EXPECT_EQ(convert(path(from), {.format = SaveFormat::kFp32, .force = true}).dtype, "F32");
    const SafetensorsFile file = SafetensorsFile::open(to() / "model.safetensors");
    for (const TensorView& tensor : file.tensors()) {
      const auto found = values_of<float>(file, tensor.name);
      if (source.find(tensor.name)->dtype == Dtype::kF32) {
        EXPECT_EQ(found, values_of<float>(source, tensor.name)) << tensor.name;
        continue;
      }
      const auto values = values_of<std::int8_t>(source, tensor.name);
      const auto scales = values_of<float>(source, tensor.name + "_scale");
      ASSERT_EQ(found.size(), values.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        const float scale = scales[i / (values.size() / scales.size())];
        ASSERT_EQ(found[i], static_cast<float>(values[i]) * scale) << tensor.name << " " << i;
      }
    }
  }
  EXPECT_EQ(convert(path("int8"), {.format = SaveFormat::kFp16, .force = true}).dtype, "F16");
  EXPECT_NE(ModelAccess::head(*Model::load(to())), nullptr);
}

// A name of the file's header, made one that is as long.
void rename_in_header(const fs::path& file, const std::string& from, const std::string& to) {
  std::string bytes = read_bytes(file);
  const std::size_t at = bytes.find('"' + from + '"');
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at + 1, from.size(), to);
  write_bytes(file, bytes);
}

TEST_F(ConvertEightBits, WithoutScalesIsRefused) {
  rename_in_header(path("int8/model.safetensors"), "bert.encoder.layer.0.output.dense.weight_scale",
                   "bert.encoder.layer.0.output.dense.weight_scalf");
  expect_refused(path("int8"), ErrorCode::kIncompatible,
                 "1 misshapen: \"bert.encoder.layer.0.output.dense.weight\" (expected F32, F16, "
                 "BF16 or F64 [32, 64], found I8 [32, 64] without "
                 "bert.encoder.layer.0.output.dense.weight_scale)");
}

TEST_F(Convert, MixedTypesBecomeFp32) {
  EXPECT_EQ(convert(golden_convert("torch/double")).dtype, "F32");
  expect_weights(golden_convert("torch/double/expected.safetensors"));
}

TEST_F(Convert, SplitsAnOrdinaryModel) {
  const fs::path from = golden_convert("torch/bert");
  (void)convert(from, {.split_layer = 1});
  EXPECT_EQ(config()["deformer"]["split_layer"], 1);
  EXPECT_EQ(config()["deformer"]["layout"], "restart");
  (void)convert(from, {.split_layer = 0, .force = true});
  EXPECT_EQ(config()["deformer"]["layout"], "continue") << "it stays what it was trained as";
  (void)convert(from, {.layout = Layout::kRestart, .force = true});
  EXPECT_EQ(config()["deformer"]["split_layer"], 0);
  (void)convert(golden_convert("tensorflow/deformer"), {.split_layer = 0, .force = true});
  EXPECT_EQ(config()["deformer"]["split_layer"], 0);
  EXPECT_EQ(config()["deformer"]["layout"], "restart");
  expect_refused(from, ErrorCode::kIncompatible,
                 "deformer.split_layer: expected a value from 0 to 1",
                 {.split_layer = 2, .force = true});
  expect_refused(from, ErrorCode::kIncompatible,
                 "deformer.layout: expected restart with split_layer 1",
                 {.split_layer = 1, .layout = Layout::kContinue, .force = true});
}

TEST_F(Convert, LowerCasingCanBeSaid) {
  const fs::path from = golden_convert("torch/bert");
  EXPECT_TRUE(convert(from).lower_case);
  EXPECT_FALSE(convert(from, {.lower_case = false, .force = true}).lower_case);
  EXPECT_EQ(read_bytes(to() / "tokenizer_config.json"), "{\n  \"do_lower_case\": false\n}\n");
}

// A copy of a directory as Hugging Face's Trainer leaves one: the tokenizer is above the
// checkpoint, which is returned.
fs::path write_checkpoint_of(const fs::path& from, const fs::path& experiment) {
  const fs::path checkpoint = experiment / "checkpoint-5";
  copy_files(from, checkpoint);
  for (const char* name : {"vocab.txt", "tokenizer_config.json"}) {
    if (fs::exists(checkpoint / name)) fs::rename(checkpoint / name, experiment / name);
  }
  return checkpoint;
}

TEST_F(Convert, AVocabularyAboveComesWithItsOptions) {
  const fs::path from = write_checkpoint_of(golden_convert("torch/bert"), path("trained"));
  const std::string cased = R"({"do_lower_case": false})";
  EXPECT_TRUE(convert(from).lower_case);
  write_bytes(path("trained/tokenizer_config.json"), cased);
  EXPECT_FALSE(convert(from, {.force = true}).lower_case);
  EXPECT_EQ(read_bytes(to() / "tokenizer_config.json"), cased);
  write_bytes(from / "tokenizer_config.json", R"({"do_lower_case": true})");
  EXPECT_TRUE(convert(from, {.force = true}).lower_case) << "the checkpoint's own come first";
  fs::remove(from / "tokenizer_config.json");
  write_bytes(path("trained/tokenizer_config.json"), R"({"do_lower_case": "yes"})");
  expect_refused(
      from, ErrorCode::kCorrupt,
      path("trained/tokenizer_config.json").string() + ": do_lower_case: expected a boolean",
      {.force = true});
}

TEST_F(Convert, AVocabularyAboveComesWithItsSpecialTokens) {
  const fs::path golden = golden_model("mpnet-joint");
  (void)convert(write_checkpoint_of(golden, path("trained")));
  EXPECT_EQ(load_tokenizer(to())->hash(), load_tokenizer(golden)->hash());
}

TEST_F(Convert, AVocabularyThatIsGivenComesWithItsOptions) {
  copy_files(golden_convert("torch/bert"), path("bert"));
  write_bytes(path("bert/tokenizer_config.json"), R"({"do_lower_case": true})");
  fs::create_directory(path("words"));
  fs::copy(path("bert/vocab.txt"), path("words/vocab.txt"));
  const ConvertOptions options{.vocabulary = path("words/vocab.txt"), .force = true};
  EXPECT_TRUE(convert(path("bert"), options).lower_case) << "else the checkpoint's";
  write_bytes(path("words/tokenizer_config.json"), R"({"do_lower_case": false})");
  EXPECT_FALSE(convert(path("bert"), options).lower_case);
}

// ---- Refusals

TEST_F(Convert, NamesTensorsThatAreMissingOrMeanNothing) {
  copy_files(golden_convert("tensorflow/google-bert"), path("other"));
  std::string text = read_bytes(path("other/bert_config.json"));
  text.replace(text.find("\"num_hidden_layers\": 2"), 22, "\"num_hidden_layers\": 1");
  write_bytes(path("other/bert_config.json"), text);
  expect_refused(path("other"), ErrorCode::kIncompatible,
                 "16 that no model here uses (--allow-unused leaves them out): "
                 "\"bert/encoder/layer_1/attention/output/LayerNorm/beta\"");
  EXPECT_EQ(convert(path("other"), {.allow_unused = true}).unused.size(), 16u);
  text.replace(text.find("\"num_hidden_layers\": 1"), 22, "\"num_hidden_layers\": 3");
  write_bytes(path("other/bert_config.json"), text);
  expect_refused(path("other"), ErrorCode::kIncompatible,
                 "16 missing: \"bert.encoder.layer.2.attention.output.LayerNorm.bias\"",
                 {.force = true});
  expect_refused(path("other"), ErrorCode::kIncompatible, " and 8 more", {.force = true});
  text.replace(text.find("\"intermediate_size\": 12"), 23, "\"intermediate_size\": 16");
  write_bytes(path("other/bert_config.json"), text);
  expect_refused(path("other"), ErrorCode::kIncompatible,
                 "(expected F32, F16, BF16 or F64 [16], found F32 [12])", {.force = true});
}

// A directory of golden bert-joint's with other tensors; `change` gets a name and gives a new one,
// or none for a tensor that is left out.
void write_changed(const fs::path& directory,
                   const std::function<std::string(const std::string&)>& change) {
  copy_files(golden_model("bert-joint"), directory);
  const SafetensorsFile golden =
      SafetensorsFile::open(golden_model("bert-joint/model.safetensors"));
  std::vector<TensorView> tensors;
  for (TensorView tensor : golden.tensors()) {
    tensor.name = change(tensor.name);
    if (!tensor.name.empty()) tensors.push_back(std::move(tensor));
  }
  write_safetensors(directory / "model.safetensors", tensors);
}

TEST_F(Convert, ASpanHeadMayBeAbsentButNotHalfThere) {
  write_changed(path("bare"), [](const std::string& name) {
    return name.starts_with("qa_outputs.") ? "" : name;
  });
  const ConvertReport report = convert(path("bare"));
  EXPECT_FALSE(report.span_head);
  EXPECT_FALSE(report.class_head);
  EXPECT_EQ(ModelAccess::head(*Model::load(to())), nullptr);
  write_changed(path("half"),
                [](const std::string& name) { return name == "qa_outputs.bias" ? "" : name; });
  expect_refused(path("half"), ErrorCode::kIncompatible, "found 1 missing: \"qa_outputs.bias\"",
                 {.force = true});
}

TEST_F(Convert, RefusesTwoSpellingsOfOneTensor) {
  write_changed(path("both"), [](const std::string& name) {
    return name == "qa_outputs.bias" ? "embeddings.LayerNorm.beta" : name;
  });
  expect_refused(path("both"), ErrorCode::kIncompatible,
                 "expected one tensor for \"bert.embeddings.LayerNorm.bias\", found ");
}

// A checkpoint of TensorFlow with empty variables of these names.
void write_names(const fs::path& prefix, const std::vector<std::string>& names) {
  std::vector<test::TableWriter::Entry> entries{{"", test::number(1, 1)}};
  const std::string shape = test::message(2, test::message(2, test::number(1, 0)));
  for (const std::string& name : names) entries.push_back({name, test::number(1, 1) + shape});
  test::TableWriter table;
  table.add_block(entries);
  write_bytes(prefix.string() + ".index", table.finish());
  write_bytes(prefix.string() + ".data-00000-of-00001", "");
}

TEST_F(Convert, RefusesVariablesOfNoModelItKnows) {
  write_names(path("ckpt"), {"dense/bias", "dense/kernel"});
  expect_refused(path("ckpt"), ErrorCode::kIncompatible,
                 "found 2 others, the first \"dense/bias\"");
  write_names(path("ckpt"), {"ebert_qa/ebert/lower_encoder/layer_1/output/dense/bias",
                             "ebert_qa/ebert/upper_encoder/layer_0/output/dense/bias"});
  expect_refused(path("ckpt"), ErrorCode::kIncompatible, "found layer 1 below and 0 above");
  write_names(path("ckpt"),
              {"a/bert/embeddings/LayerNorm/beta", "b/bert/embeddings/LayerNorm/beta"});
  expect_refused(path("ckpt"), ErrorCode::kIncompatible, "\"b/bert/embeddings/LayerNorm/beta\"");
}

TEST_F(Convert, RefusesWhatItCannotRead) {
  expect_refused(path("nowhere"), ErrorCode::kNotFound, "nowhere: expected a directory, a file or");
  fs::create_directory(path("empty"));
  expect_refused(path("empty"), ErrorCode::kNotFound,
                 "expected model.safetensors, pytorch_model.bin");
  write_bytes(path("notes.txt"), "notes");
  expect_refused(path("notes.txt"), ErrorCode::kUnsupported, "found a file of another kind");
  fs::copy(golden_convert("tensorflow/google-bert/model.ckpt-7.index"), path("model.ckpt"));
  expect_refused(path("model.ckpt"), ErrorCode::kUnsupported,
                 "found one of the first version (V1)");
  expect_refused(golden_convert("torch/hostile"), ErrorCode::kUnsupported, "\"posix.system\"");
  expect_refused(golden_convert("torch/legacy"), ErrorCode::kUnsupported,
                 "found the older form: load it with PyTorch");
}

TEST_F(Convert, NamesAGitLfsPointerInPlaceOfItsFile) {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n";
  const std::string text = ": expected the file itself, found a Git LFS pointer to one of 7 bytes";
  fs::create_directory(path("hub"));
  write_bytes(path("hub/pytorch_model.bin"), pointer);
  expect_refused(path("hub"), ErrorCode::kCorrupt, "pytorch_model.bin" + text);
  write_bytes(path("weights"), pointer);
  expect_refused(path("weights"), ErrorCode::kCorrupt, "weights" + text);
  write_bytes(path("model.ckpt.index"), pointer);
  expect_refused(path("model.ckpt"), ErrorCode::kCorrupt, "model.ckpt.index" + text);
  copy_files(golden_convert("torch/bert"), path("bert"));
  write_bytes(path("bert/vocab.txt"), pointer);
  expect_refused(path("bert"), ErrorCode::kCorrupt, "bert/vocab.txt" + text);
}

TEST_F(Convert, RefusesShardsThatDisagreeWithTheirIndex) {
  copy_files(golden_convert("torch/bert-sharded"), path("shards"));
  fs::rename(path("shards/pytorch_model-00002-of-00002.bin"), path("shards/elsewhere.bin"));
  expect_refused(path("shards"), ErrorCode::kNotFound, "expected shard ");
  fs::copy(path("shards/pytorch_model-00001-of-00002.bin"),
           path("shards/pytorch_model-00002-of-00002.bin"));
  expect_refused(path("shards"), ErrorCode::kIncompatible, "absent from their shards");
}

TEST_F(Convert, FindsDamagedWeightsBeforeItWrites) {
  copy_files(golden_convert("tensorflow/google-bert"), path("damaged"));
  const fs::path data = path("damaged/model.ckpt-7.data-00000-of-00001");
  std::string bytes = read_bytes(data);
  for (std::size_t i = 0; i < bytes.size(); i += 16) bytes[i] ^= 1;
  write_bytes(data, bytes);
  expect_refused(path("damaged"), ErrorCode::kCorrupt, "expected bytes with CRC-32C");
}

// What transformers 5 saves: no vocab.txt.
TEST_F(Convert, TakesTokenizerJson) {
  copy_files(golden_convert("torch/bert"), path("bert"));
  (void)convert(path("bert"));
  const std::uint64_t expected = load_tokenizer(to())->hash();
  fs::remove_all(to());
  nlohmann::json file = nlohmann::json::parse(
      read_bytes(fs::path(DEFORMER_SOURCE_DIR) / "tests/golden/tokenizer/tokenizer.json"));
  nlohmann::json vocabulary;
  std::istringstream lines(read_bytes(path("bert/vocab.txt")));
  for (std::string line; std::getline(lines, line);) vocabulary[line] = vocabulary.size();
  file["model"]["vocab"] = vocabulary;
  file["added_tokens"] = nlohmann::json::array();
  for (auto& [name, token] : file["post_processor"]["special_tokens"].items()) {
    token["ids"] = {vocabulary.at(name)};
  }
  write_bytes(path("bert/tokenizer.json"), file.dump());
  fs::remove(path("bert/vocab.txt"));
  const ConvertReport report = convert(path("bert"));
  EXPECT_EQ(report.vocabulary, path("bert/tokenizer.json"));
  EXPECT_TRUE(report.lower_case);
  EXPECT_TRUE(fs::exists(to() / "tokenizer.json"));
  EXPECT_FALSE(fs::exists(to() / "vocab.txt"));
  EXPECT_EQ(load_tokenizer(to())->hash(), expected);
  fs::remove_all(to());
  write_bytes(path("bert/vocab.txt"), "[PAD]\n");
  expect_refused(
      path("bert"), ErrorCode::kIncompatible,
      "bert/tokenizer.json: expected the vocabulary of " + path("bert/vocab.txt").string());
}

TEST_F(Convert, RefusesAVocabularyThatDoesNotBelong) {
  copy_files(golden_convert("torch/bert"), path("source"));
  fs::rename(path("source/vocab.txt"), path("source/words"));
  expect_refused(
      path("source"), ErrorCode::kNotFound,
      "expected vocab.txt or bert.vocab or tokenizer.json there or in the directory above");
  expect_refused(path("source"), ErrorCode::kNotFound, "expected a vocabulary (vocab.txt)",
                 {.vocabulary = path("none")});
  write_bytes(path("long"), read_bytes(path("source/words")) + "one\nmore\n");
  expect_refused(path("source"), ErrorCode::kIncompatible,
                 path("long").string() + ": expected a vocabulary of at most vocab_size 20",
                 {.vocabulary = path("long")});
  write_bytes(path("short"), "[PAD]\n");
  expect_refused(path("source"), ErrorCode::kCorrupt, path("short").string() + ": expected",
                 {.vocabulary = path("short")});
}

TEST_F(Convert, RefusesValuesThatTheTypeCannotHold) {
  copy_files(golden_model("bert-joint"), path("large"));
  std::string bytes = read_bytes(path("large/model.safetensors"));
  const float large = 1e30f;
  bytes.replace(bytes.size() - sizeof(large), sizeof(large),
                std::string(reinterpret_cast<const char*>(&large), sizeof(large)));
  write_bytes(path("large/model.safetensors"), bytes);
  expect_refused(path("large"), ErrorCode::kInvalidArgument, "expected values that F16 can hold",
                 {.format = SaveFormat::kFp16});
}

TEST_F(Convert, KeepsAModelThatIsThere) {
  (void)convert(golden_convert("torch/bert"));
  write_bytes(to() / "README", "mine");
  const std::string before = read_bytes(to() / "model.safetensors");
  expect_refused(golden_convert("torch/xlnet-class"), ErrorCode::kInvalidArgument,
                 "expected no model there (--force replaces one), found config.json");
  expect_refused(golden_convert("torch/hostile"), ErrorCode::kUnsupported, "posix.system",
                 {.force = true});
  EXPECT_EQ(read_bytes(to() / "model.safetensors"), before);
  (void)convert(golden_convert("torch/xlnet-class"), {.force = true});
  // The old vocabulary would take precedence over the new one.
  EXPECT_THAT(files_in(to()), UnorderedElementsAre("README", "config.json", "model.safetensors",
                                                   "spiece.model", "tokenizer_config.json"));
  write_bytes(path("file"), "");
  expect_error(ErrorCode::kIo, "expected a directory, found a file",
               [&] { (void)convert_model(golden_convert("torch/bert"), path("file")); });
}

TEST_F(Convert, ReplacesTheModelThatItReads) {
  (void)convert(golden_convert("torch/bert"));
  (void)convert_model(to(), to(), {.split_layer = 1, .force = true});
  expect_weights(golden_convert("torch/bert/expected.safetensors"));
  EXPECT_EQ(config()["deformer"]["split_layer"], 1);
}

// Its tokenizer.json was compared and is kept by nobody else.
TEST_F(Convert, KeepsTheOtherTokenizerOfTheModelThatItReads) {
  copy_files(golden_model("albert-joint"), to());
  const auto before = files_in(to());
  (void)convert_model(to(), to(), {.split_layer = 1, .force = true});
  EXPECT_EQ(files_in(to()), before);
  EXPECT_EQ(config()["deformer"]["split_layer"], 1);
}

TEST_F(Convert, AFailureLeavesTheOldModel) {
  const fs::path from = golden_convert("torch/bert");
  const auto convert_again = [&] { (void)convert(from, {.force = true}); };
  (void)convert(golden_convert("torch/xlnet-class"));
  write_bytes(to() / "README", "mine");
  const auto names = files_in(to());
  const std::string weights = read_bytes(to() / "model.safetensors");
  const fs::path kept = path("kept");
  fs::copy(to(), kept);
  test::arm_fault(1'000'000, EIO);
  convert_again();
  const long calls = test::disarm_fault();
  // The last ones move files.
  for (long call = std::max(calls - 14, 1L); call <= calls; ++call) {
    fs::remove_all(to());
    fs::copy(kept, to());
    test::arm_fault(call, EIO);
    EXPECT_THROW(convert_again(), Error) << call;
    static_cast<void>(test::disarm_fault());
    EXPECT_EQ(files_in(to()), names) << call;
    EXPECT_EQ(read_bytes(to() / "model.safetensors"), weights) << call;
  }
}

TEST_F(Convert, NoFileOfTheOldModelIsReadWithTheNewOne) {
  (void)convert(golden_convert("torch/xlnet-class"));
  write_bytes(to() / "added_tokens.json", R"({"[Q1]": 30600})");
  write_bytes(to() / "special_tokens_map.json", R"({"cls_token": "[C]"})");
  write_bytes(to() / "merges.txt", "");
  (void)convert(golden_convert("torch/bert"), {.force = true});
  EXPECT_THAT(files_in(to()), UnorderedElementsAre("config.json", "model.safetensors", "vocab.txt",
                                                   "tokenizer_config.json"));
}

// What loading the source would refuse.
TEST_F(Convert, RefusesATokenizerJsonThatDisagrees) {
  const TempDir from;
  copy_files(golden_model("albert-joint"), from.path());
  const fs::path file = from / "tokenizer.json";
  auto tokenizer = nlohmann::json::parse(read_bytes(file));
  tokenizer["added_tokens"].push_back({{"id", tokenizer["model"]["vocab"].size()},
                                       {"content", "("},
                                       {"special", false},
                                       {"lstrip", false},
                                       {"rstrip", false},
                                       {"normalized", false},
                                       {"single_word", false}});
  write_bytes(file, tokenizer.dump());
  const std::string found =
      file.string() + ": added_tokens: expected tokens of spiece.model, found \"(\"";
  expect_error(ErrorCode::kUnsupported, "expected tokens of spiece.model, found \"(\"",
               [&] { (void)load_tokenizer(from.path()); });
  expect_refused(from.path(), ErrorCode::kUnsupported, found);
}

TEST_F(Convert, NamesTheSourceOfWhatItWrote) {
  const TempDir from;
  copy_files(golden_model("bert-joint"), from.path());
  write_bytes(from / "tokenizer_config.json", R"({"do_lower_case": "yes"})");
  expect_refused(from.path(), ErrorCode::kCorrupt,
                 (from / "tokenizer_config.json").string() + ": do_lower_case: expected a boolean");
}

}  // namespace
}  // namespace deformer
