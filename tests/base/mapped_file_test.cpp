#include "base/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>

#include "base/file.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

std::string text_of(const MappedFile& file) {
  const auto bytes = file.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(MappedFile, HoldsTheWholeFile) {
  const test::TempDir directory;
  std::string text(10'000, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31);
  write_file(directory / "data", text);
  EXPECT_EQ(text_of(*MappedFile::open(directory / "data")), text);
}

TEST(MappedFile, OfAnEmptyFileIsEmpty) {
  const test::TempDir directory;
  write_file(directory / "data", "");
  EXPECT_TRUE(MappedFile::open(directory / "data")->bytes().empty());
}

TEST(MappedFile, OutlivesTheFilesNameAndItsReplacement) {
  const test::TempDir directory;
  write_file(directory / "data", "old");
  const auto file = MappedFile::open(directory / "data");
  write_file(directory / "data", "new");
  EXPECT_EQ(text_of(*file), "old");
  std::filesystem::remove(directory / "data");
  EXPECT_EQ(text_of(*file), "old");
}

TEST(MappedFile, RefusesWhatIsNoRegularFile) {
  const test::TempDir directory;
  test::expect_error(ErrorCode::kNotFound, "absent: cannot open: ", [&] {
    (void)MappedFile::open(directory / "absent");
  });
  test::expect_error(ErrorCode::kIo, "expected a regular file",
                     [&] { (void)MappedFile::open(directory.path()); });
  test::expect_error(ErrorCode::kIo, "expected a regular file",
                     [] { (void)MappedFile::open("/dev/null"); });
}

TEST(MappedFile, DoesNotWaitForAPipe) {
  const test::TempDir directory;
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  test::expect_error(ErrorCode::kIo, "expected a regular file",
                     [&] { (void)MappedFile::open(directory / "pipe"); });
}

}  // namespace
}  // namespace deformer
