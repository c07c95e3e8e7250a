#include "convert/tensor_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "convert/files.h"
#include "convert/table_writer.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;
using test::copy_files;
using test::expect_error;
using test::golden_convert;
using test::message;
using test::number;
using test::read_bytes;
using test::TableWriter;
using test::TempDir;
using test::write_bytes;
using testing::ElementsAre;

const SourceTensor* find(const TensorBundle& bundle, const std::string& name) {
  for (const SourceTensor& tensor : bundle.tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

void check_all(const TensorBundle& bundle) {
  for (const SourceTensor& tensor : bundle.tensors) check_checksum(tensor, "bundle");
}

TEST(TensorBundle, ReadsWhatTensorFlowWrote) {
  const TensorBundle bundle =
      open_tensor_bundle(golden_convert("tensorflow/google-bert/model.ckpt-7"));
  check_all(bundle);
  const SourceTensor* const kernel = find(bundle, "bert/encoder/layer_1/intermediate/dense/kernel");
  ASSERT_NE(kernel, nullptr);
  EXPECT_EQ(kernel->dtype, Dtype::kF32);
  EXPECT_THAT(kernel->shape, ElementsAre(8, 12));
  const SourceTensor* const step = find(bundle, "global_step");
  ASSERT_NE(step, nullptr);
  EXPECT_EQ(step->dtype, Dtype::kI64);
  EXPECT_TRUE(step->shape.empty());
  EXPECT_EQ(std::to_integer<int>(step->bytes[0]), 7);
  EXPECT_NE(find(bundle, "bert/pooler/dense/kernel/adam_m"), nullptr);
  EXPECT_TRUE(bundle.others.empty());
}

TEST(TensorBundle, ReadsSeveralShards) {
  const TensorBundle bundle =
      open_tensor_bundle(golden_convert("tensorflow/deformer/model.ckpt-3"));
  check_all(bundle);
  std::map<const void*, int> shards;
  for (const SourceTensor& tensor : bundle.tensors) ++shards[tensor.owner.get()];
  EXPECT_EQ(shards.size(), 2u);
}

class DamagedBundle : public testing::Test {
 protected:
  DamagedBundle() { copy_files(golden_convert("tensorflow/deformer"), dir_.path()); }

  [[nodiscard]] fs::path prefix() const { return dir_ / "model.ckpt-3"; }
  [[nodiscard]] fs::path file(const std::string& suffix) const {
    return prefix().string() + suffix;
  }
  void expect_refused(ErrorCode code, const std::string& text) const {
    expect_error(code, text, [&] { check_all(open_tensor_bundle(prefix())); });
  }

 private:
  TempDir dir_;
};

TEST_F(DamagedBundle, NoIndex) {
  fs::remove(file(".index"));
  expect_refused(ErrorCode::kNotFound, "model.ckpt-3.index: cannot open");
}

TEST_F(DamagedBundle, TruncatedIndex) {
  const std::string bytes = read_bytes(file(".index"));
  write_bytes(file(".index"), bytes.substr(0, bytes.size() / 2));
  expect_refused(ErrorCode::kCorrupt, "model.ckpt-3.index: expected the footer of an index");
}

TEST_F(DamagedBundle, MissingShard) {
  fs::remove(file(".data-00001-of-00002"));
  expect_refused(ErrorCode::kNotFound, "model.ckpt-3.data-00001-of-00002, found no such file");
}

TEST_F(DamagedBundle, ShardsOfAnotherNumber) {
  fs::rename(file(".data-00000-of-00002"), file(".data-00000-of-00001"));
  fs::rename(file(".data-00001-of-00002"), file(".data-00001-of-00001"));
  expect_refused(ErrorCode::kNotFound, ".data-00000-of-00002, found no such file");
}

TEST_F(DamagedBundle, TruncatedShard) {
  const std::string bytes = read_bytes(file(".data-00000-of-00002"));
  write_bytes(file(".data-00000-of-00002"), bytes.substr(0, bytes.size() / 2));
  expect_refused(ErrorCode::kCorrupt, "expected bytes within a shard of ");
}

TEST_F(DamagedBundle, DamagedTensor) {
  std::string bytes = read_bytes(file(".data-00001-of-00002"));
  bytes[5] ^= 0x10;
  write_bytes(file(".data-00001-of-00002"), bytes);
  expect_refused(ErrorCode::kCorrupt, "expected bytes with CRC-32C ");
}

void expect_same(const TensorBundle& found, const TensorBundle& golden) {
  ASSERT_EQ(found.tensors.size(), golden.tensors.size());
  for (std::size_t i = 0; i < found.tensors.size(); ++i) {
    EXPECT_EQ(found.tensors[i].name, golden.tensors[i].name);
    EXPECT_EQ(found.tensors[i].shape, golden.tensors[i].shape);
    EXPECT_EQ(found.tensors[i].crc32c, golden.tensors[i].crc32c);
  }
}

TEST_F(DamagedBundle, AnyFlippedByteOfTheIndexIsFoundOrHarmless) {
  const std::string bytes = read_bytes(file(".index"));
  const TensorBundle golden = open_tensor_bundle(prefix());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    write_bytes(file(".index"), damaged);
    try {
      expect_same(open_tensor_bundle(prefix()), golden);
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::kInternal) << error.what();
    }
  }
}

