// Golden checkpoints (scripts/golden/make_golden_tensorflow.py, make_golden_torch.py) and files
// made of them.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <string>

#include "format/safetensors.h"

namespace deformer::test {

inline std::filesystem::path golden_convert(const std::string& name) {
  return std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests/golden/convert" / name;
}
inline std::filesystem::path golden_model(const std::string& name) {
  return std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests/golden/models" / name;
}

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// A copy of a directory's files, which may be damaged.
inline void copy_files(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::create_directories(to);
  for (const auto& entry : std::filesystem::directory_iterator(from)) {
    std::filesystem::copy(entry.path(), to / entry.path().filename());
  }
}

/// Expects every tensor of `expected` in `found`, to the bit.
inline void expect_tensors(const std::filesystem::path& found,
                           const std::filesystem::path& expected) {
  const SafetensorsFile ours = SafetensorsFile::open(found);
  const SafetensorsFile golden = SafetensorsFile::open(expected);
  ASSERT_FALSE(golden.tensors().empty());
  for (const TensorView& tensor : golden.tensors()) {
    const TensorView* const same = ours.find(tensor.name);
    ASSERT_NE(same, nullptr) << tensor.name;
    EXPECT_EQ(same->dtype, tensor.dtype) << tensor.name;
    EXPECT_EQ(same->shape, tensor.shape) << tensor.name;
    EXPECT_TRUE(std::equal(same->bytes.begin(), same->bytes.end(), tensor.bytes.begin(),
                           tensor.bytes.end()))
        << tensor.name;
  }
}

}  // namespace deformer::test
