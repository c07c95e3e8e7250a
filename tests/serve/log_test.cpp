#include "serve/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

namespace deformer::serve {
namespace {

template <typename Write>
std::string written(LogFormat format, LogLevel level, const Write& write) {
  FILE* const file = std::tmpfile();
  const Log log(format, level, ::fileno(file));
  write(log);
  std::rewind(file);
  std::string text(4096, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

TEST(Log, WritesAJsonObjectALine) {
  const std::string text = written(LogFormat::kJson, LogLevel::kInfo, [](const Log& log) {
    log.info("request", {{"route", "/v1/\"answer\"\n"}, {"status", "200", true}});
  });
  ASSERT_EQ(text.find('\n'), text.size() - 1);
  const auto line = nlohmann::json::parse(text);
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["message"], "request");
  EXPECT_EQ(line["route"], "/v1/\"answer\"\n");
  EXPECT_EQ(line["status"], 200);
  EXPECT_THAT(line["time"].get<std::string>(), testing::MatchesRegex("....-..-..T..:..:..\\....Z"));
}

TEST(Log, PlainLinesStayLinesWhateverTheyHold) {
  const std::string text = written(LogFormat::kPlain, LogLevel::kInfo, [](const Log& log) {
    log.error("cannot read", {{"file", "a b\nc\x1b[2J"}, {"word", "x"}});
  });
  EXPECT_THAT(text, testing::EndsWith(" error cannot read file=\"a b\\nc\\u001b[2J\" word=x\n"));
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(Log, LeavesOutWhatIsLessImportant) {
  EXPECT_EQ(written(LogFormat::kPlain, LogLevel::kError, [](const Log& log) { log.info("x"); }),
            "");
}

// Nobody reads the pipe: what has no room is dropped and counted, and nothing waits.
TEST(Log, NeverWaitsForItsReader) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const Log log(LogFormat::kPlain, LogLevel::kInfo, ends[1]);
  constexpr int kLines = 4000;
  for (int i = 0; i < kLines; ++i) log.info("request", {{"route", "/v1/answer"}});
  const std::uint64_t dropped = log.dropped();
  EXPECT_GT(dropped, 0U);
  std::string text(std::size_t{1} << 20, '\0');
  text.resize(static_cast<std::size_t>(::read(ends[0], text.data(), text.size())));
  EXPECT_EQ(static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')) + dropped,
            static_cast<std::uint64_t>(kLines));
  log.info("back");
  text.resize(std::size_t{1} << 20);
  text.resize(static_cast<std::size_t>(::read(ends[0], text.data(), text.size())));
  EXPECT_THAT(text, testing::HasSubstr("log lines dropped lines=" + std::to_string(dropped)));
  EXPECT_THAT(text, testing::EndsWith(" info back\n"));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Log, DropsALineThatAPipeWouldNotTakeAsAWhole) {
  const std::string text = written(LogFormat::kPlain, LogLevel::kInfo, [](const Log& log) {
    log.info("long", {{"reason", std::string(5000, 'x')}});
    log.info("short");
  });
  EXPECT_THAT(text, testing::HasSubstr("log lines dropped lines=1"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("xxx")));
}

TEST(TraceParent, GivesItsTraceId) {
  EXPECT_EQ(trace_id_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(trace_id_of("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), "");
  EXPECT_EQ(trace_id_of("00-4bf92f3577b34da6a3ce929d0e0e473G-00f067aa0ba902b7-01"), "");
  EXPECT_EQ(trace_id_of("nonsense"), "");
  EXPECT_EQ(trace_id_of(""), "");
}

}  // namespace
}  // namespace deformer::serve
