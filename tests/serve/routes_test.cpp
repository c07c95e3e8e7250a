// Routes, statuses and forms, over real connections to a service without a model.
#include <algorithm>
#include <cctype>
#include <sstream>

#include "deformer/passage_store.h"
#include "serve/message.h"
#include "serve/server_fixture.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;

constexpr const char* kLines = "application/x-ndjson";

class Routes : public ServerTest {};

TEST_F(Routes, AnswerInTheToolsForm) {
  start();
  const HttpResponse response = post("/v1/answer", kQuestion);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("content-type"), "application/json");
  EXPECT_EQ(response.body,
            R"({"answers":[{"text":"Who?","passage_id":"","start":0,"end":0,"byte_start":0,)"
            R"("byte_end":0,"score":0.0,"probability":0.5}],"question_cut":false})"
            "\n");
  const HttpResponse with_id =
      post("/v1/answer", R"({"id":"a","question":"x","passage_id":"p","top_k":2})");
  EXPECT_EQ(Json::parse(with_id.body)["id"], "a");
  EXPECT_EQ(Json::parse(with_id.body)["answers"].size(), 2U);
}

TEST_F(Routes, APassageWithoutTextHasNoAnswers) {
  start();
  EXPECT_EQ(post("/v1/answer", R"({"question":"x","passage":""})").body,
            "{\"answers\":[],\"question_cut\":false}\n");
  EXPECT_EQ(post("/", R"({"inputs":{"question":"x","context":""}})").status, 200);
  // It took no time.
  const std::string timed = R"({"question":"x","passage":"","timing":true})";
  for (const char* const type : {"application/json", kLines}) {
    const Json line = Json::parse(post("/v1/answer", timed, type).body);
    EXPECT_EQ(line["timing"].value("total_ms", -1.0), 0.0) << line.dump();
  }
  EXPECT_EQ(service_->asked(), 0U);
}

TEST_F(Routes, ABlankQuestionHasNoAnswersToNothingEither) {
  start();
  const std::string blank = R"({"id":1,"question":"\u00a0","passage":""})";
  expect_error(post("/v1/answer", blank), 400, "invalid_request", "question");
  expect_error(post("/", R"({"inputs":{"question":"","context":""}})"), 400, "invalid_request",
               "inputs.question");
  const HttpResponse stream = post("/v1/answer", blank, kLines);
  EXPECT_EQ(Json::parse(stream.body)["error"]["field"], "question");
  EXPECT_EQ(service_->asked(), 0U);
}

// Whether there is something to look for only the tokenizer knows: to some a space is a token.
TEST_F(Routes, ABlankQuestionIsWhatTheTokenizerFindsBlank) {
  start();
  EXPECT_EQ(post("/v1/answer", R"({"question":" ","passage":""})").status, 200);
  EXPECT_EQ(service_->asked(), 0U);
  EXPECT_EQ(post("/v1/answer", R"({"question":" ","passage":"t"})").status, 200);
  EXPECT_EQ(post("/", R"({"inputs":{"question":" ","context":"t"}})").status, 200);
  const HttpResponse stream = post("/v1/answer", R"({"question":" ","passage":"t"})", kLines);
  EXPECT_THAT(stream.body, HasSubstr("\"answers\":[{"));
  EXPECT_EQ(service_->asked(), 3U);
}

TEST_F(Routes, SpeakHuggingFacesForm) {
  start();
  const std::string one = R"({"inputs":{"question":"x","context":"t"}})";
  for (const char* const path : {"/", "/models/deepset/roberta-base-squad2"}) {
    const HttpResponse response = post(path, one);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "{\"score\":0.5,\"start\":0,\"end\":0,\"answer\":\"x\"}\n");
  }
  const HttpResponse two =
      post("/", R"({"inputs":{"question":"x","context":"t"},"parameters":{"top_k":2}})");
  EXPECT_EQ(Json::parse(two.body).size(), 2U);
}

TEST_F(Routes, ClassifyAndChoose) {
  service_->set_kind(TaskKind::kClasses);
  start();
  EXPECT_EQ(post("/v1/classify", R"({"id":1,"question":"true","passage":"t"})").body,
            R"({"id":1,"label":"true","probabilities":{"false":0.25,"true":0.75},)"
            R"("question_cut":false,"passage_cut":false})"
            "\n");
  expect_error(post("/v1/answer", kQuestion), 400, "wrong_task");
  service_->set_kind(TaskKind::kChoice);
  const Json chosen = Json::parse(
      post("/v1/classify", R"({"question":"q","passage":"t","choices":["a","b"]})").body);
  EXPECT_EQ(chosen["label"], "B");
}

