// What clients do to connections: slow, half-open, pipelined, malformed, gone.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "serve/server_fixture.h"
#include "support/eventually.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;

constexpr const char* kStreamOfLines = "application/x-ndjson";

class ConnectionTest : public ServerTest {
 protected:
  ConnectionTest() {
    server_.header_timeout = milliseconds(300);
    server_.body_timeout = milliseconds(300);
    server_.idle_timeout = milliseconds(5000);
  }

  // A stream of questions behind `first_lines`, whose client is gone when the first have answers.
  void ask_200_and_leave(HttpClient& client, std::string first_lines) {
    for (int i = 0; i < 200; ++i) first_lines.append(kQuestion).append("\n");
    client.send(http_request("POST", "/v1/answer", first_lines, kStreamOfLines));
    service_->wait_for_questions(64);
    client.half_close();
    EXPECT_TRUE(eventually([&] { return service_->client(0).stop_requested(); }));
    service_->release();
  }

  [[nodiscard]] bool metrics_have(const std::string& line) const {
    return get("/metrics").body.find(line + "\n") != std::string::npos;
  }

  // A stream that has begun, whose client is gone when most of its answers have yet to come.
  void break_a_stream_off(bool with_reset) {
    service_->hold();
    const std::size_t before = service_->asked();
    std::string lines = "broken\n";
    for (int i = 0; i < 60; ++i) lines.append(kQuestion).append("\n");
    HttpClient client(port_);
    client.send(http_request("POST", "/v1/answer", lines, kStreamOfLines));
    service_->wait_for_questions(before + 60);
    EXPECT_THAT(client.read_line(), HasSubstr("200"));
    if (with_reset) client.reset();
    client.close();
    // Line by line, until one cannot be written: the request under way is that of the metrics.
    EXPECT_TRUE(eventually([&] {
      service_->release_first();
      return metrics_have("deformer_requests_under_way 1");
    }));
    EXPECT_TRUE(service_->release_first()) << "no answer was left to come";
    service_->release();
  }
};

TEST_F(ConnectionTest, ServesManyRequestsOneAfterTheOther) {
  start();
  HttpClient client(port_);
  for (int i = 0; i < 20; ++i) {
    const auto response = client.exchange(http_request("POST", "/v1/answer", kQuestion));
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
  }
}

TEST_F(ConnectionTest, AnswersPipelinedRequestsInOrder) {
  start();
  HttpClient client(port_);
  std::string requests;
  for (const char* const name : {"a", "b", "c"}) {
    requests += http_request("POST", "/v1/answer",
                             R"({"question":")" + std::string(name) + R"(","passage":"t"})");
  }
  client.send(requests + http_request("GET", "/livez"));
  for (const char* const name : {"a", "b", "c"}) {
    const auto response = client.read_response();
    ASSERT_TRUE(response);
    EXPECT_EQ(Json::parse(response->body)["answers"][0]["text"], name);
  }
  EXPECT_EQ(client.read_response()->body, "live\n");
}

// Some clients end a body with one.
TEST_F(ConnectionTest, AnEmptyLineBeforeARequestIsNoPartOfIt) {
  start();
  HttpClient client(port_);
  for (const char* const empty : {"\r\n", "\r\n\r\n", "\n"}) {
    client.send(http_request("POST", "/v1/answer", kQuestion) + empty);
    ASSERT_EQ(client.read_response().value_or(HttpResponse{}).status, 200);
    client.send("\r");
    client.send("\n");
    const auto next = client.exchange(http_request("GET", "/livez"));
    ASSERT_TRUE(next);
    EXPECT_EQ(next->status, 200);
  }
}

TEST_F(ConnectionTest, EndsWhenTheClientSaysSo) {
  start();
  HttpClient closing(port_);
  const auto response =
      closing.exchange(http_request("GET", "/livez", "", "", "Connection: close\r\n"));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->headers.at("connection"), "close");
  EXPECT_TRUE(closing.at_end());
  HttpClient old(port_);
  EXPECT_EQ(old.exchange("GET /livez HTTP/1.0\r\n\r\n")->status, 200);
  EXPECT_TRUE(old.at_end());
}

// HTTP/1.0 has no chunks: the end of the connection is the end of the stream.
TEST_F(ConnectionTest, StreamsToOldClientsWithoutChunks) {
  start();
  HttpClient client(port_);
  const std::string body = kQuestion + "\n" + kQuestion + "\n";
  client.send("POST /v1/answer HTTP/1.0\r\nContent-Type: application/x-ndjson\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  while (client.read_line() != "\r\n") {
  }
  EXPECT_THAT(client.read_line(), testing::StartsWith("{\"answers\""));
  EXPECT_THAT(client.read_line(), testing::StartsWith("{\"answers\""));
  EXPECT_TRUE(client.at_end());
}

