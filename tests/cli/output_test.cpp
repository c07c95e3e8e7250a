#include "tools/output.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "tools/failure.h"

namespace deformer::tools {
namespace {

namespace fs = std::filesystem;
using test::expect_error;
using test::TempDir;

std::string read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::size_t count_entries(const fs::path& directory) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

TEST(Output, AppearsAtCommitOnly) {
  const TempDir directory;
  const fs::path target = directory / "out";
  Output output(target.string());
  output.write("text");
  output.flush();
  EXPECT_EQ(count_entries(directory.path()), 0u) << "unfinished files have no name";
  output.commit();
  EXPECT_EQ(read(target), "text");
  EXPECT_EQ(count_entries(directory.path()), 1u);
}

TEST(Output, WithoutCommitTheOldFileStays) {
  const TempDir directory;
  const fs::path target = directory / "out";
  std::ofstream(target) << "old";
  {
    Output output(target.string());
    output.write(std::string(1'000'000, 'x'));
  }
  EXPECT_EQ(read(target), "old");
  EXPECT_EQ(count_entries(directory.path()), 1u);
}

TEST(Output, KeepsModeAndFollowsLinks) {
  const TempDir directory;
  const fs::path target = directory / "out";
  const fs::path link = directory / "link";
  std::ofstream(target) << "old";
  fs::permissions(target, fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("out", link);
  Output output(link.string());
  output.write("new");
  output.commit();
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(read(target), "new");
  EXPECT_EQ(fs::status(target).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST(Output, NewFilesFollowTheUmask) {
  const TempDir directory;
  const mode_t old_mask = ::umask(027);
  Output output((directory / "out").string());
  output.commit();
  ::umask(old_mask);
  EXPECT_EQ(fs::status(directory / "out").permissions(), fs::perms(0640));
}

TEST(Output, WritesToAPlaceThatIsNoRegularFile) {
  expect_error(ErrorCode::kResourceExhausted, "/dev/full: cannot write", [] {
    Output output("/dev/full");
    output.write("x");
    output.commit();
  });
  Output null("/dev/null");
  null.write("x");
  null.commit();
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(Output, KnowsAPlaceHoweverItIsSpelled) {
  const TempDir directory;
  const auto place = [&](const char* name) { return (directory / name).string(); };
  fs::create_directory(directory / "deep");
  fs::create_directory_symlink("deep", directory / "link");
  EXPECT_TRUE(is_same_place("-", "-"));
  EXPECT_TRUE(is_same_place("nb.json", "./nb.json"));
  EXPECT_TRUE(is_same_place("nb.json", fs::absolute("nb.json").string()));
  EXPECT_TRUE(is_same_place(place("deep/a"), place("link/../deep/a")));
  EXPECT_FALSE(is_same_place(place("a"), place("b")));
  EXPECT_FALSE(is_same_place("-", "./-"));
  EXPECT_FALSE(is_same_place("", ""));
}

TEST(Output, KnowsStandardOutputHoweverItIsSpelled) {
  for (const char* name : {"-", "/dev/stdout", "/dev/./stdout", "/dev/fd/1", "/proc/self/fd/1"}) {
    EXPECT_TRUE(is_stdout(name)) << name;
    EXPECT_TRUE(is_same_place("-", name)) << name;
    EXPECT_FALSE(is_same_place("out", name)) << name;
  }
  for (const char* name : {"", "./-", "stdout", "/dev/stderr", "/dev/fd/2", "/dev/null"}) {
    EXPECT_FALSE(is_stdout(name)) << name;
    EXPECT_FALSE(is_same_place("-", name)) << name;
  }
}

TEST(Output, IsNoFileThatIsRead) {
  const TempDir directory;
  const auto place = [&](const char* name) { return (directory / name).string(); };
  std::ofstream(directory / "in") << "text";
  fs::create_symlink("in", directory / "link");
  fs::create_hard_link(directory / "in", directory / "other");
  for (const char* name : {"in", "link", "other", "./in"}) {
    expect_error(
        ErrorCode::kInvalidArgument,
        "--html: expected another file than the input, found " + place(name), [&] {
          refuse_input_as_output({"", place("in")}, {{"--csv", ""}, {"--html", place(name)}});
        });
  }
  refuse_input_as_output({place("in"), "-", "/dev/null", ""},
                         {{"--output", "-"}, {"--html", place("new")}, {"--csv", "/dev/null"}});
}

TEST(Output, RefusesPlacesThatCannotBeWritten) {
  const TempDir directory;
  expect_error(ErrorCode::kInvalidArgument, "expected the name of a file", [] { Output(""); });
  expect_error(ErrorCode::kIo, "found a directory", [&] { Output(directory.path().string()); });
  expect_error(ErrorCode::kNotFound, "absent/out: cannot create",
               [&] { Output((directory / "absent/out").string()); });
}

TEST(Output, RefusesAWriteProtectedFile) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everything";
  const TempDir directory;
  std::ofstream(directory / "out") << "old";
  fs::permissions(directory / "out", fs::perms::owner_read);
  expect_error(ErrorCode::kIo, "cannot write", [&] { Output((directory / "out").string()); });
}

// That a result is lost has to be told, whoever has gone.
TEST(DoAll, ThrowsTheFirstFailureAndAClosedPipeOnlyWithoutOne) {
  int written = 0;
  const auto write = [&] { ++written; };
  const auto closed = [] { throw ClosedPipe(); };
  const auto full = [] { throw Error(ErrorCode::kResourceExhausted, "full"); };
  const auto broken = [] { throw Error(ErrorCode::kIo, "broken"); };
  expect_error(ErrorCode::kResourceExhausted, "full", [&] {
    do_all({closed, full, broken, write});
  });
  expect_error(ErrorCode::kIo, "broken", [&] { do_all({broken, closed, full, write}); });
  EXPECT_THROW(do_all({closed, write}), ClosedPipe);
  do_all({write});
  EXPECT_EQ(written, 4);
}

}  // namespace
}  // namespace deformer::tools