// Of a handler that the service called back, too: the process and the connection go on.
TEST_F(Routes, AnExceptionIsAnAnswerToo) {
  service_->set_kind(TaskKind::kClasses);
  start();
  HttpClient client(port_);
  const auto failed = client.exchange(
      http_request("POST", "/v1/classify", R"({"question":"neither","passage":"t"})"));
  ASSERT_TRUE(failed);
  expect_error(*failed, 500, "internal");
  const auto after =
      client.exchange(http_request("POST", "/v1/classify", R"({"question":"true","passage":"t"})"));
  ASSERT_TRUE(after);
  EXPECT_EQ(after->status, 200);
}

TEST_F(Routes, KeepPassages) {
  start();
  const auto put = [&](const std::string& path, const std::string& text) {
    return http(port_, http_request("PUT", path, Json{{"text", text}}.dump()));
  };
  EXPECT_EQ(put("/v1/passages/a%2Fb%20c", "one").body, "{\"id\":\"a/b c\",\"encoded\":true}\n");
  EXPECT_EQ(put("/v1/passages/a%2Fb%20c", "one").body, "{\"id\":\"a/b c\",\"encoded\":false}\n");
  const Json found = Json::parse(get("/v1/passages/a%2Fb%20c").body);
  EXPECT_EQ(found["text"], "one");
  EXPECT_EQ(found["tokens"], 3);
  const std::string erase = http_request("DELETE", "/v1/passages/a%2Fb%20c");
  EXPECT_EQ(http(port_, erase).status, 204);
  expect_error(http(port_, erase), 404, "not_found", "id");
  expect_error(get("/v1/passages/a%2Fb%20c"), 404, "not_found", "id");
  expect_error(get("/v1/passages/%zz"), 400, "invalid_request", "id");
  expect_error(get("/v1/passages/%2"), 400, "invalid_request", "id");
}

TEST_F(Routes, ListPassagesInPages) {
  start();
  for (const char* const id : {"a1", "a2", "a3", "b1", "c%20d"}) {
    std::string path = "/v1/passages/";
    path += id;
    static_cast<void>(http(port_, http_request("PUT", path, R"({"text":"t"})")));
  }
  EXPECT_EQ(get("/v1/passages").body,
            R"({"passages":[{"id":"a1"},{"id":"a2"},{"id":"a3"},{"id":"b1"},{"id":"c d"}]})"
            "\n");
  EXPECT_EQ(get("/v1/passages?prefix=a&limit=2").body,
            R"({"passages":[{"id":"a1"},{"id":"a2"}],"next":"a2"})"
            "\n");
  EXPECT_EQ(get("/v1/passages?limit=2&prefix=a&after=a2").body, R"({"passages":[{"id":"a3"}]})"
                                                                "\n");
  EXPECT_EQ(get("/v1/passages?prefix=c+d").body, get("/v1/passages?prefix=c%20").body);
  expect_error(get("/v1/passages?limit=0"), 400, "invalid_request", "limit");
  expect_error(get("/v1/passages?limit=1001"), 400, "invalid_request", "limit");
  expect_error(get("/v1/passages?limit=1x"), 400, "invalid_request", "limit");
  expect_error(get("/v1/passages?prefx=a"), 400, "invalid_request", "prefx");
  expect_error(get("/v1/passages?prefix=%zz"), 400, "invalid_request");
  expect_error(get("/v1/passages?after=%ff"), 400, "invalid_request");
  expect_error(get("/v1/passages?after=" + std::string(501, 'a')), 400, "invalid_request", "after");
  expect_error(get("/v1/passages/%ff"), 400, "invalid_request", "id");
}

TEST_F(Routes, SayWhatModelAndStoreAre) {
  start();
  const Json info = Json::parse(get("/v1/info").body);
  EXPECT_EQ(info["task"], "span");
  EXPECT_EQ(info["layers"], 6);
  EXPECT_EQ(info["split_layer"], 3);
  EXPECT_EQ(info["store"].dump(), R"({"engine":"fake","passages":0,"bytes":42})");
  service_->set_store_fault(Error(ErrorCode::kIo, "connection refused"));
  expect_error(get("/v1/info"), 503, "store_unavailable");
}

