#include "serve/request_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/api_error.h"

namespace deformer::serve {
namespace {

AnswerCall parse(const std::string& json) {
  return parse_answer_call(json, {}, {.question_bytes = 20, .passage_bytes = 30, .passages = 3});
}

// The field that a request is refused for; its message where there is no field.
template <typename Parse>
std::string fault(const Parse& parse_it) {
  try {
    parse_it();
  } catch (const ApiFault& caught) {
    EXPECT_EQ(caught.error().status, 400);
    return caught.error().field.empty() ? caught.error().message : caught.error().field;
  }
  return "none";
}

std::string fault_of(const std::string& json) {
  return fault([&] { return parse(json); });
}

TEST(AnswerCall, TakesAPassageByTextByIdOrBoth) {
  const AnswerCall text = parse(R"({"question":"q","passage":"t"})");
  ASSERT_EQ(text.request.passages.size(), 1U);
  EXPECT_EQ(text.request.passages[0].text, "t");
  EXPECT_EQ(text.request.passages[0].id, "");
  const AnswerCall id = parse(R"({"question":"q","passage_id":17})");
  EXPECT_EQ(id.request.passages[0].id, "17");
  const AnswerCall list =
      parse(R"({"question":"q","passages":[{"id":"a"},{"text":"t"},{"id":"b","text":""}]})");
  ASSERT_EQ(list.request.passages.size(), 2U);
  EXPECT_EQ(list.request.passages[1].text, "t");
}

TEST(AnswerCall, TakesOptionsAndKeepsTheOthers) {
  const AnswerCall call =
      parse(R"({"id":12,"question":"q","passage":"t","top_k":3,"no_answer":true,"timeout_ms":50,)"
            R"("no_answer_threshold":-1.5,"align_to_words":false,"max_answer_tokens":null})");
  EXPECT_EQ(call.fields.id_json, "12");
  EXPECT_EQ(call.fields.timeout, std::chrono::milliseconds(50));
  EXPECT_EQ(call.request.options->top_k, 3U);
  EXPECT_TRUE(call.request.options->allow_no_answer);
  EXPECT_FALSE(call.request.options->align_to_words);
  EXPECT_EQ(call.request.options->no_answer_threshold, -1.5);
  EXPECT_EQ(call.request.options->max_answer_tokens, 0);
}

TEST(AnswerCall, NamesTheFieldAtFault) {
  EXPECT_EQ(fault_of(R"({"passage":"t"})"), "question");
  EXPECT_EQ(fault_of(R"({"question":7,"passage":"t"})"), "question");
  EXPECT_EQ(fault_of(R"({"question":"q"})"), "passage");
  EXPECT_EQ(fault_of(R"({"question":"q","passage":"t","passages":[{"id":"a"}]})"), "passages");
  EXPECT_EQ(fault_of(R"({"question":"q","passages":[]})"), "passages");
  EXPECT_EQ(fault_of(R"({"question":"q","passages":[{"id":"a"},{"id":true}]})"), "passages[1].id");
  EXPECT_EQ(fault_of(R"({"question":"q","passages":[{}]})"), "passages[0].text");
  EXPECT_EQ(fault_of(R"({"question":"q","passages":[{"text":"t","x":1}]})"), "passages[0].x");
  EXPECT_EQ(fault_of(R"({"question":"q","passage":"t","topk":1})"), "topk");
  for (const char* const top_k : {"0", "1001", "1.5", "-1", "\"1\"", "1e30"}) {
    EXPECT_EQ(fault_of(R"({"question":"q","passage":"t","top_k":)" + std::string(top_k) + "}"),
              "top_k");
  }
  EXPECT_EQ(fault_of(R"({"question":"q","passage":"t","timeout_ms":0})"), "timeout_ms");
  EXPECT_EQ(fault_of(R"({"question":"q","passage":"t","id":[]})"), "id");
}

TEST(AnswerCall, IsLimited) {
  EXPECT_EQ(fault_of(R"({"question":"012345678901234567890","passage":"t"})"), "question");
  EXPECT_EQ(fault_of(R"({"question":"q","passages":[{"id":1},{"id":2},{"id":3},{"id":4}]})"),
            "passages");
  const std::string long_id(501, 'x');
  EXPECT_EQ(fault_of(R"({"question":"q","passage_id":")" + long_id + "\"}"), "passage_id");
}

TEST(AnswerCall, SaysWhereJsonIsBroken) {
  EXPECT_THAT(fault_of("{\"question\":"), testing::HasSubstr("request: line 1, column 1"));
  EXPECT_THAT(fault_of("{\"question\":"), testing::HasSubstr("broken JSON: "));
  EXPECT_THAT(fault_of("\xff"), testing::HasSubstr("broken JSON"));
  EXPECT_THAT(fault_of("[]"), testing::HasSubstr("expected an object, found array"));
  EXPECT_THAT(fault_of(R"({"question":"q","passage":"t","no_answer_threshold":1e999})"),
              testing::HasSubstr("expected numbers of at most 1.8e308, found 1e999"));
}

TEST(AnswerCall, RefusesAThresholdWithoutEffect) {
  const std::string field = "no_answer_threshold";
  EXPECT_EQ(fault_of(R"({"question":"q","passage":"t","no_answer_threshold":1})"), field);
  EXPECT_EQ(fault_of(R"({"question":"q","passage":"t","no_answer":false,"no_answer_threshold":1})"),
            field);
  EXPECT_NO_THROW(parse(R"({"question":"q","passage":"t","no_answer_threshold":null})"));
}

// Of a line whose number is told beside it.
TEST(AnswerCall, SaysInWhichColumnALineIsBroken) {
  const std::string broken = "{\"question\": }";
  EXPECT_THAT(fault([&] { return parse_answer_line(broken, {}, {}); }),
              testing::StartsWith("column 14: broken JSON: "));
  EXPECT_THAT(fault([&] { return parse_passage(broken, std::nullopt, {}); }),
              testing::StartsWith("column 14: broken JSON: "));
  EXPECT_THAT(fault([&] { return parse_passage(broken, "p", {}); }),
              testing::StartsWith("request: line 1, column 14: broken JSON: "));
  EXPECT_THAT(fault([] { return parse_answer_line(std::string(2000, '['), {}, {}); }),
              testing::StartsWith("column 1001: expected at most 1000 levels"));
  EXPECT_EQ(parse_answer_line(R"({"question":"q","passage":"t"})", {}, {}).request.question, "q");
}

// Whatever stands there: what is not looked at is held all the same.
TEST(AnswerCall, IsNotNestedWithoutEnd) {
  const std::string begin(100'000, '[');
  const std::string end(100'000, ']');
  EXPECT_THAT(fault_of(begin), testing::HasSubstr("levels of nesting"));
  const std::string call =
      R"({"inputs":{"question":"q","context":"t"},"options":)" + begin + end + "}";
  EXPECT_THAT(fault([&] { return parse_hugging_face_call(call, {}, {}); }),
              testing::HasSubstr("levels of nesting"));
}

// What is blank is for the tokenizer to say.
TEST(AnswerCall, TakesAnyTextForAQuestion) {
  EXPECT_EQ(parse(R"({"question":" ","passage":"t"})").request.question, " ");
  EXPECT_EQ(parse_hugging_face_call(R"({"inputs":{"question":"","context":""}})", {}, {})
                .request.question,
            "");
  EXPECT_EQ(
      parse_classify_call(R"({"question":"","passage":"t"})", TaskKind::kClasses, {}).pair.question,
      "");
}

TEST(AnswerCall, KnowsWhereThePassagesStandThatAStoreMayLack) {
  const auto place = [](const std::string& json) { return parse(json).fields.places.passages; };
  EXPECT_EQ(place(R"({"question":"q","passage_id":"a"})"), "passage_id");
  EXPECT_EQ(place(R"({"question":"q","passages":[{"text":""},{"id":"a"}]})"), "passages[1].id");
  EXPECT_EQ(place(R"({"question":"q","passages":[{"id":"a"},{"id":"b"}]})"), "passages");
}

TEST(ClassifyCall, TakesWhatTheTaskHas) {
  const RequestLimits limits{.choices = 3};
  const ClassifyCall pair =
      parse_classify_call(R"({"question":"q","passage":"t"})", TaskKind::kClasses, limits);
  EXPECT_EQ(pair.pair.question, "q");
  EXPECT_EQ(pair.pair.passage.text, "t");
  const ClassifyCall choice = parse_classify_call(
      R"({"question":"a _ c","passage":"t","choices":["b","d"]})", TaskKind::kChoice, limits);
  EXPECT_EQ(choice.choice.choices, (std::vector<std::string>{"a b c", "a d c"}));
  const auto fault_of_race = [&](const char* json) {
    return fault([&] { return parse_classify_call(json, TaskKind::kChoice, limits); });
  };
  EXPECT_EQ(fault_of_race(R"({"question":"q","passage":"t"})"), "choices");
  EXPECT_EQ(fault_of_race(R"({"question":"q","passage":"t","choices":["a","b","c","d"]})"),
            "choices");
  EXPECT_EQ(fault_of_race(R"({"question":"q","passage":"t","choices":[1]})"), "choices[0]");
  const std::string blanks(200, '_');
  const std::string option(200, 'x');
  const std::string product =
      R"({"question":")" + blanks + R"(","passage":"t","choices":["a",")" + option + R"("]})";
  EXPECT_EQ(fault_of_race(product.c_str()), "choices[1]");
  EXPECT_EQ(fault([&] {
              return parse_classify_call(R"({"question":"q","passage":"t","choices":["a"]})",
                                         TaskKind::kClasses, limits);
            }),
            "choices");
}

TEST(HuggingFaceCall, TakesTheTaskForm) {
  const HuggingFaceCall call = parse_hugging_face_call(
      R"({"inputs":{"question":"q","context":"t"},"parameters":{"top_k":2,"max_answer_len":9,)"
      R"("handle_impossible_answer":true,"doc_stride":128,"max_seq_len":null},)"
      R"("options":{"wait_for_model":true}})",
      {}, {});
  EXPECT_EQ(call.request.question, "q");
  EXPECT_EQ(call.request.passages[0].text, "t");
  EXPECT_EQ(call.request.options->top_k, 2U);
  EXPECT_EQ(call.request.options->max_answer_tokens, 9);
  EXPECT_TRUE(call.request.options->allow_no_answer);
  EXPECT_TRUE(call.as_list);
  EXPECT_FALSE(
      parse_hugging_face_call(R"({"inputs":{"question":"q","context":"t"}})", {}, {}).as_list);
  EXPECT_EQ(fault([] { return parse_hugging_face_call(R"({"inputs":{"question":"q"}})", {}, {}); }),
            "inputs.context");
}

TEST(PassageJson, IsLimitedWhereverItStands) {
  const RequestLimits limits{.question_bytes = 20, .passage_bytes = 30};
  const std::string text = "\"" + std::string(31, 'x') + "\"";
  EXPECT_EQ(fault_of(R"({"question":"q","passage":)" + text + "}"), "passage");
  EXPECT_EQ(fault_of(R"({"question":"q","passages":[{"id":"a"},{"text":)" + text + "}]}"),
            "passages[1].text");
  EXPECT_EQ(fault([&] {
              return parse_hugging_face_call(
                  R"({"inputs":{"question":"q","context":)" + text + "}}", {}, limits);
            }),
            "inputs.context");
  EXPECT_EQ(fault([&] {
              return parse_classify_call(R"({"question":"q","passage":)" + text + "}",
                                         TaskKind::kClasses, limits);
            }),
            "passage");
  EXPECT_EQ(fault([&] { return parse_passage(R"({"text":)" + text + "}", "p", limits); }), "text");
  EXPECT_EQ(parse_passage(R"({"text":"thirty bytes are just allowed"})", "p", limits).id, "p");
}

TEST(PassageJson, HasAnIdFromThePathOrFromTheLine) {
  EXPECT_EQ(parse_passage(R"({"text":"t"})", "p", {}).id, "p");
  EXPECT_EQ(parse_passage(R"({"id":5,"text":"t"})", std::nullopt, {}).id, "5");
  EXPECT_EQ(parse_passage(R"({"text":"t"})", std::nullopt, {}).id, "");
  EXPECT_EQ(fault([] { return parse_passage(R"({"text":"t"})", "", {}); }), "id");
  EXPECT_EQ(fault([] { return parse_passage(R"({"id":"p","text":"t"})", "p", {}); }), "id");
}

}  // namespace
}  // namespace deformer::serve
