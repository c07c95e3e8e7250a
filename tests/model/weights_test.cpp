#include "model/weights.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "architecture/architecture.h"
#include "base/hash.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

using test::expect_error;
using test::TempDir;

std::string numbered(int number) {
  return std::string(1, 'x') + std::to_string(number);
}

class Weights : public testing::Test {
 protected:
  // "a" [2, 2], "b" [3] and "n" (I64) [1].
  void SetUp() override {
    const std::vector<TensorView> tensors{
        {"a", Dtype::kF32, {2, 2}, std::as_bytes(std::span(matrix_))},
        {"b", Dtype::kF32, {3}, std::as_bytes(std::span(vector_))},
        {"n", Dtype::kI64, {1}, std::as_bytes(std::span(integers_))}};
    write_safetensors(dir_ / "model.safetensors", tensors);
    checkpoint_.emplace(Checkpoint::open(dir_.path(), architecture("bert")));
  }

  static void expect_finish_fails(const WeightLoader& loader, const std::string& text) {
    expect_error(ErrorCode::kIncompatible, text, [&] { loader.finish(); });
  }

  const std::vector<float> matrix_{1, 2, 3, 4};
  const std::vector<float> vector_{5, 6, 7};
  const std::vector<std::int64_t> integers_{8};
  TempDir dir_;
  std::optional<Checkpoint> checkpoint_;
};

// One tensor "w" of that type in a file of its own.
at::Tensor load_one(Dtype dtype, const Shape& shape, std::span<const std::byte> bytes) {
  const TempDir dir;
  const std::vector<TensorView> tensors{{"w", dtype, shape, bytes}};
  write_safetensors(dir / "model.safetensors", tensors);
  const Checkpoint checkpoint = Checkpoint::open(dir.path(), architecture("bert"));
  WeightLoader loader(checkpoint);
  return loader.take("w", shape);
}

TEST_F(Weights, GivesTensorsOfTheExpectedShape) {
  WeightLoader loader(*checkpoint_);
  const at::Tensor a = loader.take("a", {2, 2});
  EXPECT_EQ(a.scalar_type(), at::kFloat);
  EXPECT_TRUE(a.is_contiguous());
  EXPECT_TRUE(at::equal(a, at::tensor(matrix_).view({2, 2})));
  EXPECT_TRUE(at::equal(loader.take("b", {3}), at::tensor(vector_)));
}

TEST(WeightTypes, AValueThatFp16CannotHoldIsNotTakenForDamage) {
  const TempDir dir;
  const std::vector<float> values{1, -70000};
  const std::vector<TensorView> tensors{{"w", Dtype::kF32, {2}, std::as_bytes(std::span(values))}};
  write_safetensors(dir / "model.safetensors", tensors);
  const Checkpoint checkpoint = Checkpoint::open(dir.path(), architecture("bert"));
  WeightLoader loader(checkpoint);
  loader.place({.weights = WeightType::kFp16});
  expect_error(ErrorCode::kUnsupported,
               "tensor \"w\": expected values that fp16 can hold, at most 65504, found up to 70000",
               [&] { static_cast<void>(loader.take_linear("w", {2})); });
}

// A file of F64 may hold what even fp32 cannot: still a fault of one tensor, which is named.
TEST(WeightTypes, AValueBeyondFp32IsRefusedByTheNameOfItsTensor) {
  const TempDir dir;
  const std::vector<double> values{1, -1e300};
  const std::vector<double> large{1, 1e30};
  const std::vector<TensorView> tensors{
      {"w", Dtype::kF64, {2}, std::as_bytes(std::span(values))},
      {"bert.embeddings.word_embeddings.weight",
       Dtype::kF64,
       {2},
       std::as_bytes(std::span(values))},
      {"large", Dtype::kF64, {2}, std::as_bytes(std::span(large))}};
  write_safetensors(dir / "model.safetensors", tensors);
  const Checkpoint checkpoint = Checkpoint::open(dir.path(), architecture("bert"));
  WeightLoader narrow(checkpoint);
  narrow.place({.weights = WeightType::kFp16});
  const auto refuse = [&](const std::string& name, const std::string& found) {
    expect_error(ErrorCode::kUnsupported,
                 checkpoint.path().string() + ": tensor \"" + name +
                     "\": expected values that fp16 can hold, at most 65504, found up to " + found,
                 [&] { static_cast<void>(narrow.take_linear(name, {2})); });
  };
  refuse("w", "1e+300");
  refuse("bert.embeddings.word_embeddings.weight", "1e+300");
  refuse("large", "1e+30 (fp32 weights and precision hold it)");
  try {
    static_cast<void>(narrow.take_linear("w", {2}));
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("fp32"), std::string::npos) << error.what();
  }
  WeightLoader wide(checkpoint);
  expect_error(ErrorCode::kCorrupt, "tensor \"w\": expected finite numbers, found -inf as value 1",
               [&] { static_cast<void>(wide.take("w", {2})); });
}

