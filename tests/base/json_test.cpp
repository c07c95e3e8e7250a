#include "base/json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "base/file.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

void expect_broken(const std::string& text, const std::string& place) {
  test::expect_error(ErrorCode::kCorrupt, "file.json: " + place + ": broken JSON: ", [&] {
    (void)parse_json(text, "file.json");
  });
}

TEST(ParseJson, NamesLineAndColumnOfTheFirstBadByte) {
  expect_broken("x", "line 1, column 1");
  expect_broken("{\"a\": 1,\n  \"b\": }", "line 2, column 8");
  expect_broken("[1,\r\n2,\r\n 3 4]", "line 3, column 4");
  expect_broken("[\"\xC3\xA9\", x]", "line 1, column 8");
  expect_broken("[1] 2", "line 1, column 5");
}

TEST(ParseJson, NamesTheEndOfTextThatStopsEarly) {
  expect_broken("", "line 1, column 1");
  expect_broken("[1,", "line 1, column 4");
  expect_broken("[1,\n", "line 2, column 1");
  expect_broken("{\"a", "line 1, column 4");
}

TEST(ParseJson, NamesThePlaceOfBytesThatAreNotUtf8) {
  expect_broken("[1,\n\"a\xC3(\"]", "line 2, column 4");
  expect_broken("[\"\xED\xA0\x80\"]", "line 1, column 4");
}

TEST(ParseJson, NamesThePlaceOfANumberThatIsTooLarge) {
  const auto expect_too_large = [](const std::string& number, const std::string& shown) {
    test::expect_error(ErrorCode::kCorrupt,
                       "file.json: line 2, column " + std::to_string(number.size()) +
                           ": expected numbers of at most 1.8e308, found " + shown,
                       [&] { (void)parse_json("[1,\n" + number + ", 2]", "file.json"); });
  };
  expect_too_large("1e999", "1e999");
  expect_too_large(std::string(400, '1'), std::string(60, '1') + "...");
}

TEST(ParseJson, ALineOfManyIsNamedByItsReaderAndHasAColumn) {
  const auto expect_place = [](const std::string& text, const std::string& where,
                               const std::string& place) {
    try {
      (void)parse_json(text, where, JsonText::kLine);
      FAIL() << "expected an error";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::StartsWith(place));
    }
  };
  expect_place("[1,x", "a.jsonl: line 7", "a.jsonl: line 7, column 4: broken JSON: ");
  expect_place("[1,x", "", "column 4: broken JSON: ");
  expect_place(std::string(1001, '['), "a.jsonl: line 7",
               "a.jsonl: line 7, column 1001: expected at most 1000 levels");
}