// ---- Indexes that TensorFlow did not write

const std::string kOneShard = number(1, 1);
const std::string kFourFloats = number(1, 1) + message(2, message(2, number(1, 4))) + number(5, 16);

class MadeBundle : public testing::Test {
 protected:
  void write(const std::string& header, const std::string& name, const std::string& entry) const {
    TableWriter table;
    table.add_block({{"", header}, {name, entry}});
    write_bytes(dir_ / "made.index", table.finish());
    write_bytes(dir_ / "made.data-00000-of-00001", std::string(16, 'x'));
  }
  void expect_refused(ErrorCode code, const std::string& text) const {
    expect_error(code, text, [&] { (void)open(); });
  }
  [[nodiscard]] TensorBundle open() const { return open_tensor_bundle(dir_ / "made"); }

 private:
  TempDir dir_;
};

TEST_F(MadeBundle, IsReadWhenItIsSound) {
  write(kOneShard, "x", kFourFloats);
  EXPECT_THAT(open().tensors.at(0).shape, ElementsAre(4));
  write(kOneShard + number(9, 1), "x", kFourFloats + message(99, "unknown"));
  EXPECT_EQ(open().tensors.size(), 1u) << "fields of a later version are passed over";
}

TEST_F(MadeBundle, BigEndianTensors) {
  write(kOneShard + number(2, 1), "x", kFourFloats);
  expect_refused(ErrorCode::kUnsupported, "expected little-endian tensors");
}

TEST_F(MadeBundle, NewerVersion) {
  write(kOneShard + message(3, number(2, 2)), "x", kFourFloats);
  expect_refused(ErrorCode::kUnsupported, "readers of version 1, found version 2");
}

TEST_F(MadeBundle, NoShards) {
  write("", "x", kFourFloats);
  expect_refused(ErrorCode::kCorrupt, "expected 1 to 99999 shards, found 0");
}

TEST_F(MadeBundle, ObjectGraphOfTensorFlow2) {
  write(kOneShard, "_CHECKPOINTABLE_OBJECT_GRAPH", number(1, 7));
  expect_refused(ErrorCode::kUnsupported, "found the object graph of TensorFlow 2");
}

TEST_F(MadeBundle, PartitionedVariable) {
  write(kOneShard, "x", kFourFloats + message(7, ""));
  expect_refused(ErrorCode::kUnsupported, "found a partitioned one");
}

TEST_F(MadeBundle, ShardOutOfRange) {
  write(kOneShard, "x", kFourFloats + number(3, 1));
  expect_refused(ErrorCode::kCorrupt, "tensor \"x\": expected a shard below 1, found 1");
}

TEST_F(MadeBundle, SizesThatDoNotFit) {
  write(kOneShard, "x", kFourFloats + number(5, 15));
  expect_refused(ErrorCode::kCorrupt, "expected the bytes of F32 [4], found 15");
  write(kOneShard, "x", kFourFloats + number(4, 1));
  expect_refused(ErrorCode::kCorrupt, "within a shard of 16, found 16 at 1");
  write(kOneShard, "x", kFourFloats + number(4, ~std::uint64_t{0}));
  expect_refused(ErrorCode::kCorrupt, "within a shard of 16");
  const std::string huge = message(2, number(1, std::uint64_t{1} << 62));
  write(kOneShard, "x", number(1, 1) + message(2, huge + huge) + number(5, 16));
  expect_refused(ErrorCode::kCorrupt, "expected the bytes of F32 [4611686018427387904");
  write(kOneShard, "x", number(1, 1) + message(2, message(2, number(1, ~std::uint64_t{0}))));
  expect_refused(ErrorCode::kCorrupt, "[-1]");
}

TEST_F(MadeBundle, OtherTypesAreSetAside) {
  write(kOneShard, "x", number(1, 7));
  EXPECT_TRUE(open().tensors.empty());
  EXPECT_EQ(open().others.at(0).type, "string");
  write(kOneShard, "x", number(1, 1000));
  EXPECT_EQ(open().others.at(0).type, "1000");
}

TEST_F(MadeBundle, BrokenMessage) {
  write(kOneShard, "x", "\x0b");
  expect_refused(ErrorCode::kCorrupt, "a field of a known wire type, found 3");
  write(kOneShard, "x", number(1, 1) + "\x12\x7f");
  expect_refused(ErrorCode::kCorrupt, "expected 127 more bytes, found 0");
}

}  // namespace
}  // namespace deformer
