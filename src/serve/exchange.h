// One request and what becomes of it: what the routes know of a connection.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>

#include "serve/message.h"

namespace deformer::serve {

/// Made by a connection for each request. All but run() and gone() belong to the connection's
/// thread: what calls back from another one goes through run(). Exactly one of respond() and
/// begin_stream() is called. When all let go of an exchange without either, or before end_stream(),
/// its connection is closed: log and metrics have it as cut off, without a response as 500. What
/// a function given to run(), run_after() or write() throws becomes the response, where there was
/// none yet.
class Exchange {
 public:
  virtual ~Exchange() = default;

  [[nodiscard]] virtual const Request& request() const = 0;
  /// Stops when the client has left, and when the grace of a stopping server is over.
  [[nodiscard]] virtual std::stop_token gone() const = 0;
  /// Whether it is the client that has left.
  [[nodiscard]] virtual bool client_left() const = 0;
  /// Runs `function` on the connection's thread, soon.
  virtual void run(std::function<void()> function) = 0;
  virtual void run_after(std::chrono::milliseconds delay, std::function<void()> function) = 0;
  /// Answers 504 once the time is over, unless something else has been answered by then: what
  /// computes looks at its own deadline between batches alone.
  virtual void respond_within(std::chrono::milliseconds time) = 0;

  virtual void respond(Response response) = 0;
  /// Sends status and headers; the body follows piece by piece. Where it was answered already
  /// nothing of the stream is sent.
  virtual void begin_stream(const Response& head) = 0;
  /// `written` is called when the system has taken the piece; never when the connection broke: then
  /// pieces and what they hold are let go of.
  virtual void write(std::string piece, std::function<void()> written) = 0;
  virtual void end_stream() = 0;

  /// For log and metrics: the route's pattern, so that no passage id is logged.
  virtual void set_route(std::string_view route) = 0;
};

}  // namespace deformer::serve
