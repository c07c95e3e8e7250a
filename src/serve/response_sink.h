// What an exchange asks of its connection.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <string>
#include <vector>

namespace deformer::serve {

struct ServerContext;

/// All but executor() belong to the connection's thread.
class ResponseSink {
 public:
  ResponseSink() = default;
  virtual ~ResponseSink() = default;
  ResponseSink(const ResponseSink&) = delete;
  ResponseSink& operator=(const ResponseSink&) = delete;

  [[nodiscard]] virtual ServerContext& context() = 0;
  [[nodiscard]] virtual boost::asio::any_io_executor executor() = 0;
  [[nodiscard]] virtual bool is_open() const = 0;
  /// The client has closed its side.
  [[nodiscard]] virtual bool client_left() const = 0;
  /// Sends the parts one after the other, in the time for a piece. One write at a time. `written`:
  /// whether the system has taken them.
  virtual void write(std::vector<std::string> parts, std::function<void(bool)> written) = 0;
  /// The response has ended, whole or cut off.
  virtual void after_response(bool whole, bool keep_alive) = 0;
  virtual void close_now() = 0;
};

}  // namespace deformer::serve
