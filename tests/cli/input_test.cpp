#include "tools/input.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer::tools {
namespace {

using test::expect_error;
using test::TempDir;

std::vector<std::string> texts(const std::vector<LineReader::Line>& lines) {
  std::vector<std::string> texts;
  for (const auto& line : lines) texts.push_back(line.text);
  return texts;
}

using Texts = std::vector<std::string>;

TEST(LineReader, CountsLinesAndKeepsTheLastWithoutALineFeed) {
  const TempDir directory;
  const std::string file = (directory / "lines").string();
  std::ofstream(file) << "one\n\ntwo\r\nthree";
  LineReader reader(file);
  const auto lines = reader.next_batch(10);
  EXPECT_EQ(texts(lines), (Texts{"one", "", "two\r", "three"}));
  EXPECT_EQ(lines.back().number, 4u);
  EXPECT_TRUE(reader.next_batch(10).empty());
}

// "store rm --ids-from" would leave the first passage, as its id would have the mark.
TEST(LineReader, DropsTheMarkBeforeTheFirstLine) {
  const TempDir directory;
  const std::string file = (directory / "lines").string();
  std::ofstream(file) << "\xEF\xBB\xBFp1\n\xEF\xBB\xBFp2\n";
  LineReader reader(file);
  EXPECT_EQ(texts(reader.next_batch(1)), (Texts{"p1"}));
  EXPECT_EQ(texts(reader.next_batch(1)), (Texts{"\xEF\xBB\xBFp2"}));
}

TEST(LineReader, RefusesUtf16) {
  const TempDir directory;
  const std::string file = (directory / "lines").string();
  std::ofstream(file) << std::string("\xFF\xFEp\0\n\0", 6);
  LineReader reader(file);
  expect_error(ErrorCode::kCorrupt, file + ": expected UTF-8, found UTF-16",
               [&] { (void)reader.next_batch(1); });
}

TEST(LineReader, GivesNoMoreLinesThanAskedFor) {
  const TempDir directory;
  const std::string file = (directory / "lines").string();
  std::ofstream(file) << "1\n2\n3\n";
  LineReader reader(file);
  EXPECT_EQ(texts(reader.next_batch(2)), (Texts{"1", "2"}));
  EXPECT_EQ(texts(reader.next_batch(2)), (Texts{"3"}));
  EXPECT_TRUE(reader.next_batch(2).empty());
}

TEST(LineReader, GivesNoMoreAtOnceThanMemoryShouldHold) {
  const TempDir directory;
  const std::string file = (directory / "lines").string();
  const std::string large(LineReader::kMaxLineBytes, 'x');
  std::ofstream out(file);
  for (int i = 0; i < 4; ++i) out << large << "\n";
  out.close();
  LineReader reader(file);
  EXPECT_EQ(reader.next_batch(100).size(), 2U);
  EXPECT_EQ(reader.next_batch(100).size(), 2U);
}

TEST(LineReader, ReadsLinesLongerThanItsBuffer) {
  const TempDir directory;
  const std::string file = (directory / "lines").string();
  const std::string longest(300'000, 'x');
  std::ofstream(file) << longest << "\nend\n";
  LineReader reader(file);
  EXPECT_EQ(texts(reader.next_batch(10)), (Texts{longest, "end"}));
}

TEST(LineReader, MarksALineThatIsTooLongAndGoesOn) {
  const TempDir directory;
  const std::string file = (directory / "lines").string();
  const std::string longest(LineReader::kMaxLineBytes, 'x');
  std::ofstream(file) << longest << "\n" << longest << "y\nend\n" << longest << longest;
  LineReader reader(file);
  const auto lines = reader.next_batch(10);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0].text.size(), longest.size());
  EXPECT_FALSE(lines[0].too_long);
  EXPECT_TRUE(lines[1].too_long);
  EXPECT_EQ(lines[1].text, "");
  EXPECT_EQ(lines[2].text, "end");
  EXPECT_EQ(lines[2].number, 3u);
  EXPECT_TRUE(lines[3].too_long);
  expect_error(ErrorCode::kInvalidArgument, "f: line 2: expected at most 16777216 bytes",
               [&] { require_whole(lines[1], "f: line 2"); });
  EXPECT_TRUE(reader.next_batch(10).empty());
}

TEST(LineReader, DoesNotWaitForMoreThanOneLine) {
  const TempDir directory;
  const std::string fifo = (directory / "fifo").string();
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  // Opened for both, so that neither side waits for the other.
  const int writer = ::open(fifo.c_str(), O_RDWR | O_CLOEXEC);
  LineReader reader(fifo);
  ASSERT_EQ(::write(writer, "one\ntwo\nhal", 11), 11);
  EXPECT_EQ(texts(reader.next_batch(10)), (Texts{"one", "two"}));
  ASSERT_EQ(::write(writer, "f\n", 2), 2);
  EXPECT_EQ(texts(reader.next_batch(10)), (Texts{"half"}));
  ::close(writer);
  EXPECT_TRUE(reader.next_batch(10).empty());
}

TEST(Input, RefusesWhatIsNoFile) {
  const TempDir directory;
  expect_error(ErrorCode::kNotFound, "absent: cannot open",
               [&] { Input((directory / "absent").string()); });
  expect_error(ErrorCode::kIo, "found a directory", [&] { Input(directory.path().string()); });
}

}  // namespace
}  // namespace deformer::tools