TEST_F(Routes, SayWhereTheTimeWentWhenAsked) {
  start();
  const auto timing = [&](const std::string& path, const std::string& fields) {
    return Json::parse(post(path, R"({"question":"q","passage":"t")" + fields + "}").body)
        .value("timing", Json())
        .dump();
  };
  EXPECT_EQ(timing("/v1/answer", ""), "null");
  EXPECT_EQ(timing("/v1/answer", R"(,"timing":false)"), "null");
  EXPECT_EQ(timing("/v1/answer", R"(,"timing":true)"),
            R"({"wait_ms":500.0,"tokenize_ms":0.0,"read_ms":0.0,"lower_ms":0.0,)"
            R"("upper_ms":250.0,"total_ms":1000.0})");
  expect_error(post("/v1/answer", R"({"question":"q","passage":"t","timing":1})"), 400,
               "invalid_request", "timing");
}

TEST_F(Routes, TakePassagesALine) {
  start();
  const HttpResponse response =
      post("/v1/passages",
           "{\"id\":\"a\",\"text\":\"one\"}\n\n{\"text\":5}\n{\"text\":\"two\"}\n"
           "{\"id\":\"a\",\"text\":\"three\"}",
           kLines);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("content-type"), kLines);
  EXPECT_EQ(response.body,
            "{\"id\":\"a\",\"stored\":true}\n"
            "{\"line\":3,\"error\":{\"code\":\"invalid_request\",\"message\":"
            "\"text: expected a string, found number\",\"field\":\"text\"}}\n"
            "{\"id\":\"" +
                content_id("two") +
                "\",\"stored\":true}\n"
                "{\"id\":\"a\",\"stored\":true}\n");
  EXPECT_EQ(Json::parse(get("/v1/passages/a").body)["text"], "three");
}

// A passage may have the very id that the text of another one gives that one.
TEST_F(Routes, PutNoIdTwiceInOneBatch) {
  start();
  const std::string id = content_id("one");
  const HttpResponse response = post(
      "/v1/passages", R"({"id":")" + id + "\",\"text\":\"two\"}\n{\"text\":\"one\"}\n", kLines);
  const std::string stored = R"({"id":")" + id + "\",\"stored\":true}\n";
  EXPECT_EQ(response.body, stored + stored);
  EXPECT_EQ(Json::parse(get("/v1/passages/" + id).body)["text"], "one");
}

TEST_F(Routes, TakeNoPassagesWithoutAStore) {
  service_->take_store_away();
  start();
  const HttpResponse response = post("/v1/passages", "{\"id\":\"a\",\"text\":\"one\"}", kLines);
  expect_error(response, 400, "unsupported");
}

TEST_F(Routes, AStreamHasALineForEachLineInOrder) {
  start();
  std::ostringstream body;
  std::ostringstream expected;
  for (int i = 0; i < 300; ++i) {
    Json line{{"id", i}};
    expected << i;
    if (i % 7 == 3) {
      expected << " error\n";
    } else {
      line["question"] = "q" + std::to_string(i);
      line["passage"] = "t";
      expected << " q" << i << "\n";
    }
    body << line.dump() << "\r\n";
  }
  const HttpResponse response = post("/v1/answer", body.str(), kLines);
  EXPECT_EQ(response.headers.at("transfer-encoding"), "chunked");
  std::ostringstream found;
  std::istringstream lines(response.body);
  for (std::string text; std::getline(lines, text);) {
    const Json line = Json::parse(text);
    const bool failed = line.contains("error");
    found << line["id"] << " " << (failed ? "error" : line["answers"][0]["text"].get<std::string>())
          << "\n";
  }
  EXPECT_EQ(found.str(), expected.str());
}

TEST_F(Routes, AStreamSendsAnswersAsTheyCome) {
  start();
  service_->hold();
  HttpClient client(port_);
  std::string body = "broken\n";
  for (int i = 0; i < 100; ++i) body.append(kQuestion).append("\n");
  client.send(http_request("POST", "/v1/answer", body, kLines));
  while (client.read_line() != "\r\n") {
  }
  static_cast<void>(client.read_line());
  EXPECT_THAT(client.read_line(), HasSubstr("\"line\":1,\"error\""));
  // No more than a window of them was asked.
  service_->wait_for_questions(63);
  EXPECT_LE(service_->asked(), 64U);
  service_->release();
  std::string last;
  for (std::string line = client.read_line(); line != "0\r\n"; line = client.read_line()) {
    if (line.front() == '{') last = line;
  }
  EXPECT_THAT(last, HasSubstr("Who?"));
  EXPECT_EQ(service_->asked(), 100U);
}

