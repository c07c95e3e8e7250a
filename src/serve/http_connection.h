// A connection: reads requests, hands each to an exchange, and minds the time.
#pragma once

#include <poll.h>

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "deformer/error.h"
#include "serve/api.h"
#include "serve/api_error.h"
#include "serve/connection.h"
#include "serve/http_exchange.h"
#include "serve/http_head.h"
#include "serve/log.h"
#include "serve/metrics.h"
#include "serve/server.h"

namespace deformer::serve {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using error_code = boost::system::error_code;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

inline constexpr std::size_t kReadBytes = 16'384;
// Beside a head: more than a read brings at once. What has no limit of its own (extensions of
// chunks, trailers) ends here.
inline constexpr std::size_t kBufferRoom = 131'072;
// A read that has just ended leaves nothing to cancel, and the next one has begun by then.
inline constexpr milliseconds kCancelAgain{10};
// How often a client is looked for that the connection does not read from.
inline constexpr milliseconds kClientWatch{100};
// What a client that still sends is read for, so that it sees the response before the end.
inline constexpr milliseconds kLingerTimeout{2'000};
// An idle connection of a server that stops: a request may be on its way.
inline constexpr milliseconds kFarewellTimeout{1'000};

using TlsStream = beast::ssl_stream<tcp::socket>;

// What a connection reads or does; its timer is for this.
enum class Phase : std::uint8_t {
  kHandshake,
  kIdle,
  kHead,
  kBody,
  kAnswering,
  kLingering,
  kClosed
};

/// Whether the peer has closed its side, or all of it, whatever is still to be read.
[[nodiscard]] inline bool has_hung_up(int descriptor) noexcept {
  pollfd query{.fd = descriptor, .events = POLLRDHUP, .revents = 0};
  return ::poll(&query, 1, 0) > 0;
}

// Belongs to its strand: all but the functions of Connection are called there.
template <typename Stream>
class HttpConnection final : public Connection,
                             public ResponseSink,
                             public std::enable_shared_from_this<HttpConnection<Stream>> {
 public:
  // `tls` is null for a plain stream.
  HttpConnection(ServerContext& context, std::shared_ptr<asio::ssl::context> tls,
                 tcp::socket socket)
      : context_(context),
        tls_(std::move(tls)),
        stream_(make_stream(std::move(socket))),
        timer_(stream_.get_executor()),
        write_timer_(stream_.get_executor()),
        buffer_(context.options.header_bytes + kBufferRoom),
        farewell_(context.closing) {
    ++context_.metrics.connections;
    ++context_.metrics.connections_total;
  }
  ~HttpConnection() override {
    --context_.metrics.connections;
    context_.leave(this);
  }

  void start() {
    error_code ignored;
    const auto peer = socket().remote_endpoint(ignored);
    remote_ = peer.address().to_string();
    socket().set_option(tcp::no_delay(true), ignored);
    if constexpr (kTls) {
      arm(Phase::kHandshake, context_.options.header_timeout);
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](const error_code& error) {
                                if (error) return self->close_now();
                                self->await_request();
                              });
    } else {
      await_request();
    }
  }

  void say_farewell() override {
    asio::dispatch(stream_.get_executor(), [self = this->shared_from_this()] {
      self->farewell_ = true;
      if (self->phase_ == Phase::kIdle) self->arm(Phase::kIdle, kFarewellTimeout);
    });
  }
  void cancel_request() override {
    asio::dispatch(stream_.get_executor(), [self = this->shared_from_this()] {
      self->request_stop_.request_stop();
      if (self->phase_ != Phase::kAnswering) return self->close_now();
      // What computes may not look up for long: the client is told now.
      const auto exchange = self->exchange_.lock();
      if (exchange) exchange->respond(to_response(to_api_error({ErrorCode::kCancelled, ""})));
    });
  }
  void close() override {
    asio::dispatch(stream_.get_executor(),
                   [self = this->shared_from_this()] { self->close_now(); });
  }

  [[nodiscard]] ServerContext& context() override { return context_; }
  [[nodiscard]] asio::any_io_executor executor() override { return stream_.get_executor(); }
  [[nodiscard]] bool is_open() const override { return phase_ != Phase::kClosed; }
  [[nodiscard]] bool client_left() const override { return peer_gone_; }
  void close_now() override {
    if (phase_ == Phase::kClosed) return;
    phase_ = Phase::kClosed;
    request_stop_.request_stop();
    timer_.cancel();
    write_timer_.cancel();
    error_code ignored;
    socket().close(ignored);
  }
  void write(std::vector<std::string> parts, std::function<void(bool)> written) override {
    write_timer_.expires_after(context_.options.write_timeout);
    write_timer_.async_wait([weak = this->weak_from_this()](const error_code& error) {
      const auto self = weak.lock();
      if (error || !self || self->write_timer_.expiry() > Clock::now()) return;
      ++self->context_.metrics.writes_timed_out;
      self->close_now();
    });
    const auto kept = std::make_shared<std::vector<std::string>>(std::move(parts));
    std::vector<asio::const_buffer> buffers;
    for (const std::string& part : *kept) buffers.push_back(asio::buffer(part));
    asio::async_write(stream_, buffers,
                      [self = this->shared_from_this(), kept, written = std::move(written)](
                          const error_code& error, std::size_t) {
                        self->end_write_time();
                        written(!error);
                      });
  }
  void after_response(bool whole, bool keep_alive) override {
    if (phase_ == Phase::kClosed) return;
    if (!whole || peer_gone_) return close_now();
    if (!keep_alive) return shut_down();
    await_request();
  }

 private:
  static constexpr bool kTls = std::is_same_v<Stream, TlsStream>;

  [[nodiscard]] tcp::socket& socket() {
    if constexpr (kTls) {
      return stream_.next_layer();
    } else {
      return stream_;
    }
  }

  [[nodiscard]] Stream make_stream(tcp::socket socket) const {
    if constexpr (kTls) {
      return Stream(std::move(socket), *tls_);
    } else {
      return socket;
    }
  }

  // ---- Time ----

  void arm(Phase phase, milliseconds time) {
    phase_ = phase;
    timer_.expires_after(time);
    timer_.async_wait([weak = this->weak_from_this(), phase](const error_code& error) {
      const auto self = weak.lock();
      if (!error && self && self->phase_ == phase && self->timer_.expiry() <= Clock::now()) {
        self->on_timeout();
      }
    });
  }

  void on_timeout() {
    if (phase_ == Phase::kAnswering) return look_for_client();
    if (phase_ != Phase::kHead && phase_ != Phase::kBody) {
      // A client that keeps silent between requests has done nothing wrong.
      return phase_ == Phase::kIdle ? shut_down() : close_now();
    }
    if (!std::exchange(timed_out_, true)) ++context_.metrics.reads_timed_out;
    error_code ignored;
    socket().cancel(ignored);
    arm(phase_, kCancelAgain);
  }

  // ---- Reading ----

  void await_request() {
    if (phase_ == Phase::kClosed) return;
    request_stop_ = std::stop_source();
    const bool stopping = farewell_ || context_.closing;
    arm(Phase::kIdle, stopping ? kFarewellTimeout : context_.options.idle_timeout);
    begin_request();
  }

  void begin_request() {
    skip_empty_lines();
    if (buffer_.size() > 0) return read_head();
    fill();
  }

  // Some clients end a body with one, and it is no part of the next request (RFC 9112, 2.2).
  void skip_empty_lines() {
    if (buffer_.size() == 0) return;
    const auto* const text = static_cast<const char*>(buffer_.cdata().data());
    const std::string_view there(text, buffer_.size());
    buffer_.consume(std::min(there.find_first_not_of("\r\n"), there.size()));
  }

  // Reads what comes next: of an idle connection its request; while one is answered the next, or
  // that the client has left.
  void fill() {
    if (filling_) return;
    filling_ = true;
    stream_.async_read_some(
        buffer_.prepare(kReadBytes),
        [self = this->shared_from_this()](const error_code& error, std::size_t bytes) {
          self->filling_ = false;
          self->buffer_.commit(bytes);
          self->on_filled(error);
        });
  }

  void on_filled(const error_code& error) {
    // The end of TLS is under way, and reads by itself.
    if (kTls && phase_ == Phase::kLingering) return;
    if (error) {
      if (phase_ == Phase::kAnswering) return on_client_gone();
      peer_gone_ = true;
      return close_now();
    }
    if (phase_ == Phase::kAnswering) watch_client();
    if (phase_ == Phase::kIdle) begin_request();
    if (phase_ == Phase::kLingering) {
      buffer_.consume(buffer_.size());
      fill();
    }
  }

  // For as long as a request is answered and the connection does not read, so that no end of it is
  // read: the next request has begun to come.
  void watch_client() { arm(Phase::kAnswering, kClientWatch); }

  void look_for_client() {
    if (has_hung_up(socket().native_handle())) return on_client_gone();
    watch_client();
  }

  void on_client_gone() {
    peer_gone_ = true;
    if (request_stop_.request_stop()) ++context_.metrics.clients_gone;
  }

  void read_head() {
    begin_ = Clock::now();
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(context_.options.header_bytes));
    parser_->body_limit(context_.api.options().body_bytes);
    begin_reading(Phase::kHead, context_.options.header_timeout);
    parse();
  }

