// A request of a connection, and its response on the way back.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "serve/exchange.h"
#include "serve/response_sink.h"

namespace deformer::serve {

/// A request and how it came.
struct RequestArrival {
  Request request;
  std::stop_token gone;
  std::chrono::steady_clock::time_point begin;  ///< its first byte
  bool keep_alive = true;                       ///< as asked for
  bool http_10 = false;
};

/// Keeps its connection alive. Made by std::make_shared.
class HttpExchange final : public Exchange, public std::enable_shared_from_this<HttpExchange> {
 public:
  HttpExchange(std::shared_ptr<ResponseSink> sink, RequestArrival arrival);
  ~HttpExchange() override;

  [[nodiscard]] const Request& request() const override { return arrival_.request; }
  [[nodiscard]] std::stop_token gone() const override { return arrival_.gone; }
  [[nodiscard]] bool client_left() const override { return sink_->client_left(); }
  void run(std::function<void()> function) override;
  void run_after(std::chrono::milliseconds delay, std::function<void()> function) override;
  void respond_within(std::chrono::milliseconds time) override;
  void respond(Response response) override;
  void begin_stream(const Response& head) override;
  void write(std::string piece, std::function<void()> written) override;
  void end_stream() override;
  void set_route(std::string_view route) override { route_ = route; }

 private:
  struct Piece {
    std::string text;
    std::size_t body_bytes;
    std::function<void()> written;
  };

  [[nodiscard]] ServerContext& context() const { return sink_->context(); }
  void call(const std::function<void()>& function);
  void let_go() const;
  [[nodiscard]] std::string head_text(Response response);
  void write_next();
  void on_written(bool whole);
  void finish(bool whole);
  void record(bool whole) const;
  void log(double seconds, bool whole) const;

  std::shared_ptr<ResponseSink> sink_;
  RequestArrival arrival_;
  std::string route_;
  std::deque<Piece> pieces_;
  std::size_t bytes_ = 0;  // of the body that the system has taken
  int status_ = 0;
  std::optional<boost::asio::steady_timer> deadline_;
  bool answered_ = false;
  bool streaming_ = false;  // so it was answered
  bool writing_ = false;
  bool ended_ = false;
  bool finished_ = false;
};

}  // namespace deformer::serve