// A client that looks for the fault finds one number of a line: that of its stream.
TEST_F(Routes, ABrokenLineIsToldByItsColumn) {
  start();
  for (const char* const path : {"/v1/answer", "/v1/passages"}) {
    const Json line = Json::parse(post(path, "\n{\"id\":1,\"text\":}\n", kLines).body);
    EXPECT_EQ(line["id"], 1);
    EXPECT_EQ(line["line"], 2);
    const std::string message = line["error"]["message"];
    EXPECT_THAT(message, testing::StartsWith("column 16: broken JSON: ")) << path;
    EXPECT_THAT(message, testing::Not(HasSubstr("line"))) << path;
  }
}

TEST_F(Routes, AnEmptyStreamIsAnEmptyStream) {
  start();
  const HttpResponse response = post("/v1/answer", "\n \n", kLines);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "");
}

TEST_F(Routes, RefuseAllAlikeWhenThereIsNoRoom) {
  service_->set_overloaded(true);
  start();
  const std::string hugging_face = R"({"inputs":{"question":"x","context":"t"}})";
  for (const HttpResponse& response :
       {post("/v1/answer", kQuestion), post("/", hugging_face),
        post("/v1/answer", kQuestion + "\n" + kQuestion + "\n", kLines)}) {
    expect_error(response, 429, "overloaded");
    EXPECT_EQ(response.headers.at("retry-after"), "7");
  }
  EXPECT_THAT(get("/metrics").body, HasSubstr("deformer_questions_total{outcome=\"refused\"} 3\n"));
}

// Each queue has a time of its own.
TEST_F(Routes, RefuseWritesUntilThereIsRoomForThem) {
  service_->set_room(0);
  start();
  const HttpResponse response =
      http(port_, http_request("PUT", "/v1/passages/a", R"({"text":"one"})"));
  expect_error(response, 429, "overloaded");
  EXPECT_EQ(response.headers.at("retry-after"), "9");
  EXPECT_THAT(get("/metrics").body, HasSubstr("deformer_writes_refused_total 1\n"));
}

// What was accepted with the stream's beginning waits for room instead of failing.
TEST_F(Routes, AStreamThatHasBegunWaitsForRoom) {
  start();
  service_->set_overloaded(true);
  HttpClient client(port_);
  client.send(
      http_request("POST", "/v1/answer", "broken\n" + kQuestion + "\n" + kQuestion + "\n", kLines));
  service_->wait_for_questions(5);
  service_->set_overloaded(false);
  const auto response = client.read_response();
  ASSERT_TRUE(response);
  EXPECT_EQ(std::count(response->body.begin(), response->body.end(), '\n'), 3);
  EXPECT_THAT(response->body, testing::Not(HasSubstr("overloaded")));
  // Nobody was told of a refusal.
  EXPECT_THAT(get("/metrics").body, HasSubstr("deformer_questions_total{outcome=\"refused\"} 0\n"));
}

TEST_F(Routes, SayWhatWentWrong) {
  start();
  const auto fault = [&](ErrorCode code) {
    service_->set_fault(Error(code, "reason"));
    return post("/v1/answer", kQuestion);
  };
  expect_error(fault(ErrorCode::kInvalidArgument), 400, "invalid_request", "question");
  expect_error(fault(ErrorCode::kNotFound), 404, "not_found", "passage_id");
  expect_error(fault(ErrorCode::kTimedOut), 504, "timed_out");
  expect_error(fault(ErrorCode::kCancelled), 503, "stopping");
  expect_error(fault(ErrorCode::kCorrupt), 500, "corrupt");
  expect_error(fault(ErrorCode::kInternal), 500, "internal");
  const HttpResponse store = fault(ErrorCode::kIo);
  expect_error(store, 503, "store_unavailable");
  EXPECT_THAT(store.body, HasSubstr("reason"));
  service_->set_fault(std::nullopt);
  EXPECT_EQ(post("/v1/answer", kQuestion).status, 200);
  service_->set_store_fault(Error(ErrorCode::kResourceExhausted, "disk full"));
  expect_error(get("/v1/passages/a"), 503, "store_unavailable");
  EXPECT_THAT(post("/v1/passages", "{\"text\":\"t\"}", kLines).body, HasSubstr("disk full"));
}

TEST_F(Routes, NameTheFieldAtFault) {
  start();
  const std::string hugging_face = R"({"inputs":{"question":"x","context":"t"}})";
  service_->set_fault(Error(ErrorCode::kInvalidArgument, "reason"));
  expect_error(post("/", hugging_face), 400, "invalid_request", "inputs.question");
  service_->set_fault(Error(ErrorCode::kNotFound, "reason"));
  const std::string list = R"({"question":"q","passages":[{"text":"t"},{"id":"a"}]})";
  expect_error(post("/v1/answer", list), 404, "not_found", "passages[1].id");
  const HttpResponse stream = post("/v1/answer", R"({"question":"q","passage_id":"a"})", kLines);
  EXPECT_EQ(Json::parse(stream.body)["error"]["field"], "passage_id");
}

