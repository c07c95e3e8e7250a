#include "format/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

using test::expect_error;
using test::TempDir;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

// Every dtype, a scalar, an empty tensor, a name beyond ASCII: written by Hugging Face's own
// implementation (scripts/golden/make_golden_models.py).
std::filesystem::path golden_file() {
  return std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests/golden/models/safetensors" /
         "all_dtypes.safetensors";
}

template <typename T>
std::vector<T> values(const TensorView& tensor) {
  std::vector<T> result(tensor.bytes.size() / sizeof(T));
  std::memcpy(result.data(), tensor.bytes.data(), tensor.bytes.size());
  return result;
}

template <typename T>
std::span<const std::byte> bytes_of(const std::vector<T>& numbers) {
  return std::as_bytes(std::span(numbers));
}

// A file of that header and that many bytes of data.
std::string file_bytes(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + std::string(data_bytes, '\x01');
}

class Safetensors : public testing::Test {
 protected:
  SafetensorsFile open(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary).write(bytes.data(), std::ssize(bytes));
    return SafetensorsFile::open(path_);
  }

  void expect_corrupt(const std::string& text, const std::string& bytes) {
    expect_error(ErrorCode::kCorrupt, text, [&] { (void)open(bytes); });
  }

  // One tensor "a" with these members; 16 bytes of data.
  void expect_bad_tensor(const std::string& text, const std::string& members) {
    expect_corrupt(text, file_bytes("{\"a\":{" + members + "}}", 16));
  }

  TempDir dir_;
  std::filesystem::path path_ = dir_ / "x.safetensors";
};

TEST_F(Safetensors, ReadsWhatTheReferenceImplementationWrote) {
  const SafetensorsFile file = SafetensorsFile::open(golden_file());
  EXPECT_THAT(file.metadata(), ElementsAre(Pair("note", "caf\u00e9")));
  ASSERT_EQ(file.tensors().size(), 12u);
  EXPECT_THAT(values<float>(*file.find("f32")), ElementsAre(0.5f, -1.0f, 2.0f, 3.25f, 1e30f, 0.0f));
  EXPECT_THAT(file.find("f32")->shape, ElementsAre(2, 3));
  EXPECT_THAT(values<double>(*file.find("f64")), ElementsAre(1e-300, -2.5));
  EXPECT_THAT(values<std::uint16_t>(*file.find("f16")), ElementsAre(0x3c00, 0xc000));
  EXPECT_THAT(values<std::uint16_t>(*file.find("bf16")), ElementsAre(0x3f80, 0xc000));
  EXPECT_THAT(values<std::int64_t>(*file.find("i64")), ElementsAre(-1, std::int64_t{1} << 40));
  EXPECT_THAT(values<std::int32_t>(*file.find("i32")), ElementsAre(-7, 1 << 30));
  EXPECT_THAT(values<std::int16_t>(*file.find("i16")), ElementsAre(-300));
  EXPECT_THAT(values<std::int8_t>(*file.find("i8")), ElementsAre(-128, 127, 0));
  EXPECT_THAT(values<std::uint8_t>(*file.find("u8")), ElementsAre(255));
  EXPECT_THAT(values<std::uint8_t>(*file.find("bool")), ElementsAre(1, 0));
  EXPECT_THAT(file.find("\u00e9.scalar")->shape, IsEmpty());
  EXPECT_THAT(values<float>(*file.find("\u00e9.scalar")), ElementsAre(42.0f));
  EXPECT_THAT(file.find("none")->shape, ElementsAre(0, 3));
  EXPECT_EQ(file.find("f3"), nullptr);
}

TEST_F(Safetensors, WritesTheSameBytesAsTheReferenceImplementation) {
  const SafetensorsFile file = SafetensorsFile::open(golden_file());
  write_safetensors(path_, file.tensors(), file.metadata());
  EXPECT_EQ(read_file(path_), read_file(golden_file()));
}

TEST_F(Safetensors, ReadsWithoutCopying) {
  const SafetensorsFile file = SafetensorsFile::open(golden_file());
  const auto bytes = file.mapping()->bytes();
  for (const TensorView& tensor : file.tensors()) {
    EXPECT_GE(tensor.bytes.data(), bytes.data());
    EXPECT_LE(tensor.bytes.data() + tensor.bytes.size(), bytes.data() + bytes.size());
  }
}

TEST_F(Safetensors, TheMappingOutlivesTheFileObject) {
  TensorView tensor;
  std::shared_ptr<const MappedFile> mapping;
  {
    const SafetensorsFile file = SafetensorsFile::open(golden_file());
    tensor = *file.find("i32");
    mapping = file.mapping();
  }
  EXPECT_THAT(values<std::int32_t>(tensor), ElementsAre(-7, 1 << 30));
}

