#include "architecture/checkpoint.h"
#include "architecture/architecture.h"
#include "architecture/records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "format/int8_tensor.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

using test::expect_error;
using test::TempDir;
using testing::ElementsAre;

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests/golden/models" / name;
}

// One-element tensors under these names; equal names have equal values in every file.
void write_names(const std::filesystem::path& path, const std::vector<std::string>& names) {
  std::vector<float> values;
  values.reserve(names.size());
  for (const std::string& name : names) {
    values.push_back(static_cast<float>(hash64(canonical_name(name, architecture("bert"))) % 1000));
  }
  std::vector<TensorView> tensors;
  for (std::size_t i = 0; i < names.size(); ++i) {
    tensors.push_back({names[i], Dtype::kF32, {1}, std::as_bytes(std::span(&values[i], 1))});
  }
  write_safetensors(path, tensors);
}

void write_index(const TempDir& dir, const std::string& weight_map) {
  std::ofstream(dir / "model.safetensors.index.json")
      << R"({"metadata": {"total_size": 1}, "weight_map": )" << weight_map << "}";
}

std::vector<std::string> names_of(const Checkpoint& checkpoint) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : checkpoint.tensors()) names.push_back(name);
  return names;
}

Hash128 hash_of(const Checkpoint& checkpoint, const std::vector<std::string>& names) {
  Hasher hasher;
  checkpoint.hash_into(hasher, names);
  return hasher.digest128();
}

void expect_refused(ErrorCode code, const std::string& text, const TempDir& dir) {
  expect_error(code, text, [&] { (void)Checkpoint::open(dir.path(), architecture("bert")); });
}

TEST(CanonicalName, SpellsLegacyNamesAsTodaysHuggingFace) {
  EXPECT_EQ(canonical_name("bert.embeddings.LayerNorm.gamma", architecture("bert")),
            "bert.embeddings.LayerNorm.weight");
  EXPECT_EQ(
      canonical_name("bert.encoder.layer.3.attention.output.LayerNorm.beta", architecture("bert")),
      "bert.encoder.layer.3.attention.output.LayerNorm.bias");
  EXPECT_EQ(canonical_name("embeddings.word_embeddings.weight", architecture("bert")),
            "bert.embeddings.word_embeddings.weight");
  EXPECT_EQ(canonical_name("encoder.layer.0.output.LayerNorm.gamma", architecture("bert")),
            "bert.encoder.layer.0.output.LayerNorm.weight");
  EXPECT_EQ(canonical_name("pooler.dense.weight", architecture("bert")),
            "bert.pooler.dense.weight");
}

TEST(CanonicalName, DropsWhatAWrapperPutInFront) {
  EXPECT_EQ(canonical_name("module.bert.pooler.dense.weight", architecture("bert")),
            "bert.pooler.dense.weight");
  EXPECT_EQ(canonical_name("_orig_mod.qa_outputs.bias", architecture("bert")), "qa_outputs.bias");
  EXPECT_EQ(canonical_name("module._orig_mod.encoder.layer.0.output.LayerNorm.gamma",
                           architecture("bert")),
            "bert.encoder.layer.0.output.LayerNorm.weight");
}

TEST(CanonicalName, LeavesOtherNamesAlone) {
  for (const char* name : {"bert.embeddings.LayerNorm.weight", "qa_outputs.weight", "gamma",
                           "cls.predictions.bias", "LayerNorm.gamma.extra", "embeddings", ""}) {
    EXPECT_EQ(canonical_name(name, architecture("bert")), name);
  }
}

TEST(CommonlyUnused, CoversBuffersPoolerAndPretrainingHeads) {
  EXPECT_TRUE(is_commonly_unused("bert.embeddings.position_ids", bert_architecture()));
  EXPECT_TRUE(is_commonly_unused("bert.pooler.dense.weight", bert_architecture()));
  EXPECT_TRUE(is_commonly_unused("cls.predictions.decoder.weight", bert_architecture()));
  EXPECT_FALSE(
      is_commonly_unused("bert.embeddings.position_embeddings.weight", bert_architecture()));
  EXPECT_FALSE(is_commonly_unused("qa_outputs.weight", bert_architecture()));
  EXPECT_FALSE(is_commonly_unused("classifier.weight", bert_architecture()));
}