// Without a store it is no store that is full.
TEST_F(Routes, TellMemoryFromAStore) {
  start();
  service_->set_fault(Error(ErrorCode::kResourceExhausted, "out of memory"));
  expect_error(post("/v1/answer", kQuestion), 503, "store_unavailable");
  service_->take_store_away();
  const HttpResponse response = post("/v1/answer", kQuestion);
  expect_error(response, 503, "out_of_memory");
  EXPECT_EQ(response.headers.count("retry-after"), 1U);
}

TEST_F(Routes, NameWhatTheyDoNotHave) {
  start();
  expect_error(get("/nothing"), 404, "not_found");
  expect_error(get("/v1/answer"), 405, "method_not_allowed");
  const HttpResponse wrong = get("/v1/answer");
  expect_error(wrong, 405, "method_not_allowed");
  EXPECT_EQ(wrong.headers.at("allow"), "POST");
  EXPECT_EQ(get("/v1/passages/x?y=1").status, 404);
  EXPECT_EQ(http(port_, http_request("POST", "/v1/passages/x", "{}")).headers.at("allow"),
            "PUT, GET, HEAD, DELETE");
  expect_error(post("/v1/answer", kQuestion, "text/plain"), 415, "unsupported_media_type");
  expect_error(post("/v1/classify", kQuestion, kLines), 415, "unsupported_media_type");
  expect_error(http(port_, http_request("POST", "/v1/answer")), 411, "length_required");
  expect_error(post("/v1/answer", "{"), 400, "invalid_json");
}

// What stands in the query would be a default in silence; the body is not even read.
TEST_F(Routes, TakeNoQueryBesideABody) {
  start();
  const std::string hugging_face = R"({"inputs":{"question":"x","context":"t"}})";
  const std::string passage = R"({"text":"t"})";
  for (const HttpResponse& response :
       {post("/v1/answer?top_k=2", kQuestion), post("/v1/answer?top_k=2", kQuestion, kLines),
        post("/?top_k=2", hugging_face), post("/v1/passages?id=a", passage, kLines),
        http(port_, http_request("PUT", "/v1/passages/a?id=b", passage))}) {
    expect_error(response, 400, "invalid_request");
    EXPECT_THAT(response.body, HasSubstr("the query: expected none beside a body, found one"));
  }
  EXPECT_EQ(service_->asked(), 0U);
  EXPECT_FALSE(service_->has_passage("a"));
  EXPECT_EQ(post("/v1/answer?", kQuestion).status, 200) << "an empty one";
  EXPECT_EQ(get("/livez?from=probe").status, 200);
}

// What was packed is no broken JSON.
TEST_F(Routes, TakeBodiesAsTheyAreAlone) {
  start();
  const auto ask = [&](const std::string& headers) {
    return post("/v1/answer", kQuestion, "application/json", headers);
  };
  for (const char* const coding : {"gzip", "br", "gzip, identity"}) {
    const HttpResponse response = ask("Content-Encoding: " + std::string(coding) + "\r\n");
    expect_error(response, 415, "unsupported_media_type");
    EXPECT_EQ(response.headers.at("accept-encoding"), "identity");
    EXPECT_THAT(response.body, HasSubstr(coding));
  }
  expect_error(ask("Content-Encoding: identity\r\nContent-Encoding: gzip\r\n"), 415,
               "unsupported_media_type");
  EXPECT_EQ(ask("Content-Encoding: Identity\r\n").status, 200);
}

TEST_F(Routes, AreLimited) {
  api_.body_bytes = 1000;
  api_.stream_lines = 2;
  api_.limits.question_bytes = 10;
  start();
  expect_error(post("/v1/answer", std::string(1001, ' ')), 413, "too_large");
  expect_error(http(port_,
                    "POST /v1/answer HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                    "Content-Type: application/json\r\n\r\n3e9\r\n" +
                        std::string(1001, ' ') + "\r\n0\r\n\r\n"),
               413, "too_large");
  expect_error(http(port_, http_request("GET", "/livez", std::string(1001, ' '))), 413,
               "too_large");
  const HttpResponse lines = post("/v1/answer", "{}\n\n{}\n{}\n{}\n", kLines);
  expect_error(lines, 413, "too_large");
  EXPECT_THAT(lines.body, HasSubstr("at most 2 lines, found more"));
  expect_error(post("/v1/answer", R"({"question":"01234567890","passage":"t"})"), 400,
               "invalid_request", "question");
}