TEST_F(Safetensors, AnEmptyFileOfTensorsIsLegal) {
  const SafetensorsFile file = open(file_bytes("{}      ", 0));
  EXPECT_THAT(file.tensors(), IsEmpty());
  write_safetensors(path_, {});
  EXPECT_THAT(SafetensorsFile::open(path_).tensors(), IsEmpty());
}

TEST_F(Safetensors, AbsentFilesAreNotFound) {
  expect_error(ErrorCode::kNotFound, "x.safetensors", [&] { (void)SafetensorsFile::open(path_); });
}

TEST_F(Safetensors, NamesAGitLfsPointerInPlaceOfTheFile) {
  expect_corrupt(
      "x.safetensors: expected the file itself, found a Git LFS pointer to one of 7 bytes",
      "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n");
}

TEST_F(Safetensors, ChecksTheHeaderLength) {
  expect_corrupt("expected at least 8 bytes, found 0", "");
  expect_corrupt("expected at least 8 bytes, found 7", std::string(7, '\0'));
  expect_corrupt("expected a header of 3 bytes, found 2 bytes after its length",
                 std::string("\x03\0\0\0\0\0\0\0{}", 10));
  expect_corrupt("expected a header of at most 100000000 bytes, found 18446744073709551615",
                 std::string(8, '\xff') + "{}");
}

TEST_F(Safetensors, ChecksTheJson) {
  expect_corrupt("a header that begins with {", file_bytes("", 0));
  expect_corrupt("a header that begins with {", file_bytes("[]", 0));
  expect_corrupt("broken JSON at byte", file_bytes("{\"a\":", 0));
  expect_corrupt("broken JSON at byte", file_bytes("{} x", 0));
  expect_corrupt("broken JSON at byte", file_bytes("{\"\xff\":1}", 0));
  expect_corrupt("a number in the header is out of range", file_bytes("{\"a\":1e999}", 0));
  expect_corrupt("at most 3 levels of JSON", file_bytes(R"({"a":{"shape":[[)", 0));
  expect_corrupt("at most 3 levels of JSON", file_bytes(R"({"a":{"b":{"c":{"d":1}}}})", 0));
  expect_corrupt("tensor \"a\": expected an object, found a number", file_bytes("{\"a\":1}", 0));
}

TEST_F(Safetensors, RefusesNamesThatOccurTwice) {
  const std::string tensor = R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  expect_corrupt("names that occur once, found \"a\" twice",
                 file_bytes("{" + tensor + "," + tensor + "}", 1));
  expect_bad_tensor("found \"dtype\" twice",
                    R"("dtype":"U8","dtype":"I8","shape":[16],"data_offsets":[0,16])");
}

TEST_F(Safetensors, ChecksTheMetadata) {
  expect_corrupt("__metadata__: \"n\": expected a string, found a number",
                 file_bytes(R"({"__metadata__":{"n":1}})", 0));
  expect_corrupt("__metadata__: expected an object, found a number",
                 file_bytes(R"({"__metadata__":1})", 0));
  EXPECT_THAT(open(file_bytes(R"({"__metadata__":null})", 0)).metadata(), IsEmpty());
}

TEST_F(Safetensors, ChecksTheDtype) {
  expect_bad_tensor("expected a key \"dtype\", found none", R"("shape":[4],"data_offsets":[0,16])");
  expect_bad_tensor("dtype: expected a string, found a number",
                    R"("dtype":1,"shape":[4],"data_offsets":[0,16])");
}

// A model may carry what it does not use; what it uses is the loader's to refuse.
TEST_F(Safetensors, OpensTypesThatNothingComputesWith) {
  const auto open_one = [this](const std::string& dtype, const std::string& shape) {
    return open(file_bytes(
        R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":[0,16]}})",
        16));
  };
  for (const char* bytes : {"F8_E5M2", "F8_E4M3", "F8_E8M0"}) {
    EXPECT_EQ(to_string(open_one(bytes, "[4,4]").find("a")->dtype), bytes);
  }
  EXPECT_EQ(to_string(open_one("F4", "[32]").find("a")->dtype), "F4");
  EXPECT_EQ(open_one("U32", "[4]").find("a")->bytes.size(), 16U);
  EXPECT_EQ(open_one("F2_LATER", "[3]").find("a")->dtype, Dtype::kUnknown);
  const std::string members = R"(,"data_offsets":[0,16])";
  expect_bad_tensor("expected 17 bytes for F8_E4M3 [17], found 16",
                    R"("dtype":"F8_E4M3","shape":[17])" + members);
  expect_bad_tensor("expected 15 bytes for F6_E2M3 [20], found 16",
                    R"("dtype":"F6_E2M3","shape":[20])" + members);
  expect_bad_tensor("expected whole bytes for F4 [31], found 16",
                    R"("dtype":"F4","shape":[31])" + members);
  expect_bad_tensor("bytes for an unknown type [4294967296, 4294967296]",
                    R"("dtype":"NEW","shape":[4294967296,4294967296])" + members);
}