TEST_F(ConnectionTest, ReadsBodiesInChunks) {
  start();
  HttpClient client(port_);
  client.send(
      "POST /v1/answer HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n");
  client.send("5\r\n" + kQuestion.substr(0, 5) + "\r\n");
  std::ostringstream size;
  size << std::hex << kQuestion.size() - 5;
  client.send(size.str() + "\r\n" + kQuestion.substr(5) + "\r\n0\r\n\r\n");
  EXPECT_EQ(client.read_response()->status, 200);
}

TEST_F(ConnectionTest, SaysContinueToClientsThatAsk) {
  start();
  HttpClient client(port_);
  client.send(
      "POST /v1/answer HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
      "Expect: 100-continue\r\nContent-Length: " +
      std::to_string(kQuestion.size()) + "\r\n\r\n");
  EXPECT_EQ(client.read_line(), "HTTP/1.1 100 Continue\r\n");
  EXPECT_EQ(client.read_line(), "\r\n");
  EXPECT_EQ(client.exchange(kQuestion)->status, 200);
}

// HTTP/1.0 knows neither that nor chunks.
TEST_F(ConnectionTest, KeepsToWhatOldClientsKnow) {
  start();
  HttpClient waiting(port_);
  waiting.send(
      "POST /v1/answer HTTP/1.0\r\nContent-Type: application/json\r\n"
      "Expect: 100-continue\r\nContent-Length: " +
      std::to_string(kQuestion.size()) + "\r\n\r\n" + kQuestion);
  EXPECT_EQ(waiting.read_response().value_or(HttpResponse{}).status, 200);
  HttpClient chunked(port_);
  std::ostringstream size;
  size << std::hex << kQuestion.size();
  chunked.send(
      "POST /v1/answer HTTP/1.0\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n" +
      size.str() + "\r\n" + kQuestion + "\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.read_response().value_or(HttpResponse{}).status, 200);
  EXPECT_TRUE(chunked.at_end());
}

TEST_F(ConnectionTest, RefusesBeforeTheBodyAndTheClientCanReadWhy) {
  api_.body_bytes = std::size_t{1} << 20;
  start();
  HttpClient client(port_);
  client.send(
      "POST /v1/answer HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
      "Content-Length: 4000000\r\n\r\n");
  client.send(std::string(1'000'000, ' '));
  const auto response = client.read_response();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 413);
  EXPECT_EQ(response->headers.at("connection"), "close");
}

TEST_F(ConnectionTest, CutsSlowHeadersOff) {
  start();
  HttpClient client(port_);
  client.send("GET /livez HTTP/1.1\r\nX: ");
  const auto response = client.read_response();
  ASSERT_TRUE(response);
  expect_error(*response, 408, "slow_client");
  EXPECT_TRUE(client.at_end());
  EXPECT_THAT(get("/metrics").body, HasSubstr("deformer_reads_timed_out_total 1"));
}

// A byte now and then does not buy time.
TEST_F(ConnectionTest, CutsHeadersThatTrickleOff) {
  start();
  HttpClient client(port_);
  const auto begin = std::chrono::steady_clock::now();
  client.send("GET /livez HTTP/1.1\r\nX: ");
  while (client.send("a") && std::chrono::steady_clock::now() - begin < milliseconds(600)) {
    std::this_thread::sleep_for(milliseconds(50));
  }
  EXPECT_EQ(client.read_response()->status, 408);
}

TEST_F(ConnectionTest, CutsSlowBodiesOff) {
  start();
  HttpClient client(port_);
  client.send(
      "POST /v1/answer HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
      "Content-Length: 100\r\n\r\n{");
  EXPECT_EQ(client.read_response()->status, 408);
}

// However many bytes are there at the moment when the time is over.
TEST_F(ConnectionTest, CutsOffWhatArrivesFastUntilItsTimeIsOver) {
  start();
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<HttpClient>(port_));
    clients.back()->send(i % 2 == 0 ? "GET /livez HTTP/1.1\r\nX: "
                                    : "POST /v1/answer HTTP/1.1\r\nHost: h\r\nContent-Type: "
                                      "application/json\r\nContent-Length: 1000000\r\n\r\n{");
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto send_until = [&](milliseconds end, milliseconds pause) {
    while (std::chrono::steady_clock::now() - begin < end) {
      for (const auto& client : clients) client->send("a");
      std::this_thread::sleep_for(pause);
    }
  };
  send_until(milliseconds(330), milliseconds(1));
  send_until(milliseconds(900), milliseconds(30));
  for (const auto& client : clients) {
    const auto response = client->read_response();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 408);
  }
  EXPECT_THAT(get("/metrics").body, HasSubstr("deformer_reads_timed_out_total 8"));
}