// Of tensors that no model reads, too: all are looked at when an answer is not finite.
TEST(WeightTypes, ANumberInEightBitsIsNoMatrix) {
  const TempDir dir;
  const std::vector<std::int8_t> number{1};
  const std::vector<TensorView> tensors{{"w", Dtype::kI8, {}, std::as_bytes(std::span(number))},
                                        {"w_scale", Dtype::kF32, {0}, {}}};
  write_safetensors(dir / "model.safetensors", tensors);
  const Checkpoint checkpoint = Checkpoint::open(dir.path(), architecture("bert"));
  WeightLoader loader(checkpoint);
  EXPECT_FALSE(loader.find_values("w"));
  EXPECT_FALSE(loader.find_values("absent"));
}

TEST_F(Weights, Fp32IsAViewOfTheMappedFile) {
  WeightLoader loader(*checkpoint_);
  const at::Tensor a = loader.take("a", {2, 2});
  EXPECT_EQ(a.const_data_ptr(),
            static_cast<const void*>(checkpoint_->find("a")->view.bytes.data()));
}

TEST_F(Weights, TensorsOutliveLoaderAndCheckpoint) {
  at::Tensor a;
  {
    WeightLoader loader(*checkpoint_);
    a = loader.take("a", {2, 2});
  }
  checkpoint_.reset();
  EXPECT_FLOAT_EQ(a.sum().item<float>(), 10.0f);
}

TEST_F(Weights, NarrowAndWideTypesBecomeFp32) {
  const std::vector<std::uint16_t> half{0x3c00, 0xc000, 0x0001};
  const std::vector<std::uint16_t> bfloat{0x3f80, 0xc000, 0x4049};
  const std::vector<double> wide{1.0, -2.0, 1e-3};
  EXPECT_TRUE(at::equal(load_one(Dtype::kF16, {3}, std::as_bytes(std::span(half))),
                        at::tensor(std::vector<float>{1.0f, -2.0f, 0x1p-24f})));
  EXPECT_TRUE(at::equal(load_one(Dtype::kBf16, {3}, std::as_bytes(std::span(bfloat))),
                        at::tensor(std::vector<float>{1.0f, -2.0f, 3.140625f})));
  EXPECT_TRUE(at::equal(load_one(Dtype::kF64, {3}, std::as_bytes(std::span(wide))),
                        at::tensor(std::vector<float>{1.0f, -2.0f, 1e-3f})));
}

TEST_F(Weights, UnalignedTensorsAreCopied) {
  const std::vector<std::uint8_t> odd{9};
  const std::vector<TensorSpec> specs{{"odd", Dtype::kU8, {1}}, {"w", Dtype::kF32, {2}}};
  const std::vector<float> values{1.5f, -2.5f};
  SafetensorsWriter writer(dir_ / "model.safetensors", specs);
  writer.append(std::as_bytes(std::span(odd)));
  writer.append(std::as_bytes(std::span(values)));
  writer.commit();
  const Checkpoint checkpoint = Checkpoint::open(dir_.path(), architecture("bert"));
  WeightLoader loader(checkpoint);
  EXPECT_TRUE(at::equal(loader.take("w", {2}), at::tensor(values)));
}

TEST_F(Weights, EmptyAndScalarTensorsAreLegal) {
  const std::vector<float> one{3.0f};
  EXPECT_FLOAT_EQ(load_one(Dtype::kF32, {}, std::as_bytes(std::span(one))).item<float>(), 3.0f);
  EXPECT_EQ(load_one(Dtype::kF32, {0, 4}, {}).numel(), 0);
}