TEST_F(Safetensors, ChecksTheShape) {
  expect_bad_tensor("expected a key \"shape\", found none",
                    R"("dtype":"F32","data_offsets":[0,16])");
  expect_bad_tensor("shape[0]: expected a size of at least 0, found -4",
                    R"("dtype":"F32","shape":[-4],"data_offsets":[0,16])");
  expect_bad_tensor("shape[0]: expected",
                    R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,16])");
  expect_bad_tensor("shape[0]: expected an integer, found a number",
                    R"("dtype":"F32","shape":[4.0],"data_offsets":[0,16])");
  expect_bad_tensor("more than 2^64 bytes for F32 [4611686018427387905]",
                    R"("dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,16])");
  expect_bad_tensor("more than 2^64 bytes for U8 [4294967296, 4294967296, 16]",
                    R"("dtype":"U8","shape":[4294967296,4294967296,16],"data_offsets":[0,16])");
}

TEST_F(Safetensors, ChecksTheOffsets) {
  expect_bad_tensor("data_offsets: expected 2 offsets, found 1",
                    R"("dtype":"F32","shape":[4],"data_offsets":[16])");
  expect_bad_tensor("a range within the 16 bytes of the buffer, found [-1, 15]",
                    R"("dtype":"F32","shape":[4],"data_offsets":[-1,15])");
  expect_bad_tensor("a range within the 16 bytes of the buffer, found [8, 24]",
                    R"("dtype":"F32","shape":[4],"data_offsets":[8,24])");
  expect_bad_tensor("a range within the 16 bytes of the buffer, found [16, 0]",
                    R"("dtype":"F32","shape":[4],"data_offsets":[16,0])");
  expect_bad_tensor("expected 16 bytes for F32 [4], found 12",
                    R"("dtype":"F32","shape":[4],"data_offsets":[0,12])");
}

TEST_F(Safetensors, ChecksThatTheTensorsCoverTheBuffer) {
  expect_bad_tensor("bytes from offset 0, found 4",
                    R"("dtype":"F32","shape":[3],"data_offsets":[4,16])");
  expect_bad_tensor("expected a buffer of 12 bytes, found 16",
                    R"("dtype":"F32","shape":[3],"data_offsets":[0,12])");
  expect_corrupt("tensor \"b\": expected bytes from offset 8, found 4",
                 file_bytes(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},)"
                            R"("b":{"dtype":"U8","shape":[12],"data_offsets":[4,16]}})",
                            16));
  expect_corrupt("expected a buffer of 0 bytes, found 1", file_bytes("{}", 1));
}

TEST_F(Safetensors, MessagesStayOnOneReadableLine) {
  const std::string name = "x\\n" + std::string(500, 'y');
  expect_corrupt("tensor \"x\\nyyy", file_bytes("{\"" + name +
                                                    "\":{\"dtype\":\"U8\",\"shape\":[2],"
                                                    "\"data_offsets\":[0,1]}}",
                                                1));
}

// Whatever the header has become, each view must lie within the file.
void touch_all(const SafetensorsFile& file) {
  Hasher hasher;
  for (const TensorView& tensor : file.tensors()) hasher.add(tensor.bytes);
  EXPECT_NE(hasher.digest64(), 0u);
}

TEST_F(Safetensors, EveryTruncationIsAnError) {
  const std::string whole = read_file(golden_file());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW((void)open(whole.substr(0, size)), Error) << size;
  }
}

TEST_F(Safetensors, EveryAppendedByteIsAnError) {
  expect_corrupt("expected a buffer of", read_file(golden_file()) + '\0');
}

TEST_F(Safetensors, AnyChangedHeaderByteGivesAnErrorOrAWellFormedFile) {
  const std::string whole = read_file(golden_file());
  std::uint64_t length = 0;
  std::memcpy(&length, whole.data(), 8);
  std::mt19937 random(7);
  std::size_t refused = 0;
  for (std::size_t i = 0; i < 8 + length; ++i) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ static_cast<char>(1 + random() % 255));
    try {
      touch_all(open(changed));
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, length / 2);
}

