// A server with a fake service on a free port of the loopback.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "serve/api.h"
#include "serve/fake_service.h"
#include "serve/http_client.h"
#include "serve/log.h"
#include "serve/server.h"
#include "support/temp_dir.h"

namespace deformer::test {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;

class ServerTest : public testing::Test {
 protected:
  ServerTest() { server_.port = 0; }
  ~ServerTest() override {
    service_->release();
    if (running_) stop_at_once();
  }

  void start(bool with_service = true) {
    log_file_ = ::fopen((directory_ / "log").c_str(), "w");
    const auto log = std::make_shared<const serve::Log>(
        serve::LogFormat::kJson, serve::LogLevel::kInfo, ::fileno(log_file_));
    running_ = std::make_unique<serve::Server>(server_, api_, log);
    port_ = running_->port();
    if (with_service) running_->set_service(service_);
    thread_ = std::thread([this] { running_->run(); });
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  void stop_at_once() {
    running_->stop_at_once();
    join();
    running_.reset();
    ::fclose(log_file_);
  }

  HttpResponse get(const std::string& path, const std::string& more = "") const {
    return http(port_, http_request("GET", path, "", "", more));
  }
  HttpResponse post(const std::string& path, const std::string& body,
                    const std::string& type = "application/json",
                    const std::string& more = "") const {
    return http(port_, http_request("POST", path, body, type, more));
  }
  [[nodiscard]] std::string write_file(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name) << text;
    return (directory_ / name).string();
  }
  [[nodiscard]] std::string log() const {
    std::ostringstream text;
    text << std::ifstream(directory_ / "log").rdbuf();
    return text.str();
  }

  static void expect_error(const HttpResponse& response, int status, const std::string& code,
                           const std::string& field = "") {
    EXPECT_EQ(response.status, status) << response.body;
    const Json body = Json::parse(response.body, nullptr, false);
    ASSERT_FALSE(body.is_discarded()) << response.body;
    EXPECT_EQ(body["error"]["code"], code);
    EXPECT_EQ(body["error"].value("field", ""), field) << response.body;
    EXPECT_NE(body["error"]["message"], "");
  }

  TempDir directory_;
  serve::ServerOptions server_;
  serve::ApiOptions api_;
  std::shared_ptr<FakeService> service_ = std::make_shared<FakeService>();
  std::unique_ptr<serve::Server> running_;
  std::uint16_t port_ = 0;

 private:
  FILE* log_file_ = nullptr;
  std::thread thread_;
};

inline const std::string kQuestion = R"({"question":"Who?","passage":"Someone."})";

}  // namespace deformer::test