TEST_F(Weights, FinishPassesWhenAllIsTaken) {
  WeightLoader loader(*checkpoint_);
  (void)loader.take("a", {2, 2});
  (void)loader.take("b", {3});
  EXPECT_NO_THROW(loader.finish({"n"}));
}

TEST_F(Weights, FinishListsEveryProblemInOneError) {
  WeightLoader loader(*checkpoint_);
  (void)loader.take("a", {2, 3});
  (void)loader.take("absent", {4});
  (void)loader.take("n", {1});
  expect_finish_fails(loader,
                      "model.safetensors: expected the tensors that config.json describes, found 1 "
                      "missing: \"absent\"; 2 misshapen: \"a\" (expected F32, F16, BF16 or F64 [2, "
                      "3], found F32 [2, 2]), \"n\" (expected F32, F16, BF16 or F64 [1], found I64 "
                      "[1]); 1 unexpected: \"b\"");
}

TEST_F(Weights, UnexpectedTensorsAreRefusedUnlessIgnorable) {
  WeightLoader loader(*checkpoint_);
  (void)loader.take("a", {2, 2});
  expect_finish_fails(loader, R"(found 2 unexpected: "b", "n")");
  EXPECT_NO_THROW(loader.finish({"b", "n"}));
}

TEST_F(Weights, PartsThatNoReaderNeedsAreIgnorable) {
  const std::vector<float> values{1};
  std::vector<TensorView> tensors;
  for (const char* name :
       {"bert.embeddings.position_ids", "pooler.dense.bias", "cls.seq_relationship.bias"}) {
    tensors.push_back({name, Dtype::kF32, {1}, std::as_bytes(std::span(values))});
  }
  write_safetensors(dir_ / "model.safetensors", tensors);
  const Checkpoint checkpoint = Checkpoint::open(dir_.path(), architecture("bert"));
  EXPECT_NO_THROW(WeightLoader(checkpoint).finish());
}

TEST_F(Weights, StandInsHaveTheShapeAndNoMemory) {
  WeightLoader loader(*checkpoint_);
  const at::Tensor huge = loader.take("absent", {1 << 20, 1 << 20});
  EXPECT_EQ(huge.sizes(), at::IntArrayRef({1 << 20, 1 << 20}));
  EXPECT_EQ(huge.storage().nbytes(), 4u);
}

TEST_F(Weights, LongListsAreCut) {
  WeightLoader loader(*checkpoint_);
  for (int i = 0; i < 20; ++i) (void)loader.take(numbered(i), {1});
  expect_finish_fails(loader, "20 missing: \"x0\"");
  expect_finish_fails(loader, "\"x7\" and 12 more; 3 unexpected");
}

// A configuration with 10^9 layers must not take 10^9 steps.
TEST_F(Weights, GivesUpEarlyOnAnotherModelsConfiguration) {
  WeightLoader loader(*checkpoint_);
  int taken = 0;
  expect_error(ErrorCode::kIncompatible, "1000 missing", [&] {
    for (; taken < 1'000'000; ++taken) (void)loader.take(numbered(taken), {1});
  });
  EXPECT_EQ(taken, 999);
}

TEST_F(Weights, HasTellsWhatIsThere) {
  const WeightLoader loader(*checkpoint_);
  EXPECT_TRUE(loader.has("a"));
  EXPECT_FALSE(loader.has("c"));
}

TEST_F(Weights, ScopesJoinNamesWithDots) {
  const std::vector<TensorView> tensors{
      {"bert.layer.0.weight", Dtype::kF32, {3}, std::as_bytes(std::span(vector_))}};
  write_safetensors(dir_ / "model.safetensors", tensors);
  const Checkpoint checkpoint = Checkpoint::open(dir_.path(), architecture("bert"));
  WeightLoader loader(checkpoint);
  const WeightScope layer = WeightScope(loader).sub("bert").sub("layer.0");
  EXPECT_EQ(layer.full_name("weight"), "bert.layer.0.weight");
  EXPECT_TRUE(layer.has("weight"));
  EXPECT_FALSE(layer.has("bias"));
  EXPECT_TRUE(at::equal(layer.take("weight", {3}), at::tensor(vector_)));
  EXPECT_NO_THROW(loader.finish());
}

class WriteCheckpoint : public testing::TestWithParam<Dtype> {};

