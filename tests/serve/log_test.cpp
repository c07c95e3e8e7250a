#include "serve/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

namespace deformer::serve {
namespace {

template <typename Write>
std::string written(LogFormat format, LogLevel level, const Write& write) {
  FILE* const file = std::tmpfile();
  write(Log(format, level, ::fileno(file)));
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