  void begin_reading(Phase phase, milliseconds time) {
    timed_out_ = false;
    arm(phase, time);
  }

  // Piece by piece, for the time to be looked at: while a client sends without a pause, hardly ever
  // is a read pending that could be cancelled.
  void read_piece() {
    stream_.async_read_some(
        buffer_.prepare(kReadBytes),
        [self = this->shared_from_this()](const error_code& error, std::size_t bytes) {
          self->buffer_.commit(bytes);
          self->on_piece(error);
        });
  }

  void on_piece(const error_code& error) {
    if (phase_ == Phase::kClosed) return;
    if (error || timed_out_) return on_read_failed(error);
    parse();
  }

  // What there is of a head, or of a body.
  void parse() {
    const bool head = phase_ == Phase::kHead;
    const auto done = [&] { return head ? parser_->is_header_done() : parser_->is_done(); };
    error_code error;
    while (!done() && !error && buffer_.size() > 0) {
      buffer_.consume(parser_->put(buffer_.data(), error));
    }
    if (error && error != http::error::need_more) return on_read_failed(error);
    if (done()) return head ? on_head() : on_body();
    if (buffer_.size() + kReadBytes > buffer_.max_size()) {
      return on_read_failed(http::make_error_code(http::error::buffer_overflow));
    }
    read_piece();
  }