TEST_P(WriteCheckpoint, RoundTripsInEveryPrecision) {
  const TempDir dir;
  // Exact in all three types; the transposed one is not contiguous.
  const at::Tensor matrix = at::tensor(std::vector<float>{1, -2, 0.5, 4, 8, 0}).view({2, 3});
  write_checkpoint(dir.path(), {{"b", matrix.t()}, {"a", at::ones({}, at::kDouble)}}, GetParam());
  const Checkpoint checkpoint = Checkpoint::open(dir.path(), architecture("bert"));
  EXPECT_EQ(checkpoint.find("b")->view.dtype, GetParam());
  WeightLoader loader(checkpoint);
  EXPECT_TRUE(at::equal(loader.take("b", {3, 2}), matrix.t()));
  EXPECT_TRUE(at::equal(loader.take("a", {}), at::ones({}, at::kFloat)));
  EXPECT_NO_THROW(loader.finish());
  EXPECT_EQ(SafetensorsFile::open(dir / "model.safetensors").metadata().at("format"), "pt");
}

INSTANTIATE_TEST_SUITE_P(Types, WriteCheckpoint,
                         testing::Values(Dtype::kF32, Dtype::kF16, Dtype::kBf16),
                         [](const auto& dtype) { return to_string(dtype.param); });

// 32 rows; row r is (r + 1) / 127 times whole numbers, the largest of which is 127.
at::Tensor whole_number_rows() {
  const at::Tensor values = (at::arange(32 * 40, at::kLong).view({32, 40}) * 7 % 255 - 127);
  values.select(1, 3).fill_(-127);
  return values.to(at::kFloat) * (at::arange(1, 33, at::kFloat) / 127).unsqueeze(1);
}

class Int8Checkpoint : public testing::Test {
 protected:
  [[nodiscard]] Checkpoint open() const {
    return Checkpoint::open(dir_.path(), architecture("bert"));
  }
  // Writes the file's tensors again, as `change` leaves them.
  void rewrite(const std::function<void(std::vector<TensorView>&)>& change) {
    const SafetensorsFile file = SafetensorsFile::open(dir_ / "model.safetensors");
    std::vector<TensorView> tensors = file.tensors();
    change(tensors);
    write_safetensors(dir_ / "other.safetensors", tensors);
    std::filesystem::rename(dir_ / "other.safetensors", dir_ / "model.safetensors");
  }
  [[nodiscard]] std::uint64_t hash() const {
    Hasher hasher;
    open().hash_into(hasher, std::vector<std::string>{"w"});
    return hasher.digest64();
  }

  TempDir dir_;
};

TEST_F(Int8Checkpoint, KeepsMatricesInEightBitsAndTheRestAsItIs) {
  const at::Tensor matrix = whole_number_rows();
  write_checkpoint(dir_.path(),
                   {{"w", matrix},
                    {"head", at::rand({2, 40})},
                    {"bias", at::rand({40})},
                    {"cube", at::ones({32, 32, 2})}},
                   Dtype::kI8);
  const Checkpoint checkpoint = open();
  EXPECT_EQ(checkpoint.find("w")->view.dtype, Dtype::kI8);
  EXPECT_EQ(checkpoint.find("w_scale")->view.shape, Shape{32});
  EXPECT_EQ(checkpoint.find("head")->view.dtype, Dtype::kF32);
  EXPECT_EQ(checkpoint.find("bias")->view.dtype, Dtype::kF32);
  EXPECT_EQ(checkpoint.find("cube")->view.dtype, Dtype::kF16);
  WeightLoader loader(checkpoint);
  EXPECT_TRUE(at::allclose(loader.take("w", {32, 40}), matrix, 1e-6, 0));
  EXPECT_EQ(loader.taken_values(), 32 * 40);
  (void)loader.take("head", {2, 40});
  (void)loader.take("bias", {40});
  (void)loader.take("cube", {32, 32, 2});
  EXPECT_NO_THROW(loader.finish());
}

