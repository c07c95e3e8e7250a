// How a server begins and ends.
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "deformer/error.h"
#include "serve/server_fixture.h"
#include "support/eventually.h"
#include "support/expect_error.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;

class ServerStop : public ServerTest {
 protected:
  // The port answers no more.
  [[nodiscard]] bool door_is_closed() const {
    return eventually([&] {
      try {
        const HttpClient client(port_);
        return false;
      } catch (const std::runtime_error&) {
        return true;
      }
    });
  }
};

TEST_F(ServerStop, AnswersWhatHasBegunAndThenEnds) {
  start();
  service_->hold();
  HttpClient client(port_);
  client.send(http_request("POST", "/v1/answer", kQuestion));
  service_->wait_for_questions(1);
  running_->stop();
  EXPECT_TRUE(door_is_closed());
  EXPECT_FALSE(service_->client(0).stop_requested());
  service_->release();
  const auto response = client.read_response();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->headers.at("connection"), "close");
  client.close();
  join();
}

TEST_F(ServerStop, SaysNotReadyAtOnceAndServesOnWhileItDrains) {
  server_.drain = milliseconds(60'000);
  start();
  running_->stop();
  EXPECT_TRUE(eventually([&] { return get("/readyz").status != 200; }));
  expect_error(get("/readyz"), 503, "stopping");
  EXPECT_EQ(get("/livez").status, 200);
  EXPECT_EQ(post("/v1/answer", kQuestion).status, 200);
}

// Nobody has been told that it is ready.
TEST_F(ServerStop, DoesNotDrainBeforeTheModelIsLoaded) {
  server_.drain = milliseconds(120'000);
  start(/*with_service=*/false);
  running_->stop();
  EXPECT_TRUE(door_is_closed());
  join();
}

TEST_F(ServerStop, AnIdleConnectionGetsItsLastAnswer) {
  start();
  HttpClient client(port_);
  EXPECT_EQ(client.exchange(http_request("GET", "/livez"))->status, 200);
  running_->stop();
  EXPECT_TRUE(door_is_closed());
  const auto response = client.exchange(http_request("POST", "/v1/answer", kQuestion));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_TRUE(client.at_end());
  join();
}

TEST_F(ServerStop, IdleConnectionsDoNotKeepItUp) {
  start();
  HttpClient client(port_);
  EXPECT_EQ(client.exchange(http_request("GET", "/livez"))->status, 200);
  running_->stop();
  join();
  EXPECT_TRUE(client.at_end());
}

TEST_F(ServerStop, CancelsWhatOutlastsTheGrace) {
  server_.grace = milliseconds(100);
  start();
  service_->hold();
  HttpClient client(port_);
  client.send(http_request("POST", "/v1/answer", kQuestion));
  service_->wait_for_questions(1);
  running_->stop();
  // What computes need not look up for that.
  const auto response = client.read_response();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 503);
  EXPECT_TRUE(service_->client(0).stop_requested());
  client.close();
  join();
  EXPECT_TRUE(running_->overran());
  service_->release();
}

// A bulk put that waits for room does not keep the process alive.
TEST_F(ServerStop, WhatWaitsForRoomEndsToo) {
  server_.grace = milliseconds(100);
  service_->set_room(1);
  start();
  std::string lines;
  for (int i = 0; i < 100; ++i) {
    lines += "{\"id\":\"p" + std::to_string(i) + "\",\"text\":\"t\"}\n";
  }
  HttpClient client(port_);
  client.send(http_request("POST", "/v1/passages", lines, "application/x-ndjson"));
  EXPECT_THAT(client.read_line(), HasSubstr("200"));
  running_->stop();
  join();
  EXPECT_TRUE(running_->overran());
  EXPECT_THAT(log(), HasSubstr("\"route\":\"/v1/passages\",\"status\":200"));
}

TEST_F(ServerStop, LosesNoRequestUnderLoad) {
  start();
  std::atomic<int> lost{0};
  std::atomic<int> answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      try {
        while (true) {
          HttpClient client(port_);
          for (bool open = true; open;) {
            const auto response = client.exchange(http_request("POST", "/v1/answer", kQuestion));
            if (!response || response->status != 200) {
              ++lost;
              return;
            }
            ++answered;
            open = response->headers.count("connection") == 0;
          }
        }
      } catch (const std::runtime_error&) {
        // The door is closed.
      }
    });
  }
  EXPECT_TRUE(eventually([&] { return answered >= 200 || lost > 0; }));
  running_->stop();
  for (std::thread& client : clients) client.join();
  join();
  EXPECT_EQ(lost, 0);
}

// Many times, because the door has to close at the very moment.
TEST_F(ServerStop, ServesWhoCameAsTheDoorClosed) {
  const auto quiet =
      std::make_shared<const serve::Log>(serve::LogFormat::kPlain, serve::LogLevel::kError);
  for (int round = 0; round < 50; ++round) {
    serve::Server server({.port = 0, .io_threads = 2}, {}, quiet);
    std::thread thread([&] { server.run(); });
    std::vector<std::unique_ptr<HttpClient>> clients;
    for (int i = 0; i < 8; ++i) {
      clients.push_back(std::make_unique<HttpClient>(server.port()));
      clients.back()->send(http_request("GET", "/livez"));
    }
    server.stop();
    for (const auto& client : clients) {
      EXPECT_EQ(client->read_response().value_or(HttpResponse{}).status, 200) << round;
    }
    clients.clear();
    thread.join();
  }
}

TEST_F(ServerStop, SeveralThreadsServeToo) {
  server_.io_threads = 3;
  start();
  std::vector<std::thread> clients;
  std::atomic<int> good{0};
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back([&] {
      HttpClient client(port_);
      for (int j = 0; j < 50; ++j) {
        const auto response = client.exchange(http_request("POST", "/v1/answer", kQuestion));
        good += response && response->status == 200 ? 1 : 0;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good, 300);
}

TEST(ServerListen, SaysWhyItCannot) {
  const auto log =
      std::make_shared<const serve::Log>(serve::LogFormat::kPlain, serve::LogLevel::kError);
  serve::Server first({.port = 0}, {}, log);
  expect_error(ErrorCode::kIo, "cannot listen on 127.0.0.1 port",
               [&] { const serve::Server second({.port = first.port()}, {}, log); });
  expect_error(ErrorCode::kInvalidArgument, "expected an IPv4 or IPv6 address",
               [&] { const serve::Server other({.address = "nowhere", .port = 0}, {}, log); });
  expect_error(ErrorCode::kNotFound, "/nowhere/keys", [&] {
    const serve::Server other({.port = 0, .api_keys = "/nowhere/keys"}, {}, log);
  });
  expect_error(ErrorCode::kNotFound, "/nowhere/c.pem: expected a certificate", [&] {
    const serve::Server other({.port = 0, .certificate = "/nowhere/c.pem", .private_key = "k"}, {},
                              log);
  });
}

TEST(ServerListen, KnowsTheLoopbackInterface) {
  EXPECT_TRUE(serve::is_loopback("127.0.0.1"));
  EXPECT_TRUE(serve::is_loopback("127.3.2.1"));
  EXPECT_TRUE(serve::is_loopback("::1"));
  EXPECT_FALSE(serve::is_loopback("0.0.0.0"));
  EXPECT_FALSE(serve::is_loopback("::"));
  EXPECT_FALSE(serve::is_loopback("10.0.0.1"));
}

}  // namespace
}  // namespace deformer::test