TEST_F(Routes, HaveDeadlines) {
  api_.timeout = milliseconds(5000);
  start();
  const auto left = [&](const std::string& body) {
    const auto before = std::chrono::steady_clock::now();
    post("/v1/answer", body);
    return *service_->last().control.deadline - before;
  };
  EXPECT_GT(left(kQuestion), milliseconds(4000));
  EXPECT_LT(left(R"({"question":"q","passage":"t","timeout_ms":1000})"), milliseconds(3000));
  EXPECT_LT(left(R"({"question":"q","passage":"t","timeout_ms":9000})"), milliseconds(7000));
}

// A batch may take longer than a client waits.
TEST_F(Routes, KeepDeadlinesWhileSomethingElseComputes) {
  start();
  service_->hold();
  expect_error(post("/v1/answer", R"({"question":"q","passage":"t","timeout_ms":50})"), 504,
               "timed_out");
  service_->release();
  EXPECT_EQ(post("/v1/answer", kQuestion).status, 200);
}

// What cannot be given up goes on, and may be done all the same.
TEST_F(Routes, KeepDeadlinesOfWhatTheStoreDoes) {
  api_.timeout = milliseconds(50);
  start();
  service_->hold_store();
  expect_error(http(port_, http_request("PUT", "/v1/passages/a", R"({"text":"t"})")), 504,
               "timed_out");
  EXPECT_TRUE(service_->has_passage("a"));
  for (const char* const path : {"/v1/passages/a", "/v1/passages", "/v1/info"}) {
    expect_error(get(path), 504, "timed_out");
  }
  expect_error(http(port_, http_request("DELETE", "/v1/passages/a")), 504, "timed_out");
  EXPECT_FALSE(service_->has_passage("a"));
}

// A put of one passage has a time; a stream ends with its client.
TEST_F(Routes, PutWhatCanBeGivenUp) {
  start();
  static_cast<void>(http(port_, http_request("PUT", "/v1/passages/a", R"({"text":"t"})")));
  EXPECT_TRUE(service_->last_put().deadline);
  EXPECT_TRUE(service_->last_put().cancel.stop_possible());
  static_cast<void>(post("/v1/passages", R"({"text":"t"})", kLines));
  EXPECT_FALSE(service_->last_put().deadline);
  EXPECT_TRUE(service_->last_put().cancel.stop_possible());
}

// However long the service keeps what it computes for them.
TEST_F(Routes, AreUnderWayUntilTheirResponse) {
  start();
  service_->hold();
  expect_error(post("/v1/answer", R"({"question":"q","passage":"t","timeout_ms":50})"), 504,
               "timed_out");
  // That of the metrics alone.
  EXPECT_THAT(get("/metrics").body, HasSubstr("deformer_requests_under_way 1\n"));
}