TEST_F(Int8Checkpoint, IsOffByHalfAStepAtMostAndGivesTheSameValuesAgain) {
  const at::Tensor matrix = at::randn({64, 48}, at::kFloat);
  matrix.select(0, 5).zero_();
  write_checkpoint(dir_.path(), {{"w", matrix}}, Dtype::kI8);
  const Checkpoint checkpoint = open();
  WeightLoader loader(checkpoint);
  const at::Tensor loaded = loader.take("w", {64, 48});
  const at::Tensor step = matrix.abs().amax(1, /*keepdim=*/true) / 127;
  EXPECT_TRUE((loaded - matrix).abs().le(step * 0.50001).all().item<bool>());
  EXPECT_TRUE(loaded.select(0, 5).eq(0).all().item<bool>());
  // What int8 arithmetic makes of them (nn/int8_weight).
  const at::Tensor again = (loaded / (loaded.abs().amax(1, true) / 127).clamp_min(1e-30)).round();
  const auto& bytes = checkpoint.find("w")->view.bytes;
  const at::Tensor stored =
      at::from_blob(const_cast<std::byte*>(bytes.data()), {64, 48}, at::TensorOptions(at::kChar));
  EXPECT_TRUE(at::equal(again.to(at::kChar), stored));
}

TEST_F(Int8Checkpoint, ItsHashCoversTheScales) {
  write_checkpoint(dir_.path(), {{"w", whole_number_rows()}}, Dtype::kI8);
  const std::uint64_t one = hash();
  write_checkpoint(dir_.path(), {{"w", whole_number_rows() * 2}}, Dtype::kI8);
  EXPECT_NE(hash(), one);
}

TEST_F(Int8Checkpoint, RefusesScalesThatAreAbsentMisshapenOrNotFinite) {
  const auto load = [&] {
    const Checkpoint checkpoint = open();
    WeightLoader loader(checkpoint);
    (void)loader.take("w", {32, 40});
    loader.finish();
  };
  const auto write = [&] {
    write_checkpoint(dir_.path(), {{"w", whole_number_rows()}}, Dtype::kI8);
  };
  write();
  rewrite([](std::vector<TensorView>& tensors) {
    std::erase_if(tensors, [](const TensorView& view) { return view.name == "w_scale"; });
  });
  expect_error(ErrorCode::kIncompatible,
               "\"w\" (expected F32, F16, BF16 or F64 [32, 40], found I8 [32, 40] without w_scale)",
               load);
  write();
  const std::vector<float> scales(32, std::numeric_limits<float>::quiet_NaN());
  rewrite([&](std::vector<TensorView>& tensors) {
    for (TensorView& view : tensors) {
      if (view.name == "w_scale") view.bytes = std::as_bytes(std::span(scales));
    }
  });
  expect_error(ErrorCode::kCorrupt, "tensor \"w_scale\": expected finite numbers, found nan", load);
  write();
  rewrite([&](std::vector<TensorView>& tensors) {
    for (TensorView& view : tensors) {
      if (view.name != "w_scale") continue;
      view.shape = {16};
      view.bytes = view.bytes.first(64);
    }
  });
  expect_error(ErrorCode::kIncompatible, "\"w_scale\" (expected F32 [32], found F32 [16])", load);
  const at::Tensor broken = whole_number_rows();
  broken.select(0, 4).fill_(std::numeric_limits<float>::infinity());
  expect_error(ErrorCode::kInvalidArgument,
               "tensor \"w\": expected values that I8 can hold, found inf", [&] {
                 write_checkpoint(dir_.path(), {{"w", broken}}, Dtype::kI8);
               });
}

TEST(WriteCheckpointErrors, RefusesWhatATypeCannotHold) {
  const TempDir dir;
  const auto write = [&](const at::Tensor& tensor, Dtype dtype) {
    write_checkpoint(dir.path(), {{"w", tensor}}, dtype);
  };
  expect_error(ErrorCode::kInvalidArgument, "tensor \"w\": expected values that F16 can hold",
               [&] { write(at::full({2}, 70000.0), Dtype::kF16); });
  expect_error(ErrorCode::kInvalidArgument, "expected F32, F16, BF16 or I8, found I64",
               [&] { write(at::ones({2}), Dtype::kI64); });
  expect_error(ErrorCode::kInvalidArgument, "tensor \"w\": expected a floating-point tensor",
               [&] { write(at::ones({2}, at::kLong), Dtype::kF32); });
  expect_error(ErrorCode::kInvalidArgument, "tensor \"w\": expected a floating-point tensor",
               [&] { write(at::Tensor(), Dtype::kF32); });
  EXPECT_FALSE(std::filesystem::exists(dir / "model.safetensors"));
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_NO_THROW(write(at::full({2}, infinity), Dtype::kF16));
}

}  // namespace
}  // namespace deformer
