// Connections of the server.
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace deformer::serve {

class Api;
class Log;
class Metrics;
struct ServerOptions;

/// What the server asks of a connection; safe for concurrent calls.
class Connection {
 public:
  Connection() = default;
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// The server stops: the next response is the last, an idle connection ends soon.
  virtual void say_farewell() = 0;
  /// The grace is over: a request under way is cancelled.
  virtual void cancel_request() = 0;
  virtual void close() = 0;
};

/// What connections share; outlives them.
struct ServerContext {
  ServerContext(const ServerOptions& with, const Api& routes, Metrics& counters, const Log& to)
      : options(with), api(routes), metrics(counters), log(to) {}

  const ServerOptions& options;
  const Api& api;
  Metrics& metrics;
  const Log& log;
  std::atomic<bool> closing{false};  ///< responses say "Connection: close"

  void enter(const std::shared_ptr<Connection>& connection);
  void leave(const Connection* connection);
  [[nodiscard]] std::vector<std::shared_ptr<Connection>> all() const;
  [[nodiscard]] std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<const Connection*, std::weak_ptr<Connection>> connections_;
};

/// Reads and answers requests until the connection ends. `tls` may be null.
void start_connection(ServerContext& context, boost::asio::ip::tcp::socket socket,
                      const std::shared_ptr<boost::asio::ssl::context>& tls);

}  // namespace deformer::serve
