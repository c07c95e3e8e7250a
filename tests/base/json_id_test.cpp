#include "base/json_id.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace deformer {
namespace {

TEST(JsonId, IsToldWhereItCanBe) {
  EXPECT_EQ(find_json_id(R"({"id":"a","question":3})"), "\"a\"");
  EXPECT_EQ(find_json_id(R"({"question":{"id":5},"id":4})"), "4");
  EXPECT_EQ(find_json_id(R"({"id":[4]})"), "");
  EXPECT_EQ(find_json_id(R"([{"id":4}])"), "");
  EXPECT_EQ(find_json_id(R"({"id":true})"), "");
  EXPECT_EQ(find_json_id("broken"), "");
}

TEST(JsonId, KeepsItsSpelling) {
  EXPECT_EQ(find_json_id(R"({"id":12345678901234567890123})"), "12345678901234567890123");
  EXPECT_EQ(find_json_id(R"({"id":1e2})"), "1e2");
  EXPECT_EQ(find_json_id("{\"id\":\"\\u00e9\\n\"}"), "\"\u00e9\\n\"");
}

// As whoever reads the value has it.
TEST(JsonId, HasNoNegativeZero) {
  EXPECT_EQ(find_json_id(R"({"id":-0})"), "0");
  const nlohmann::json line = parse_json(R"({"id":-0})", "line 1", JsonText::kLine);
  EXPECT_EQ(JsonPlace(line, "line 1").at("id").as_id(), "0");
}

TEST(JsonId, IsKnownFromBeforeTheFault) {
  EXPECT_EQ(find_json_id(R"({"id":7,"weight":1e999})"), "7");
  EXPECT_EQ(find_json_id(R"({"id":7,)"), "7");
  EXPECT_EQ(find_json_id(R"({"weight":1e999,"id":7})"), "");
}

}  // namespace
}  // namespace deformer
