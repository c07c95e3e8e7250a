// A server that says exactly what a test wants: broken replies, silence, a closed door.
#pragma once

#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace deformer::test {

/// Takes connections on a free port of the loopback, one after the other. To what arrives on the
/// n-th connection it answers the n-th text (the last one again and again), then closes it.
class FakeServer {
 public:
  explicit FakeServer(std::vector<std::string> answers);
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string uri() const;
  /// What arrived on each connection, of those that are answered.
  [[nodiscard]] std::vector<std::string> requests() const;

 private:
  void serve();

  std::vector<std::string> answers_;
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace deformer::test