// One that never pauses leaves no moment at which nothing is read.
TEST_F(ConnectionTest, CutsFloodsOff) {
  start();
  HttpClient client(port_);
  client.send(
      "POST /v1/answer HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "1;" + std::string(16'000, 'a') + "\r\n \r\n";
  const auto begin = std::chrono::steady_clock::now();
  const auto sent = [&] { return std::chrono::steady_clock::now() - begin; };
  while (client.send(chunk) && sent() < milliseconds(5000)) {
  }
  EXPECT_LT(sent(), milliseconds(4000));
  const auto response = client.read_response();
  EXPECT_TRUE(!response || response->status == 408);
  EXPECT_THAT(get("/metrics").body, HasSubstr("deformer_reads_timed_out_total 1"));
}

// What has no limit of its own takes no memory either.
TEST_F(ConnectionTest, ExtensionsOfChunksAndTrailersAreBounded) {
  server_.body_timeout = milliseconds(20'000);
  start();
  for (const char* begin : {"5;", "0\r\nX: "}) {
    HttpClient client(port_);
    client.send(
        "POST /v1/answer HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n");
    client.send(begin + std::string(500'000, 'a'));
    const auto response = client.read_response();
    ASSERT_TRUE(response) << begin;
    expect_error(*response, 400, "invalid_http");
    EXPECT_EQ(response->headers.at("connection"), "close");
  }
}

TEST_F(ConnectionTest, EndsSilentConnectionsQuietly) {
  server_.idle_timeout = milliseconds(100);
  start();
  HttpClient never(port_);
  EXPECT_TRUE(never.at_end());
  HttpClient once(port_);
  EXPECT_EQ(once.exchange(http_request("GET", "/livez"))->status, 200);
  EXPECT_TRUE(once.at_end());
}

TEST_F(ConnectionTest, EndsConnectionsThatDoNotRead) {
  server_.write_timeout = milliseconds(300);
  api_.limits.question_bytes = std::size_t{1} << 22;
  start();
  HttpClient client(port_);
  // More answer than the system's buffers hold.
  const std::string question(100'000, 'q');
  client.send(http_request("POST", "/v1/answer",
                           R"({"question":")" + question + R"(","passage":"t","top_k":300})"));
  EXPECT_TRUE(eventually([&] {
    return get("/metrics").body.find("deformer_writes_timed_out_total 1") != std::string::npos;
  }));
  EXPECT_FALSE(client.read_response());
}

TEST_F(ConnectionTest, OfAStreamThatIsCutOffOnlyWhatWasSentCounts) {
  server_.write_timeout = milliseconds(300);
  api_.limits.question_bytes = std::size_t{1} << 22;
  start();
  HttpClient client(port_);
  const std::string question(100'000, 'q');
  client.send(http_request("POST", "/v1/answer",
                           R"({"question":")" + question + R"(","passage":"t","top_k":300})",
                           kStreamOfLines));
  EXPECT_TRUE(eventually([&] {
    return get("/metrics").body.find("deformer_writes_timed_out_total 1") != std::string::npos;
  }));
  stop_at_once();
  EXPECT_THAT(log(), testing::ContainsRegex("\"bytes_out\":0,[^\n]*\"cut\":true"));
}

TEST_F(ConnectionTest, HalfOpenOnesDoNotDelayOthers) {
  server_.header_timeout = milliseconds(5000);
  start();
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<HttpClient>(port_));
    clients.back()->send("POST /v1/answer HTTP/1.1\r\nContent-Le");
  }
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(post("/v1/answer", kQuestion).status, 200);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(2000));
}

TEST_F(ConnectionTest, AreLimitedInNumberAndOthersWait) {
  server_.connections = 3;
  start();
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<HttpClient>(port_));
    EXPECT_EQ(clients.back()->exchange(http_request("GET", "/livez"))->status, 200);
  }
  HttpClient late(port_);
  late.send(http_request("GET", "/livez"));
  clients.pop_back();
  EXPECT_EQ(late.read_response()->status, 200);
}

// One line of the log says so, not ten a second.
TEST_F(ConnectionTest, WaitWithoutDescriptorsAndOneLineSaysWhy) {
  start();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(next, 0);
  ::close(next);
  rlimit one_left = before;
  one_left.rlim_cur = static_cast<rlim_t>(next) + 1;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &one_left), 0);
  {
    HttpClient client(port_);  // takes it
    std::this_thread::sleep_for(milliseconds(500));
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(client.exchange(http_request("GET", "/livez")).value_or(HttpResponse{}).status, 200);
  }
  stop_at_once();
  const std::string text = log();
  const std::size_t told = text.find("cannot accept a connection");
  ASSERT_NE(told, std::string::npos);
  EXPECT_EQ(text.find("cannot accept a connection", told + 1), std::string::npos) << text;
}