TEST(Checkpoint, ReadsOneFileUnderCanonicalNames) {
  const Checkpoint checkpoint = Checkpoint::open(golden("bert-legacy"), architecture("bert"));
  EXPECT_EQ(checkpoint.path(), golden("bert-legacy") / "model.safetensors");
  const StoredTensor* norm = checkpoint.find("bert.embeddings.LayerNorm.weight");
  ASSERT_NE(norm, nullptr);
  EXPECT_EQ(norm->view.name, "embeddings.LayerNorm.gamma");
  EXPECT_THAT(norm->view.shape, ElementsAre(32));
  EXPECT_NE(checkpoint.find("qa_outputs.weight"), nullptr);
  EXPECT_EQ(checkpoint.find("embeddings.LayerNorm.gamma"), nullptr);
}

TEST(Checkpoint, ReadsShardsAsOne) {
  const Checkpoint sharded = Checkpoint::open(golden("bert-sharded"), architecture("bert"));
  EXPECT_EQ(sharded.path(), golden("bert-sharded") / "model.safetensors.index.json");
  EXPECT_EQ(names_of(sharded),
            names_of(Checkpoint::open(golden("bert-tanh"), architecture("bert"))));
}

TEST(Checkpoint, OneFileWinsOverAnIndex) {
  const TempDir dir;
  write_names(dir / "model.safetensors", {"a"});
  write_index(dir, R"({"b": "missing.safetensors"})");
  EXPECT_THAT(names_of(Checkpoint::open(dir.path(), architecture("bert"))), ElementsAre("a"));
}

TEST(Checkpoint, NamesWhatItLookedFor) {
  const TempDir dir;
  expect_refused(ErrorCode::kNotFound,
                 "expected model.safetensors or model.safetensors.index.json, found neither", dir);
  std::ofstream(dir / "pytorch_model.bin") << "pickle";
  expect_refused(ErrorCode::kNotFound,
                 "(pytorch_model.bin is not read: deformer convert makes a model directory of it)",
                 dir);
}

TEST(Checkpoint, RefusesTwoSpellingsOfOneTensor) {
  const TempDir dir;
  write_names(dir / "model.safetensors",
              {"bert.embeddings.LayerNorm.gamma", "bert.embeddings.LayerNorm.weight"});
  expect_refused(ErrorCode::kIncompatible,
                 "expected one tensor named \"bert.embeddings.LayerNorm.weight\", found "
                 "\"bert.embeddings.LayerNorm.gamma\" and \"bert.embeddings.LayerNorm.weight\"",
                 dir);
  write_names(dir / "model.safetensors", {"bert.pooler.dense.bias", "pooler.dense.bias"});
  expect_refused(ErrorCode::kIncompatible, "\"pooler.dense.bias\"", dir);
}

TEST(Checkpoint, RefusesTwoSpellingsInTwoShards) {
  const TempDir dir;
  write_names(dir / "1.safetensors", {"x.LayerNorm.beta"});
  write_names(dir / "2.safetensors", {"x.LayerNorm.bias"});
  write_index(dir, R"({"x.LayerNorm.beta": "1.safetensors", "x.LayerNorm.bias": "2.safetensors"})");
  expect_refused(ErrorCode::kIncompatible, R"(found "x.LayerNorm.beta" and "x.LayerNorm.bias")",
                 dir);
}

TEST(Checkpoint, EveryShardMustExist) {
  const TempDir dir;
  write_names(dir / "1.safetensors", {"a"});
  write_index(dir, R"({"a": "1.safetensors", "b": "2.safetensors"})");
  expect_error(ErrorCode::kNotFound, "2.safetensors (tensor \"b\" is mapped to it)",
               [&] { (void)Checkpoint::open(dir.path(), architecture("bert")); });
}

