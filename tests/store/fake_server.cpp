#include "store/fake_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace deformer::test {

FakeServer::FakeServer(std::vector<std::string> answers) : answers_(std::move(answers)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, raw, size) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, raw, &size) != 0) {
    throw std::runtime_error("cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

FakeServer::~FakeServer() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

std::string FakeServer::uri() const {
  return "redis://127.0.0.1:" + std::to_string(port_) + "/fake?retries=1";
}

std::vector<std::string> FakeServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void FakeServer::serve() {
  for (std::size_t connection = 0;; ++connection) {
    const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor < 0) return;
    std::array<char, 4096> request{};
    const std::string& answer = answers_[std::min(connection, answers_.size() - 1)];
    const ssize_t size = ::recv(descriptor, request.data(), request.size(), 0);
    if (size > 0) {
      {
        const std::lock_guard lock(mutex_);
        requests_.emplace_back(request.data(), static_cast<std::size_t>(size));
      }
      ::send(descriptor, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
    ::close(descriptor);
  }
}

}  // namespace deformer::test