TEST_F(Routes, SayWhenTheyAnswered) {
  start();
  EXPECT_THAT(get("/livez").headers.at("date"), testing::EndsWith(" GMT"));
  EXPECT_EQ(serve::http_date(784'111'777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

// A page whose name was made to lead to the loopback interface is of no other origin.
TEST_F(Routes, AreForTheNamesTheyAreTold) {
  api_.hosts = {"localhost", "127.0.0.1", "[::1]"};
  start();
  const auto with_host = [&](const std::string& host) {
    return http(port_, "GET /v1/info HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  };
  for (const char* host : {"localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]", "[::1]:8080"}) {
    EXPECT_EQ(with_host(host).status, 200) << host;
  }
  for (const char* host : {"attacker.example", "attacker.example:8080", "localhost.example",
                           "localhost:1@attacker.example", "localhost@attacker.example"}) {
    expect_error(with_host(host), 421, "misdirected");
  }
  EXPECT_EQ(http(port_, "GET /v1/info HTTP/1.0\r\n\r\n").status, 200) << "without a name";
  EXPECT_EQ(http(port_, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
}

// As clients ask a proxy; then the target's host is the one that counts.
TEST_F(Routes, TakeATargetWithItsHost) {
  api_.hosts = {"localhost"};
  start();
  const auto ask = [&](const std::string& target, const std::string& host) {
    return http(port_, "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  };
  EXPECT_EQ(ask("http://localhost/v1/info", "other.example").status, 200);
  EXPECT_EQ(ask("HTTP://localhost:8080/v1/passages?limit=1", "localhost").status, 200);
  EXPECT_EQ(ask("https://localhost", "localhost").status, ask("/", "localhost").status);
  expect_error(ask("http://attacker.example/v1/info", "localhost"), 421, "misdirected");
  expect_error(ask("http://localhost:1@attacker.example/v1/info", "localhost"), 421, "misdirected");
}

TEST_F(Routes, TellOperatorsHowItIs) {
  start(false);
  EXPECT_EQ(get("/livez").status, 200);
  expect_error(get("/readyz"), 503, "loading");
  expect_error(post("/v1/answer", kQuestion), 503, "loading");
  EXPECT_THAT(get("/metrics").body, HasSubstr("deformer_ready 0"));
  running_->set_service(service_);
  EXPECT_EQ(get("/readyz").status, 200);
  post("/v1/answer", kQuestion);
  EXPECT_THAT(get("/metrics").body,
              HasSubstr("deformer_requests_total{route=\"/v1/answer\",status=\"200\"} 1"));
}

// Every route of the table is described, and nothing else.
TEST_F(Routes, AreDescribedByOpenApi) {
  start();
  const Json document = Json::parse(get("/openapi.json").body);
  EXPECT_EQ(document["openapi"], "3.1.0");
  std::size_t described = 0;
  for (const auto& [path, operations] : document["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      described += method == "parameters" ? 0 : 1;
    }
  }
  EXPECT_EQ(described, serve::routes().size());
  for (const serve::Route& route : serve::routes()) {
    std::string method = route.method;
    std::transform(method.begin(), method.end(), method.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    EXPECT_TRUE(document["paths"][route.pattern].contains(method)) << route.pattern;
  }
}

// A request that cannot be read is refused before it is known what it asks for.
TEST_F(Routes, SayInOpenApiThatReadingMayFail) {
  start();
  const Json document = Json::parse(get("/openapi.json").body);
  for (const auto& [path, operations] : document["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      if (method == "parameters") continue;
      for (const char* const status : {"400", "408", "413", "431"}) {
        EXPECT_TRUE(operation["responses"].contains(status))
            << method << " " << path << " " << status;
      }
    }
  }
}

// A text of as many characters as maxLength says may have more bytes than are taken.
TEST_F(Routes, SayInOpenApiThatLengthsAreBytes) {
  start();
  const Json document = Json::parse(get("/openapi.json").body);
  const auto says_bytes = [](const Json& schema) {
    return schema.contains("maxLength") &&
           schema.value("description", "").find("bytes of UTF-8") != std::string::npos;
  };
  const Json& schemas = document["components"]["schemas"];
  const auto field = [&](const std::string& schema, const std::string& name) {
    return schemas[schema]["properties"][name];
  };
  for (const char* const schema : {"AnswerRequest", "ClassifyRequest"}) {
    EXPECT_TRUE(says_bytes(field(schema, "question"))) << schema;
    EXPECT_TRUE(says_bytes(field(schema, "passage"))) << schema;
  }
  EXPECT_TRUE(says_bytes(field("AnswerRequest", "passages")["items"]["properties"]["text"]));
  const Json inputs = field("HuggingFaceRequest", "inputs")["properties"];
  EXPECT_TRUE(says_bytes(inputs["question"]));
  EXPECT_TRUE(says_bytes(inputs["context"]));
  EXPECT_TRUE(says_bytes(field("PassageText", "text")));
  EXPECT_TRUE(says_bytes(field("PassageLine", "text")));
  const Json& parameters = document["paths"]["/v1/passages"]["get"]["parameters"];
  EXPECT_TRUE(says_bytes(parameters[0]["schema"])) << parameters[0];
}

TEST_F(Routes, AskForKeys) {
  server_.api_keys =
      write_file("keys", "read reader-key-0123456789\nwrite writer-key-0123456789\n");
  start();
  const std::string reader = "Authorization: Bearer reader-key-0123456789\r\n";
  const std::string writer = "Authorization: Bearer writer-key-0123456789\r\n";
  const HttpResponse nobody = post("/v1/answer", kQuestion);
  expect_error(nobody, 401, "unauthorized");
  EXPECT_EQ(nobody.headers.at("www-authenticate"), "Bearer");
  expect_error(post("/v1/answer", kQuestion, "application/json",
                    "Authorization: Bearer other-key-01234567890\r\n"),
               401, "unauthorized");
  EXPECT_EQ(post("/v1/answer", kQuestion, "application/json", reader).status, 200);
  const std::string put = R"({"text":"t"})";
  expect_error(http(port_, http_request("PUT", "/v1/passages/a", put, "application/json", reader)),
               403, "forbidden");
  EXPECT_EQ(
      http(port_, http_request("PUT", "/v1/passages/a", put, "application/json", writer)).status,
      200);
  EXPECT_EQ(get("/livez").status, 200);
  EXPECT_EQ(get("/readyz").status, 200);
  EXPECT_EQ(get("/metrics").status, 401);
  EXPECT_EQ(get("/metrics", reader).status, 200);
}

TEST_F(Routes, ReadKeysAnew) {
  server_.api_keys = write_file("keys", "read reader-key-0123456789\n");
  start();
  const std::string header = "Authorization: Bearer second-key-0123456789\r\n";
  EXPECT_EQ(get("/metrics", header).status, 401);
  static_cast<void>(write_file("keys", "nonsense\n"));
  running_->reload();
  EXPECT_EQ(get("/metrics", "Authorization: Bearer reader-key-0123456789\r\n").status, 200);
  static_cast<void>(write_file("keys", "read second-key-0123456789\n"));
  running_->reload();
  EXPECT_EQ(get("/metrics", header).status, 200);
  EXPECT_THAT(log(), HasSubstr("stay as they were"));
}

TEST_F(Routes, KnowNoOriginsUnlessTold) {
  start();
  const HttpResponse response = get("/livez", "Origin: https://a.example\r\n");
  EXPECT_EQ(response.headers.count("access-control-allow-origin"), 0U);
  EXPECT_EQ(http(port_, http_request("OPTIONS", "/v1/answer", "", "",
                                     "Origin: https://a.example\r\n"
                                     "Access-Control-Request-Method: POST\r\n"))
                .status,
            405);
}

TEST_F(Routes, LetKnownOriginsIn) {
  api_.cors_origins = {"https://a.example"};
  start();
  EXPECT_EQ(
      get("/livez", "Origin: https://a.example\r\n").headers.at("access-control-allow-origin"),
      "https://a.example");
  EXPECT_EQ(
      get("/livez", "Origin: https://b.example\r\n").headers.count("access-control-allow-origin"),
      0U);
  for (const char* headers :
       {"", "Origin: https://a.example\r\n", "Origin: https://b.example\r\n"}) {
    EXPECT_EQ(get("/livez", headers).headers.at("vary"), "Origin") << "for what a cache keeps";
  }
  const HttpResponse preflight = http(
      port_, http_request("OPTIONS", "/v1/answer", "", "",
                          "Origin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n"));
  EXPECT_EQ(preflight.status, 204);
  EXPECT_THAT(preflight.headers.at("access-control-allow-headers"), HasSubstr("Authorization"));
}

// A cache may give a page what somebody without an origin was answered.
TEST_F(Routes, AreForEveryoneWhereEveryOriginIsKnown) {
  api_.cors_origins = {"*"};
  start();
  for (const char* const headers : {"", "Origin: https://a.example\r\n"}) {
    const HttpResponse response = get("/livez", headers);
    EXPECT_EQ(response.headers.at("access-control-allow-origin"), "*") << headers;
    EXPECT_EQ(response.headers.count("vary"), 0U) << headers;
  }
}

// Browsers show a page of another origin no header that is not named.
TEST_F(Routes, LetKnownOriginsReadWhenToComeBack) {
  api_.cors_origins = {"https://a.example"};
  service_->set_overloaded(true);
  start();
  const auto ask = [&](const std::string& origin) {
    return post("/v1/answer", kQuestion, "application/json", "Origin: " + origin + "\r\n");
  };
  const HttpResponse known = ask("https://a.example");
  expect_error(known, 429, "overloaded");
  EXPECT_EQ(known.headers.at("access-control-expose-headers"), "Retry-After");
  EXPECT_EQ(ask("https://b.example").headers.count("access-control-expose-headers"), 0U);
}

TEST_F(Routes, AreLoggedWithoutTextsOrIds) {
  start();
  static_cast<void>(http(
      port_, http_request("POST", "/v1/answer", kQuestion, "application/json",
                          "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
                          "\r\n")));
  static_cast<void>(get("/v1/passages/secret-id"));
  stop_at_once();
  const std::string text = log();
  EXPECT_THAT(text, HasSubstr("\"route\":\"/v1/answer\",\"status\":200"));
  EXPECT_THAT(text, HasSubstr("\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\""));
  EXPECT_THAT(text, HasSubstr("/v1/passages/{id}"));
  EXPECT_THAT(text, testing::Not(HasSubstr("secret-id")));
  EXPECT_THAT(text, testing::Not(HasSubstr("Who?")));
}

}  // namespace
}  // namespace deformer::test