TEST(ParseJson, ErrorsAreShortAndPrintableWhateverTheText) {
  const std::string text = "[\"" + std::string(100'000, 'a') + "\n\xFF";
  try {
    (void)parse_json(text, "file.json");
    FAIL() << "expected an error";
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_LT(what.size(), 300U);
    EXPECT_TRUE(std::all_of(what.begin(), what.end(), [](char c) { return c >= ' ' && c <= '~'; }));
    EXPECT_THAT(what, testing::HasSubstr("control character"));
  }
}

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

// What is read can be written and copied, which takes the stack a level at a time.
TEST(ParseJson, RefusesNestingThatWouldEndTheProcess) {
  EXPECT_EQ(parse_json(nested(1000), "deep").dump().size(), 2000U);
  for (const std::string& text : {nested(1001), std::string(300'000, '['),
                                  "[\"\\\"\", 1,\n{\"a\": " + nested(300'000) + "}]"}) {
    test::expect_error(ErrorCode::kCorrupt, ": expected at most 1000 levels of nesting, found more",
                       [&] { (void)parse_json(text, "deep"); });
  }
  const std::string brackets = "[\"" + std::string(2000, '[') + "\", \"\\\"[\"]";
  EXPECT_EQ(parse_json(brackets, "text").size(), 2U);
}

TEST(ParseJson, ReadsAByteOrderMark) {
  EXPECT_EQ(parse_json("\xEF\xBB\xBF[1]", "mark").size(), 1U);
}

TEST(LoadJson, NamesTheFile) {
  const test::TempDir directory;
  write_file(directory / "good.json", "{\"a\": [1, 2]}");
  EXPECT_EQ(load_json(directory / "good.json").at("a").size(), 2U);
  write_file(directory / "bad.json", "{");
  test::expect_error(ErrorCode::kCorrupt, "bad.json: line 1, column 2: ", [&] {
    (void)load_json(directory / "bad.json");
  });
  test::expect_error(ErrorCode::kNotFound,
                     "absent.json: ", [&] { (void)load_json(directory / "absent.json"); });
}

class JsonPlaceTest : public testing::Test {
 protected:
  const nlohmann::json document_ = nlohmann::json::parse(R"({
    "text": "t", "flag": true, "nothing": null, "half": 0.5, "minus": -7,
    "large": 18446744073709551615, "list": [{"x": 1}, {"x": "y"}]})");
  const JsonPlace root_{document_, "file.json"};

  static void expect_refused(const std::string& message, const std::function<void()>& statement) {
    test::expect_error(ErrorCode::kCorrupt, message, statement);
  }
};

TEST_F(JsonPlaceTest, ReadsValues) {
  EXPECT_EQ(root_.at("text").as_string(), "t");
  EXPECT_TRUE(root_.at("flag").as_bool());
  EXPECT_EQ(root_.at("half").as_number(), 0.5);
  EXPECT_EQ(root_.at("minus").as_number(), -7);
  EXPECT_EQ(root_.at("minus").as_integer(), -7);
  EXPECT_EQ(root_.at("list").size(), 2U);
  EXPECT_EQ(root_.at("list").at(1).at("x").as_string(), "y");
  EXPECT_TRUE(root_.has("nothing"));
  EXPECT_FALSE(root_.has("absent"));
}

TEST_F(JsonPlaceTest, KnowsItsPlace) {
  EXPECT_EQ(root_.where(), "file.json");
  EXPECT_EQ(root_.at("list").at(1).at("x").where(), "file.json: list[1].x");
}

TEST_F(JsonPlaceTest, NamesPlaceExpectedAndFound) {
  expect_refused("file.json: list[0].x: expected a string, found a number",
                 [&] { (void)root_.at("list").at(std::size_t{0}).at("x").as_string(); });
  expect_refused("nothing: expected a boolean, found null",
                 [&] { (void)root_.at("nothing").as_bool(); });
  expect_refused("flag: expected a number, found a boolean",
                 [&] { (void)root_.at("flag").as_number(); });
  expect_refused("half: expected an integer, found a number",
                 [&] { (void)root_.at("half").as_integer(); });
  expect_refused("text: expected an array, found a string", [&] { (void)root_.at("text").size(); });
  expect_refused("list: expected an object, found an array",
                 [&] { (void)root_.at("list").has("x"); });
  expect_refused("file.json: expected an array, found an object", [&] { (void)root_.size(); });
}

TEST_F(JsonPlaceTest, NamesWhatIsMissing) {
  expect_refused("file.json: expected a key \"absent\", found none",
                 [&] { (void)root_.at("absent"); });
  expect_refused("file.json: list: expected an element 2, found 2 elements",
                 [&] { (void)root_.at("list").at(2); });
}

TEST_F(JsonPlaceTest, NullIsNoMember) {
  EXPECT_FALSE(root_.find("nothing").has_value());
  EXPECT_FALSE(root_.find("absent").has_value());
  EXPECT_EQ(root_.find("text")->as_string(), "t");
}

TEST_F(JsonPlaceTest, AnIdIsAStringOrTheDigitsOfAnInteger) {
  EXPECT_EQ(root_.at("text").as_id(), "t");
  EXPECT_EQ(root_.at("minus").as_id(), "-7");
  EXPECT_EQ(root_.at("large").as_id(), "18446744073709551615");
  expect_refused("half: expected a string or an integer of at most 64 bits, found a number",
                 [&] { (void)root_.at("half").as_id(); });
}

TEST_F(JsonPlaceTest, RefusesAnIntegerOf64UnsignedBits) {
  expect_refused("large: expected an integer below 2^63, found 18446744073709551615",
                 [&] { (void)root_.at("large").as_integer(); });
}

// Collects the events of a flat list of strings.
class StringEvents : public JsonEvents {
 public:
  using JsonEvents::JsonEvents;

  bool null() override { return false; }
  bool boolean(bool) override { return false; }
  bool number_integer(number_integer_t) override { return false; }
  bool number_unsigned(number_unsigned_t) override { return false; }
  bool number_float(number_float_t, const string_t&) override { return false; }
  bool string(string_t& value) override {
    strings.push_back(value);
    return true;
  }
  bool start_object(std::size_t) override { return false; }
  bool key(string_t&) override { return false; }
  bool end_object() override { return false; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }

  std::vector<std::string> strings;
};

TEST(JsonEvents, ComeInTheOrderOfTheText) {
  StringEvents events(R"(["b", "a", "b"])", "file.json");
  events.parse();
  EXPECT_EQ(events.strings, (std::vector<std::string>{"b", "a", "b"}));
  EXPECT_EQ(events.where(), "file.json");
}

TEST(JsonEvents, BrokenTextIsAnErrorWithItsPlace) {
  test::expect_error(ErrorCode::kCorrupt, "file.json: line 2, column 1: broken JSON: ", [] {
    StringEvents("[\"a\",\n}", "file.json").parse();
  });
}

}  // namespace
}  // namespace deformer