TEST_F(ConnectionTest, AClientThatLeavesCancelsItsRequest) {
  start();
  service_->hold();
  HttpClient resets(port_);
  resets.send(http_request("POST", "/v1/answer", kQuestion));
  HttpClient closes(port_);
  closes.send(http_request("POST", "/v1/answer", kQuestion));
  HttpClient stays(port_);
  stays.send(http_request("POST", "/v1/answer", R"({"question":"stays","passage":"t"})"));
  service_->wait_for_questions(3);
  resets.reset();
  closes.close();
  const auto left = [&] {
    int count = 0;
    for (std::size_t i = 0; i < 3; ++i) count += service_->client(i).stop_requested() ? 1 : 0;
    return count;
  };
  EXPECT_TRUE(eventually([&] { return left() == 2; }));
  service_->release();
  EXPECT_EQ(Json::parse(stays.read_response()->body)["answers"][0]["text"], "stays");
  EXPECT_EQ(left(), 2);
  EXPECT_THAT(get("/metrics").body, HasSubstr("deformer_clients_gone_total 2"));
}

// The next request hides its end.
TEST_F(ConnectionTest, AClientThatLeavesBehindFurtherBytesIsNoticedToo) {
  start();
  service_->hold();
  const std::string asked = http_request("POST", "/v1/answer", kQuestion);
  HttpClient at_once(port_);
  at_once.send(asked + http_request("GET", "/livez"));
  service_->wait_for_questions(1);
  HttpClient later(port_);
  later.send(asked);
  service_->wait_for_questions(2);
  later.send("GET /li");
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_FALSE(service_->client(0).stop_requested());
  at_once.close();
  later.close();
  EXPECT_TRUE(eventually([&] {
    return service_->client(0).stop_requested() && service_->client(1).stop_requested();
  }));
}

TEST_F(ConnectionTest, AClientThatLeavesGivesItsPutUp) {
  start();
  service_->hold_store();
  HttpClient client(port_);
  client.send(http_request("PUT", "/v1/passages/a", R"({"text":"t"})"));
  service_->wait_for_puts(1);
  client.close();
  EXPECT_TRUE(eventually([&] { return service_->last_put().cancel.stop_requested(); }));
}

// Its lines are answered without being asked, and it is no whole stream.
TEST_F(ConnectionTest, AStreamOfAClientThatLeftAsksNoMore) {
  start();
  service_->hold();
  HttpClient client(port_);
  ask_200_and_leave(client, "broken\n");
  const auto response = client.read_response();
  ASSERT_TRUE(response);
  EXPECT_EQ(std::count(response->body.begin(), response->body.end(), '\n'), 201);
  EXPECT_THAT(response->body, testing::Not(HasSubstr("answers")));
  EXPECT_LE(service_->asked(), 64U);
  stop_at_once();
  EXPECT_THAT(log(), testing::ContainsRegex("\"route\":\"/v1/answer\"[^\n]*\"cut\":true"));
}