  void on_head() {
    Request head = head_of(parser_->get(), remote_);
    // Where the body ends, or whom it is for, is not known: what follows must not be taken for a
    // request.
    if (const auto fault = fault_of_framing(parser_->get())) {
      last_ = true;
      return answer_fault(std::move(head), *fault);
    }
    std::optional<std::uint64_t> length;
    if (const auto announced = parser_->content_length()) length = *announced;
    const auto fault = context_.api.fault_of_head(head, length, parser_->chunked());
    // HTTP/1.0 has no "100 Continue", and no chunks: a proxy that goes by it may see the body end
    // elsewhere (RFC 9112, 6.1).
    const bool old = parser_->get().version() < 11;
    // A body that is not wanted is not read, and then nothing else can be.
    last_ =
        (old && parser_->chunked()) || (fault && (length.value_or(0) > 0 || parser_->chunked()));
    if (fault) return answer_fault(std::move(head), *fault);
    begin_reading(Phase::kBody, context_.options.body_timeout);
    const std::string* const expect = head.header("Expect");
    const bool waits = expect != nullptr && equal_ignoring_case(*expect, "100-continue");
    if (waits && !old) return send_continue();
    read_body();
  }

  void send_continue() {
    const auto text = std::make_shared<std::string>("HTTP/1.1 100 Continue\r\n\r\n");
    asio::async_write(
        stream_, asio::buffer(*text),
        [self = this->shared_from_this(), text](const error_code& error, std::size_t) {
          if (error) return self->close_now();
          self->read_body();
        });
  }

