// Servers of Debian's redis-server for tests: loopback only, free ports, gone with the object.
#pragma once

#include <sys/types.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "store/redis_connection.h"
#include "support/temp_dir.h"

namespace deformer::test {

/// Why no server can be started here; empty when one can.
[[nodiscard]] std::string why_no_redis();

/// To be used from one thread: the system ends the server with the thread that started it.
class RedisServer {
 public:
  /// `arguments` are those of redis-server, e.g. {"--requirepass", "x"}. Ready when it returns.
  explicit RedisServer(std::vector<std::string> arguments = {}, bool is_cluster = false);
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] int bus_port() const { return bus_port_; }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// redis://127.0.0.1:PORT/PREFIX
  [[nodiscard]] std::string uri(const std::string& prefix) const;
  [[nodiscard]] pid_t pid() const { return pid_; }

  void kill();        ///< as a crash does
  void start();       ///< again, on the same port and without its data
  void stop() const;  ///< holds the process: it takes connections and answers nothing
  void go_on() const;

  /// One command on a connection of its own.
  [[nodiscard]] RedisReply run(const RedisWords& command) const;

 private:
  void wait_until_ready() const;

  TempDir directory_;
  std::vector<std::string> arguments_;
  bool is_cluster_;
  int port_ = 0;
  int bus_port_ = 0;
  pid_t pid_ = -1;
};

/// Three masters that share all slots.
class RedisClusterServers {
 public:
  RedisClusterServers();

  [[nodiscard]] RedisServer& node(std::size_t index) { return *nodes_.at(index); }
  [[nodiscard]] std::string uri(const std::string& prefix) const { return nodes_[0]->uri(prefix); }
  /// Node that owns a slot when nothing was moved.
  [[nodiscard]] static std::size_t first_owner(unsigned slot);
  [[nodiscard]] std::string node_id(std::size_t index) const;

 private:
  void share_slots();
  void wait_until_up();

  std::array<std::unique_ptr<RedisServer>, 3> nodes_;
};

}  // namespace deformer::test