TEST(SafetensorsWriter, WritesInPiecesInTheGivenOrder) {
  const TempDir dir;
  const auto path = dir / "x.safetensors";
  const std::vector<float> numbers{1, 2, 3, 4};
  const std::vector<TensorSpec> specs{{"b", Dtype::kF32, {3}}, {"a", Dtype::kF32, {1, 1}}};
  SafetensorsWriter writer(path, specs, {{"k", "v"}, {"l", "\"quoted\"\n"}});
  writer.append(bytes_of(numbers).first(5));
  writer.append(bytes_of(numbers).subspan(5));
  EXPECT_FALSE(std::filesystem::exists(path));
  writer.commit();
  const SafetensorsFile file = SafetensorsFile::open(path);
  EXPECT_THAT(values<float>(*file.find("b")), ElementsAre(1, 2, 3));
  EXPECT_THAT(values<float>(*file.find("a")), ElementsAre(4));
  EXPECT_THAT(file.metadata(), ElementsAre(Pair("k", "v"), Pair("l", "\"quoted\"\n")));
}

TEST(SafetensorsWriter, LeavesTheTargetAloneWithoutCommit) {
  const TempDir dir;
  const auto path = dir / "x.safetensors";
  write_file(path, "before");
  {
    const std::vector<TensorSpec> specs{{"a", Dtype::kF32, {1}}};
    SafetensorsWriter writer(path, specs);
  }
  EXPECT_EQ(read_file(path), "before");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);
}

TEST(SafetensorsWriter, RefusesTooManyOrTooFewBytes) {
  const TempDir dir;
  const std::vector<std::byte> bytes(5);
  const std::vector<TensorSpec> specs{{"a", Dtype::kF32, {1}}};
  SafetensorsWriter writer(dir / "x.safetensors", specs);
  expect_error(ErrorCode::kInvalidArgument, "expected 4 bytes of tensors, found more",
               [&] { writer.append(bytes); });
  writer.append(std::span(bytes).first(3));
  expect_error(ErrorCode::kInvalidArgument, "expected 4 bytes of tensors, found 3",
               [&] { writer.commit(); });
}

TEST(SafetensorsWriter, RefusesImpossibleTensors) {
  const TempDir dir;
  const auto refused = [&](const std::string& text, const std::vector<TensorSpec>& specs) {
    expect_error(ErrorCode::kInvalidArgument, text,
                 [&] { SafetensorsWriter(dir / "x.safetensors", specs); });
  };
  refused("tensor \"a\": expected a new name", {{"a", Dtype::kF32, {1}}, {"a", Dtype::kF32, {1}}});
  refused("expected a new name", {{"__metadata__", Dtype::kF32, {1}}});
  refused("found shape [-1]", {{"a", Dtype::kF32, {-1}}});
  refused("found shape [4611686018427387904]", {{"a", Dtype::kF32, {std::int64_t{1} << 62}}});
  refused("expected names and metadata in UTF-8", {{"\xff", Dtype::kF32, {1}}});
}

TEST(SafetensorsWriter, RefusesBytesThatDoNotMatchTheShape) {
  const TempDir dir;
  const std::vector<float> numbers{1, 2};
  const std::vector<TensorView> tensors{{"a", Dtype::kF32, {3}, bytes_of(numbers)}};
  expect_error(ErrorCode::kInvalidArgument, "tensor \"a\": expected the bytes of F32 [3], found 8",
               [&] { write_safetensors(dir / "x.safetensors", tensors); });
}

TEST(SafetensorsWriter, AlignsEveryTensorToItsElements) {
  const TempDir dir;
  const std::vector<std::uint8_t> odd{1, 2, 3};
  const std::vector<double> wide{1.5};
  const std::vector<float> middle{2.5f};
  const std::vector<TensorView> tensors{{"a", Dtype::kU8, {3}, bytes_of(odd)},
                                        {"b", Dtype::kF32, {}, bytes_of(middle)},
                                        {"c", Dtype::kF64, {1}, bytes_of(wide)}};
  write_safetensors(dir / "x.safetensors", tensors);
  const SafetensorsFile file = SafetensorsFile::open(dir / "x.safetensors");
  for (const TensorView& tensor : file.tensors()) {
    const auto address = reinterpret_cast<std::uintptr_t>(tensor.bytes.data());
    EXPECT_EQ(address % value_bytes(tensor.dtype), 0u) << tensor.name;
  }
  EXPECT_THAT(values<double>(*file.find("c")), ElementsAre(1.5));
}

}  // namespace
}  // namespace deformer