TEST(Checkpoint, IndexAndShardsMustAgree) {
  const TempDir dir;
  write_names(dir / "1.safetensors", {"a", "extra"});
  write_names(dir / "2.safetensors", {"c"});
  write_index(dir, R"({"a": "1.safetensors", "b": "1.safetensors", "c": "2.safetensors"})");
  expect_refused(ErrorCode::kIncompatible,
                 R"(1 absent from their shards: "b" in 1.safetensors; )"
                 R"(1 in a shard that weight_map does not name: "extra" in 1.safetensors)",
                 dir);
}

TEST(Checkpoint, ATensorInTheWrongShardIsReportedBothWays) {
  const TempDir dir;
  write_names(dir / "1.safetensors", {"a", "b"});
  write_names(dir / "2.safetensors", {"c"});
  write_index(dir, R"({"a": "1.safetensors", "b": "2.safetensors", "c": "2.safetensors"})");
  expect_refused(ErrorCode::kIncompatible, "\"b\" in 2.safetensors; 1 in a shard", dir);
}

TEST(Checkpoint, ChecksTheIndex) {
  const TempDir dir;
  write_index(dir, "[]");
  expect_refused(ErrorCode::kCorrupt, "weight_map: expected an object, found an array", dir);
  write_index(dir, R"({"a": 1})");
  expect_refused(ErrorCode::kCorrupt, "weight_map: \"a\": expected a string, found a number", dir);
  for (const char* outside : {"../1.safetensors", "/tmp/1.safetensors", "", ".", ".."}) {
    write_index(dir, std::string(R"({"a": ")") + outside + R"("})");
    expect_refused(ErrorCode::kCorrupt, "expected the name of a file beside the index", dir);
  }
  std::ofstream(dir / "model.safetensors.index.json") << "{\"weight_map\"";
  expect_refused(ErrorCode::kCorrupt, "model.safetensors.index.json: line 1, column 14", dir);
}

TEST(Checkpoint, CorruptFilesNameTheFile) {
  const TempDir dir;
  std::ofstream(dir / "model.safetensors") << "not a model";
  expect_refused(ErrorCode::kCorrupt, "model.safetensors: expected a header of at most", dir);
}

TEST(Checkpoint, HashesDoNotDependOnSpellingOrSharding) {
  const TempDir today;
  const TempDir legacy;
  const TempDir sharded;
  write_names(today / "model.safetensors", {"bert.encoder.x.LayerNorm.weight", "qa_outputs.bias"});
  write_names(legacy / "model.safetensors", {"encoder.x.LayerNorm.gamma", "qa_outputs.bias"});
  write_names(sharded / "1.safetensors", {"qa_outputs.bias"});
  write_names(sharded / "2.safetensors", {"bert.encoder.x.LayerNorm.gamma"});
  write_index(sharded, R"({"qa_outputs.bias": "1.safetensors",
                           "bert.encoder.x.LayerNorm.gamma": "2.safetensors"})");
  const std::vector<std::string> names{"bert.encoder.x.LayerNorm.weight", "qa_outputs.bias"};
  const Hash128 expected = hash_of(Checkpoint::open(today.path(), architecture("bert")), names);
  EXPECT_EQ(hash_of(Checkpoint::open(legacy.path(), architecture("bert")), names), expected);
  EXPECT_EQ(hash_of(Checkpoint::open(sharded.path(), architecture("bert")), names), expected);
}

TEST(Checkpoint, HashesDependOnNameDtypeShapeAndBytes) {
  const TempDir dir;
  const std::vector<std::byte> bytes(8, std::byte{1});
  const std::vector<std::byte> other(8, std::byte{2});
  const auto hash = [&](const char* name, Dtype dtype, const Shape& shape,
                        const std::vector<std::byte>& data) {
    const std::vector<TensorView> tensors{{name, dtype, shape, data}};
    write_safetensors(dir / "model.safetensors", tensors);
    return hash_of(Checkpoint::open(dir.path(), architecture("bert")), {name});
  };
  const Hash128 base = hash("a", Dtype::kF32, {2}, bytes);
  EXPECT_EQ(hash("a", Dtype::kF32, {2}, bytes), base);
  EXPECT_NE(hash("b", Dtype::kF32, {2}, bytes), base);
  EXPECT_NE(hash("a", Dtype::kI32, {2}, bytes), base);
  EXPECT_NE(hash("a", Dtype::kF32, {2, 1}, bytes), base);
  EXPECT_NE(hash("a", Dtype::kF32, {2}, other), base);
}