// Answers that come behind the end of the response keep nothing alive.
TEST_F(ConnectionTest, AStreamThatBreaksOffLetsGoOfItsConnection) {
  server_.grace = milliseconds(60'000);
  start();
  for (const bool with_reset : {false, true}) {
    break_a_stream_off(with_reset);
    ASSERT_TRUE(eventually([&] { return metrics_have("deformer_connections 1"); })) << with_reset;
  }
  const auto begin = std::chrono::steady_clock::now();
  running_->stop();
  join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(20'000));
  EXPECT_FALSE(running_->overran());
}

TEST_F(ConnectionTest, AStreamThatHasNotBegunIsGivenUpAsAWhole) {
  start();
  service_->hold();
  HttpClient client(port_);
  ask_200_and_leave(client, "");
  const auto response = client.read_response();
  ASSERT_TRUE(response);
  expect_error(*response, 499, "client_left");
  EXPECT_EQ(service_->asked(), 64U);
}

// The service is well, and says so.
TEST_F(ConnectionTest, AClientThatLeftIsNotToldThatTheServiceStops) {
  start();
  service_->hold();
  HttpClient client(port_);
  client.send(http_request("POST", "/v1/answer", kQuestion));
  service_->wait_for_questions(1);
  client.half_close();
  EXPECT_TRUE(eventually([&] { return service_->client(0).stop_requested(); }));
  service_->release();
  const auto response = client.read_response();
  ASSERT_TRUE(response);
  expect_error(*response, 499, "client_left");
}

TEST_F(ConnectionTest, MalformedRequestsGet400) {
  start();
  for (const char* const text :
       {"nonsense\r\n\r\n", "GET /livez HTTP/9.9\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: h\r\nBad Header\r\n\r\n",
        "POST /v1/answer HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        "POST /v1/answer HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: "
        "6\r\n\r\n12345"}) {
    HttpClient client(port_);
    const auto response = client.exchange(text);
    ASSERT_TRUE(response) << text;
    expect_error(*response, 400, "invalid_http");
    EXPECT_TRUE(client.at_end());
  }
  EXPECT_EQ(get("/livez").status, 200);
}

// Where such a body ends is not known: its bytes must not become a request.
TEST_F(ConnectionTest, AnUnknownTransferEncodingEndsTheConnection) {
  start();
  for (const std::string encoding :
       {"gzip", "gzip, chunked", "chunked\r\nTransfer-Encoding: gzip"}) {
    HttpClient client(port_);
    client.send(
        "POST /v1/answer HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: " +
        encoding + "\r\n\r\nGET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
    const auto response = client.read_response();
    ASSERT_TRUE(response) << encoding;
    EXPECT_EQ(response->status, 400) << encoding;
    EXPECT_TRUE(client.at_end()) << encoding;
  }
}

// Whom the request is for is not known: a proxy may go by the other one.
TEST_F(ConnectionTest, TwoHostsEndTheConnection) {
  start();
  HttpClient client(port_);
  const auto response =
      client.exchange("GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: other\r\n\r\n");
  ASSERT_TRUE(response);
  expect_error(*response, 400, "invalid_http");
  EXPECT_TRUE(client.at_end());
}

// Nor is it then, whatever the target says.
TEST_F(ConnectionTest, ARequestWithoutAHostEndsTheConnection) {
  start();
  for (const char* const target : {"/livez", "http://localhost/livez"}) {
    HttpClient client(port_);
    const auto response =
        client.exchange("GET " + std::string(target) + " HTTP/1.1\r\nAccept: */*\r\n\r\n");
    ASSERT_TRUE(response) << target;
    expect_error(*response, 400, "invalid_http");
    EXPECT_THAT(response->body, HasSubstr("Host: expected one, found none"));
    EXPECT_TRUE(client.at_end()) << target;
  }
  EXPECT_EQ(http(port_, "GET /livez HTTP/1.1\r\nHost:\r\n\r\n").status, 200);
  EXPECT_EQ(http(port_, "GET /livez HTTP/1.0\r\n\r\n").status, 200);
}

TEST_F(ConnectionTest, ALongMethodIsNotRepeatedWhole) {
  start();
  const HttpResponse response =
      http(port_, std::string(5000, 'M') + " /livez HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(response.status, 405);
  EXPECT_LT(response.body.size(), 200U);
}

TEST_F(ConnectionTest, LongHeadersGet431) {
  server_.header_bytes = 1000;
  start();
  const HttpResponse response = get("/livez", "X: " + std::string(2000, 'x') + "\r\n");
  expect_error(response, 431, "headers_too_large");
}

TEST_F(ConnectionTest, HeadGetsNoBody) {
  start();
  HttpClient client(port_);
  client.send("HEAD /livez HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.read_line(), HasSubstr("200"));
  while (client.read_line() != "\r\n") {
  }
  EXPECT_EQ(client.exchange(http_request("GET", "/livez"))->body, "live\n");
  stop_at_once();
  EXPECT_THAT(log(), testing::ContainsRegex("\"method\":\"HEAD\"[^\n]*\"bytes_out\":0,"));
  EXPECT_THAT(log(), testing::ContainsRegex("\"method\":\"GET\"[^\n]*\"bytes_out\":5,"));
}

}  // namespace
}  // namespace deformer::test
