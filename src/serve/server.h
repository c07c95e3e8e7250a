// The HTTP server: listens, reads requests, writes responses, stops in order.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace deformer::serve {

struct ApiOptions;
class AnswerService;
class Log;

struct ServerOptions {
  std::string address = "127.0.0.1";  ///< an IPv4 or IPv6 address
  std::uint16_t port = 8080;          ///< 0 = any free one
  int io_threads = 1;
  std::string certificate = {};  ///< PEM, chain included; with it TLS is spoken
  std::string private_key = {};  ///< PEM
  std::string api_keys = {};     ///< file of ApiKeys::load(); empty: everyone may do everything

  std::size_t connections = 10'000;
  std::size_t header_bytes = 16'384;
  std::chrono::milliseconds header_timeout{10'000};  ///< from a request's first byte; TLS too
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds write_timeout{30'000};  ///< of each piece of a response
  std::chrono::milliseconds idle_timeout{75'000};   ///< between requests

  std::chrono::milliseconds drain{0};       ///< serves on for so long once told to stop
  std::chrono::milliseconds grace{30'000};  ///< then work that has begun may take so long
};

/// True for 127.0.0.0/8 and ::1.
[[nodiscard]] bool is_loopback(const std::string& address);

/// Listens from the moment it is made; /readyz says no until set_service(). All methods but run()
/// are safe for concurrent calls.
class Server {
 public:
  /// Throws kInvalidArgument for a malformed address, kIo when it cannot listen there, and what
  /// reading keys and certificate throws.
  Server(ServerOptions options, ApiOptions api, std::shared_ptr<const Log> log);
  /// The service must have been closed, so that it calls back no more.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Serves until stopped: requests that have begun are answered. Returns when no connection is
  /// left or drain and grace are over: then what outlasted them was answered 503, and the service
  /// may compute on (overran()).
  void run();

  void set_service(std::shared_ptr<AnswerService> service);
  /// SIGTERM and SIGINT stop; a second one calls `end_at_once`, or where it is empty closes all
  /// connections. SIGHUP reloads. While run() runs.
  void handle_signals(std::function<void()> end_at_once = {});
  void stop();
  void stop_at_once();
  /// Reads keys and certificate anew; what cannot be read is logged and stays as it was.
  void reload();

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] bool stopping() const;
  /// After run(): requests were under way when the grace was over, or it was stopped at once.
  [[nodiscard]] bool overran() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace deformer::serve