// A buffer may be of this type as well.
TEST(Checkpoint, IsKeptInEightBitsOnlyWithScales) {
  const TempDir dir;
  const std::vector<std::byte> bytes(8);
  std::vector<TensorView> tensors{{"a", Dtype::kI8, {2, 2}, std::span(bytes).first(4)},
                                  {"b", Dtype::kF32, {2}, bytes}};
  const auto is_in_int8 = [&] {
    write_safetensors(dir / "model.safetensors", tensors);
    return Checkpoint::open(dir.path(), architecture("bert")).is_stored_in_int8();
  };
  EXPECT_FALSE(is_in_int8());
  tensors.push_back({int8_scale_name("a"), Dtype::kF32, {2}, bytes});
  EXPECT_TRUE(is_in_int8());
}

TEST(Checkpoint, HashingAnAbsentTensorIsIncompatible) {
  const Checkpoint checkpoint = Checkpoint::open(golden("bert-joint"), architecture("bert"));
  expect_error(ErrorCode::kIncompatible, "expected a tensor \"nothing\", found none",
               [&] { (void)hash_of(checkpoint, {"nothing"}); });
}

TEST(Checkpoint, LongListsAreCut) {
  const TempDir dir;
  std::vector<std::string> names;
  for (char c = 'a'; c <= 'z'; ++c) names.emplace_back(1, c);
  write_names(dir / "1.safetensors", names);
  write_index(dir, R"({"a": "1.safetensors"})");
  expect_refused(ErrorCode::kIncompatible, "25 in a shard that weight_map does not name", dir);
  expect_refused(ErrorCode::kIncompatible, "\"i\" in 1.safetensors and 17 more", dir);
}

// Scales of weights in 8 bits go with them; what is in no layer stays.
TEST(Checkpoint, WithLayersRenumbersThem) {
  const TempDir dir;
  const std::vector<std::string> layer_names{".output.dense.weight", ".output.dense.weight_scale"};
  std::vector<std::string> names{"bert.embeddings.word_embeddings.weight", "qa_outputs.bias"};
  for (const char* layer :
       {"bert.encoder.layer.0", "bert.encoder.layer.1", "bert.encoder.layer.11"}) {
    for (const std::string& rest : layer_names) names.push_back(layer + rest);
  }
  write_names(dir.path() / "model.safetensors", names);
  const Checkpoint whole = Checkpoint::open(dir.path(), architecture("bert"));
  const Checkpoint chosen = whole.with_layers(std::vector<int>{11, 0, 11});
  EXPECT_EQ(chosen.tensors().size(), 2 + 3 * layer_names.size());
  const auto value = [](const Checkpoint& checkpoint, const std::string& name) {
    const StoredTensor* const tensor = checkpoint.find(name);
    return tensor == nullptr ? std::string("none")
                             : std::string(reinterpret_cast<const char*>(tensor->view.bytes.data()),
                                           tensor->view.bytes.size());
  };
  for (const std::string& rest : layer_names) {
    EXPECT_EQ(value(chosen, "bert.encoder.layer.0" + rest),
              value(whole, "bert.encoder.layer.11" + rest));
    EXPECT_EQ(value(chosen, "bert.encoder.layer.1" + rest),
              value(whole, "bert.encoder.layer.0" + rest));
    EXPECT_EQ(value(chosen, "bert.encoder.layer.2" + rest),
              value(whole, "bert.encoder.layer.11" + rest));
  }
  EXPECT_EQ(value(chosen, "qa_outputs.bias"), value(whole, "qa_outputs.bias"));
}

}  // namespace
}  // namespace deformer
