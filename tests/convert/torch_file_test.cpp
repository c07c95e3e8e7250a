#include "convert/torch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "convert/crc.h"
#include "convert/files.h"
#include "convert/zip_archive.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

using namespace std::string_literals;
using test::as_bytes;
using test::expect_error;
using test::golden_convert;
using test::read_bytes;
using test::TempDir;
using test::write_bytes;

void expect_golden(const std::filesystem::path& file, const std::filesystem::path& expected) {
  const auto tensors = open_torch_file(file);
  const SafetensorsFile golden = SafetensorsFile::open(expected);
  std::size_t compared = 0;
  for (const SourceTensor& tensor : tensors) {
    const TensorView* const view = golden.find(tensor.name);
    if (view == nullptr) continue;
    ++compared;
    ASSERT_EQ(tensor.shape, view->shape) << tensor.name;
    ASSERT_EQ(tensor.dtype, view->dtype) << tensor.name;
    const auto values = read_rows(tensor, 0, tensor.shape.front(), tensor.dtype);
    EXPECT_TRUE(std::equal(values.begin(), values.end(), view->bytes.begin(), view->bytes.end()))
        << tensor.name;
  }
  EXPECT_EQ(compared, golden.tensors().size());
}

TEST(TorchFile, ReadsStridedAndSharedTensors) {
  const auto file = golden_convert("torch/bert/pytorch_model.bin");
  expect_golden(file, golden_convert("torch/bert/expected.safetensors"));
  const auto tensors = open_torch_file(file);
  const auto find = [&](const std::string& name) {
    return *std::find_if(tensors.begin(), tensors.end(),
                         [&](const SourceTensor& tensor) { return tensor.name == name; });
  };
  EXPECT_EQ(find("bert.encoder.layer.0.intermediate.dense.weight").strides, (Shape{1, 12}));
  EXPECT_EQ(find("qa_outputs.bias").bytes.data(), find("qa_outputs.weight").bytes.data() + 64);
  EXPECT_EQ(find("bert.embeddings.position_ids").dtype, Dtype::kI64);
}

TEST(TorchFile, ReadsProtocol4) {
  expect_golden(golden_convert("torch/bert-choice/pytorch_model.bin"),
                golden_convert("torch/bert-choice/expected.safetensors"));
}

TEST(TorchFile, RunsNothing) {
  expect_error(ErrorCode::kUnsupported, "found \"posix.system\" (nothing of the file was run)",
               [] { (void)open_torch_file(golden_convert("torch/hostile/pytorch_model.bin")); });
  EXPECT_FALSE(std::filesystem::exists("hostile-pickle-has-run"));
}

TEST(TorchFile, RefusesTheOlderFormWithAdvice) {
  expect_error(ErrorCode::kUnsupported, "load it with PyTorch and save it again",
               [] { (void)open_torch_file(golden_convert("torch/legacy/pytorch_model.bin")); });
}

// torch.save's file with a change that leaves the archive sound: CRC-32 included.
class ChangedFile : public testing::Test {
 protected:
  ChangedFile() : bytes_(read_bytes(golden_convert("torch/bert/pytorch_model.bin"))) {}

  void replace_in_pickle(const std::string& from, const std::string& to) {
    ASSERT_EQ(from.size(), to.size());
    const auto whole = record();
    const std::size_t at = bytes_.find(from, whole.first);
    ASSERT_LT(at, whole.first + whole.second);
    const auto crc = [&] { return crc32(as_bytes(bytes_).subspan(whole.first, whole.second)); };
    const std::uint32_t before = crc();
    bytes_.replace(at, from.size(), to);
    const std::uint32_t after = crc();
    // In the local header and in the directory.
    const std::string old_bytes(reinterpret_cast<const char*>(&before), 4);
    for (std::size_t place = bytes_.find(old_bytes); place != std::string::npos;
         place = bytes_.find(old_bytes, place + 4)) {
      std::memcpy(&bytes_[place], &after, 4);
    }
  }
  void expect_refused(ErrorCode code, const std::string& text) const {
    write_bytes(dir_ / "m.bin", bytes_);
    expect_error(code, text, [&] { (void)open_torch_file(dir_ / "m.bin"); });
  }

 private:
  // Offset and size of data.pkl.
  [[nodiscard]] static std::pair<std::size_t, std::size_t> record() {
    const ZipArchive archive = ZipArchive::open(golden_convert("torch/bert/pytorch_model.bin"));
    const auto& pickle = archive.records().at("pytorch_model/data.pkl").bytes;
    return {static_cast<std::size_t>(pickle.data() - archive.mapping()->bytes().data()),
            pickle.size()};
  }

  std::string bytes_;
  TempDir dir_;
};

TEST_F(ChangedFile, ViewBeyondItsStorage) {
  // [20, 8] of 160 elements becomes [21, 8].
  replace_in_pickle("K\x14K\x08\x86", "K\x15K\x08\x86");
  expect_refused(ErrorCode::kCorrupt,
                 "expected a view within its storage of 640 bytes, found F32 [21, 8]");
}

TEST_F(ChangedFile, StorageThatIsNotThere) {
  replace_in_pickle("X\1\0\0\0"s + "1", "X\1\0\0\0"s + "x");
  expect_refused(ErrorCode::kCorrupt, "record \"pytorch_model/data/x\", found none");
}

TEST_F(ChangedFile, FunctionThatIsNotKnown) {
  replace_in_pickle("_rebuild_tensor_v2", "_rebuild_tensor_v1");
  expect_refused(ErrorCode::kUnsupported, "\"torch._utils._rebuild_tensor_v1\"");
}

TEST(TorchFile, RefusesDamagedStorages) {
  const TempDir dir;
  std::string bytes = read_bytes(golden_convert("torch/bert-choice/pytorch_model.bin"));
  const std::string expected = read_bytes(golden_convert("torch/bert-choice/expected.safetensors"));
  const std::size_t at = bytes.find(expected.substr(expected.size() - 32));
  ASSERT_NE(at, std::string::npos);
  bytes[at] ^= 1;
  write_bytes(dir / "m.bin", bytes);
  expect_error(ErrorCode::kCorrupt, "expected bytes with CRC-32",
               [&] { (void)open_torch_file(dir / "m.bin"); });
}

}  // namespace
}  // namespace deformer