  void read_body() {
    if (phase_ == Phase::kClosed) return;
    parser_->eager(true);
    parse();
  }

  void on_body() {
    Request request = head_of(parser_->get(), remote_);
    request.body = std::move(parser_->get().body());
    const auto exchange = begin_exchange(std::move(request));
    if (!filling_) watch_client();
    context_.api.handle(exchange);
  }

  void on_read_failed(const error_code& error) {
    const bool broken = error == asio::error::eof || error == http::error::end_of_stream ||
                        error == http::error::partial_message ||
                        error == asio::error::connection_reset;
    if (phase_ == Phase::kClosed || (broken && !timed_out_)) return close_now();
    last_ = true;
    Request head = head_of(parser_->get(), remote_);
    if (timed_out_) {
      return answer_fault(std::move(head),
                          {408, "slow_client", "the request did not arrive in the time allowed"});
    }
    if (error.category() != http::make_error_code(http::error::bad_method).category()) {
      return close_now();
    }
    answer_fault(std::move(head), fault_of_read(error, context_.options, context_.api.options()));
  }

  void answer_fault(Request head, const ApiError& fault) {
    begin_exchange(std::move(head))->respond(to_response(fault));
  }

  std::shared_ptr<HttpExchange> begin_exchange(Request request) {
    phase_ = Phase::kAnswering;
    timer_.cancel();
    const bool keep_alive = parser_->get().keep_alive() && !last_;
    auto exchange = std::make_shared<HttpExchange>(
        this->shared_from_this(), RequestArrival{.request = std::move(request),
                                                 .gone = request_stop_.get_token(),
                                                 .begin = begin_,
                                                 .keep_alive = keep_alive,
                                                 .http_10 = parser_->get().version() < 11});
    exchange_ = exchange;
    skip_empty_lines();
    if (buffer_.size() == 0 && !last_) fill();
    return exchange;
  }

  // ---- Writing ----

  // A wait that has ended already finds the new time.
  void end_write_time() { write_timer_.expires_at(Clock::time_point::max()); }

  // Ends the connection so that the client can read what was sent: no reset.
  void shut_down() {
    arm(Phase::kLingering, kLingerTimeout);
    if (kTls) return shut_down_tls();
    error_code ignored;
    socket().shutdown(tcp::socket::shutdown_send, ignored);
    if (!filling_) buffer_.consume(buffer_.size());
    fill();
  }

  // Sends close_notify, also beside a read that waits. Ends with the peer's own, or with an error
  // when the peer sends something else; close_notify is out by then.
  void shut_down_tls() {
    const auto end = [self = this->shared_from_this()](const error_code&) { self->drain(); };
    if constexpr (kTls) stream_.async_shutdown(end);
  }

  // Below TLS: to close a socket that has something unread is to reset it, and the client might
  // lose the response.
  void drain() {
    if (phase_ == Phase::kClosed) return;
    error_code ignored;
    socket().shutdown(tcp::socket::shutdown_send, ignored);
    discard(std::make_shared<std::vector<char>>(kReadBytes));
  }

  // Not into `buffer_`: a read of TLS may still wait for it.
  void discard(const std::shared_ptr<std::vector<char>>& space) {
    socket().async_read_some(asio::buffer(*space), [self = this->shared_from_this(), space](
                                                       const error_code& error, std::size_t) {
      if (error) return self->close_now();
      self->discard(space);
    });
  }

  ServerContext& context_;
  std::shared_ptr<asio::ssl::context> tls_;  // the stream's; another one may be the server's by now
  Stream stream_;
  asio::steady_timer timer_;
  asio::steady_timer write_timer_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::stop_source request_stop_;
  std::weak_ptr<HttpExchange> exchange_;  // of the request that is answered
  std::string remote_;
  Clock::time_point begin_;
  Phase phase_ = Phase::kIdle;
  bool farewell_;
  bool filling_ = false;
  bool timed_out_ = false;
  bool peer_gone_ = false;
  bool last_ = false;  // what follows cannot be read
};

}  // namespace deformer::serve
