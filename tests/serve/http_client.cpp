#include "serve/http_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>
#include <stdexcept>

namespace deformer::test {
namespace {

constexpr int kWaitMs = 10'000;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

HttpClient::HttpClient(std::uint16_t port)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(socket_);
    throw std::runtime_error("cannot connect");
  }
}

HttpClient::~HttpClient() {
  close();
}

void HttpClient::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

void HttpClient::reset() {
  const linger at_once{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

bool HttpClient::send(const std::string& bytes) const {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

void HttpClient::half_close() const {
  ::shutdown(socket_, SHUT_WR);
}

bool HttpClient::fill() {
  pollfd query{socket_, POLLIN, 0};
  if (::poll(&query, 1, kWaitMs) <= 0) return false;
  std::array<char, 65'536> bytes{};
  const ssize_t count = ::recv(socket_, bytes.data(), bytes.size(), 0);
  if (count <= 0) return false;
  buffer_.append(bytes.data(), static_cast<std::size_t>(count));
  return true;
}

bool HttpClient::fill_to(std::size_t bytes) {
  while (buffer_.size() < bytes) {
    if (!fill()) return false;
  }
  return true;
}

std::string HttpClient::read_line() {
  std::size_t end = std::string::npos;
  while ((end = buffer_.find('\n')) == std::string::npos && fill()) {
  }
  const std::size_t size = end == std::string::npos ? buffer_.size() : end + 1;
  std::string line = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return line;
}

std::optional<HttpResponse> HttpClient::read_response() {
  HttpResponse response;
  std::istringstream status(read_line());
  std::string version;
  status >> version >> response.status;
  if (response.status == 0) return std::nullopt;
  for (std::string line = read_line(); line != "\r\n"; line = read_line()) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) return std::nullopt;
    response.headers[lower(line.substr(0, colon))] =
        line.substr(colon + 2, line.size() - colon - 4);
  }
  const auto take = [&](std::size_t size) {
    if (!fill_to(size)) return false;
    response.body += buffer_.substr(0, size);
    buffer_.erase(0, size);
    return true;
  };
  if (response.headers.contains("content-length")) {
    if (!take(std::stoul(response.headers["content-length"]))) return std::nullopt;
  } else if (response.headers["transfer-encoding"] == "chunked") {
    while (const std::size_t size = std::stoul("0" + read_line(), nullptr, 16)) {
      if (!take(size)) return std::nullopt;
      static_cast<void>(read_line());
    }
    static_cast<void>(read_line());
  }
  return response;
}

bool HttpClient::at_end() {
  return !fill() && buffer_.empty();
}

std::optional<HttpResponse> HttpClient::exchange(const std::string& request) {
  send(request);
  return read_response();
}

std::string http_request(const std::string& method, const std::string& path,
                         const std::string& body, const std::string& type,
                         const std::string& more) {
  std::string text = method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n" + more;
  if (!body.empty()) {
    text += "Content-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return text + "\r\n" + body;
}

HttpResponse http(std::uint16_t port, const std::string& request) {
  HttpClient client(port);
  const auto response = client.exchange(request);
  EXPECT_TRUE(response.has_value());
  return response.value_or(HttpResponse{});
}

}  // namespace deformer::test
