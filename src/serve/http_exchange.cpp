#include "serve/http_exchange.h"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/beast/http.hpp>
#include <cstdio>
#include <sstream>
#include <utility>
#include <vector>

#include "deformer/error.h"
#include "serve/api.h"
#include "serve/api_error.h"
#include "serve/connection.h"
#include "serve/log.h"
#include "serve/metrics.h"
#include "serve/server.h"

namespace deformer::serve {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

std::string decimals(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", value);
  return text.data();
}

}  // namespace

HttpExchange::HttpExchange(std::shared_ptr<ResponseSink> sink, RequestArrival arrival)
    : sink_(std::move(sink)),
      arrival_(std::move(arrival)),
      route_(Api::route_name(arrival_.request)) {
  ++context().metrics.requests_under_way;
}

HttpExchange::~HttpExchange() {
  if (finished_) return;
  --context().metrics.requests_under_way;
  if (!answered_) status_ = 500;
  try {
    let_go();
  } catch (const std::exception&) {
    // There is no memory left even to say so.
  }
}

// Nobody answers it any more, or goes on with its stream. The connection's thread may be another
// one.
void HttpExchange::let_go() const {
  asio::post(sink_->executor(), [sink = sink_] { sink->close_now(); });
  record(false);
}

void HttpExchange::run(std::function<void()> function) {
  asio::post(sink_->executor(),
             [self = shared_from_this(), function = std::move(function)] { self->call(function); });
}

// What a handler throws ends its own request: of a stream that has begun what was to go on with it
// is gone, so that it is let go.
void HttpExchange::call(const std::function<void()>& function) {
  try {
    function();
  } catch (const std::exception& thrown) {
    respond(to_response(to_api_error(thrown)));
  }
}

void HttpExchange::run_after(std::chrono::milliseconds delay, std::function<void()> function) {
  const auto timer = std::make_shared<asio::steady_timer>(sink_->executor(), delay);
  timer->async_wait([self = shared_from_this(), timer, function = std::move(function)](
                        const boost::system::error_code&) { self->call(function); });
}

void HttpExchange::respond_within(std::chrono::milliseconds time) {
  deadline_.emplace(sink_->executor(), time);
  deadline_->async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->respond(to_response(to_api_error(Error(ErrorCode::kTimedOut, ""))));
  });
}

void HttpExchange::respond(Response response) {
  if (answered_) return;
  answered_ = true;
  std::string body = std::exchange(response.body, {});
  if (response.status != 204) {
    response.headers.emplace_back("Content-Length", std::to_string(body.size()));
  }
  if (request().method == "HEAD") body.clear();
  const std::size_t bytes = body.size();
  std::vector<std::string> parts{head_text(std::move(response))};
  if (!body.empty()) parts.push_back(std::move(body));
  sink_->write(std::move(parts), [self = shared_from_this(), bytes](bool whole) {
    if (whole) self->bytes_ = bytes;
    self->finish(whole);
  });
}

void HttpExchange::begin_stream(const Response& head) {
  if (answered_) return;
  answered_ = true;
  streaming_ = true;
  Response response = head;
  if (arrival_.http_10) {
    // HTTP/1.0 knows no chunks: there the end of the connection is the end of the body.
    arrival_.keep_alive = false;
  } else {
    response.headers.emplace_back("Transfer-Encoding", "chunked");
  }
  pieces_.push_back({head_text(std::move(response)), 0, nullptr});
  write_next();
}

// Once it has finished nothing is sent, and a piece must not stay: its callback holds the exchange.
void HttpExchange::write(std::string piece, std::function<void()> written) {
  if (!streaming_ || finished_) return;
  const std::size_t bytes = piece.size();
  if (!arrival_.http_10) {
    std::array<char, 24> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", bytes);
    piece = size.data() + piece + "\r\n";
  }
  pieces_.push_back({std::move(piece), bytes, std::move(written)});
  write_next();
}

void HttpExchange::end_stream() {
  if (!streaming_ || finished_) return;
  ended_ = true;
  if (!arrival_.http_10) pieces_.push_back({"0\r\n\r\n", 0, nullptr});
  write_next();
}

// Status line and headers.
std::string HttpExchange::head_text(Response response) {
  context().api.add_headers(request(), response);
  status_ = response.status;
  arrival_.keep_alive = arrival_.keep_alive && !context().closing;
  http::response<http::empty_body> message;
  message.version(arrival_.http_10 ? 10 : 11);
  message.result(static_cast<unsigned>(response.status));
  if (!response.content_type.empty()) {
    message.set(http::field::content_type, response.content_type);
  }
  for (const auto& [name, value] : response.headers) message.insert(name, value);
  message.keep_alive(arrival_.keep_alive);
  std::ostringstream text;
  text << message.base();
  return text.str();
}

void HttpExchange::write_next() {
  if (writing_ || finished_) return;
  if (!sink_->is_open()) return finish(false);
  if (pieces_.empty()) {
    // The system takes what it is given for a client that has left, too.
    if (ended_) finish(!sink_->client_left());
    return;
  }
  writing_ = true;
  std::vector<std::string> parts{std::move(pieces_.front().text)};
  sink_->write(std::move(parts),
               [self = shared_from_this()](bool whole) { self->on_written(whole); });
}

void HttpExchange::on_written(bool whole) {
  writing_ = false;
  if (finished_) return;
  const Piece piece = std::move(pieces_.front());
  pieces_.pop_front();
  if (!whole) return finish(false);
  bytes_ += piece.body_bytes;
  if (piece.written) call(piece.written);
  write_next();
}

void HttpExchange::finish(bool whole) {
  if (finished_) return;
  finished_ = true;
  --context().metrics.requests_under_way;
  pieces_.clear();
  deadline_.reset();
  record(whole);
  sink_->after_response(whole, arrival_.keep_alive);
}

// For metrics and log.
void HttpExchange::record(bool whole) const {
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - arrival_.begin).count();
  context().metrics.count_request(route_, status_, seconds);
  log(seconds, whole);
}

void HttpExchange::log(double seconds, bool whole) const {
  std::vector<LogField> fields{{"method", request().method},
                               {"route", route_},
                               {"status", std::to_string(status_), true},
                               {"ms", decimals(1000 * seconds), true},
                               {"bytes_in", std::to_string(request().body.size()), true},
                               {"bytes_out", std::to_string(bytes_), true},
                               {"remote", request().remote}};
  const std::string* const parent = request().header("traceparent");
  const std::string trace = parent == nullptr ? "" : trace_id_of(*parent);
  if (!trace.empty()) {
    fields.push_back({"trace_id", trace});
    fields.push_back({"traceparent", *parent});
  }
  if (!whole) fields.push_back({"cut", "true", true});
  context().log.info("request", fields);
}

}  // namespace deformer::serve
