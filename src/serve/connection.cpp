#include "serve/connection.h"

#include <array>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <cstdio>
#include <deque>
#include <optional>
#include <sstream>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace deformer::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using error_code = boost::system::error_code;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadBytes = 16'384;
// What a client that still sends is read for, so that it sees the response before the end.
constexpr milliseconds kLingerTimeout{2'000};
// An idle connection of a server that stops: a request may be on its way.
constexpr milliseconds kFarewellTimeout{1'000};

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

Request head_of(const http::request<http::string_body>& message, const std::string& remote) {
  Request request;
  request.method = std::string(message.method_string());
  const std::string target(message.target());
  request.path = target.substr(0, target.find_first_of("?#"));
  for (const auto& field : message) {
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  request.remote = remote;
  return request;
}

ApiError fault_of_read(const error_code& error, const ServerOptions& options,
                       const ApiOptions& api) {
  if (error == http::error::header_limit) {
    return {431, "headers_too_large",
            "expected headers of at most " + std::to_string(options.header_bytes) + " bytes"};
  }
  if (error == http::error::body_limit) {
    return {413, "too_large",
            "expected a body of at most " + std::to_string(api.body_bytes) + " bytes"};
  }
  return {400, "invalid_http", "malformed request: " + error.message()};
}

std::string decimals(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", value);
  return text.data();
}

template <typename Stream>
class HttpExchange;

// Belongs to its strand: all but the functions of Connection are called there.
template <typename Stream>
class HttpConnection final : public Connection,
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
        farewell_(context.closing) {
    ++context_.metrics.connections;
    ++context_.metrics.connections_total;
  }
  ~HttpConnection() override {
    --context_.metrics.connections;
    context_.leave(this);
  }

  [[nodiscard]] auto executor() { return stream_.get_executor(); }

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
      if (self->phase_ != Phase::kAnswering) self->close_now();
    });
  }
  void close() override {
    asio::dispatch(stream_.get_executor(),
                   [self = this->shared_from_this()] { self->close_now(); });
  }

 private:
  friend class HttpExchange<Stream>;

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
    if (phase_ != Phase::kHead && phase_ != Phase::kBody) {
      // A client that keeps silent between requests has done nothing wrong.
      return phase_ == Phase::kIdle ? shut_down() : close_now();
    }
    ++context_.metrics.reads_timed_out;
    timed_out_ = true;
    error_code ignored;
    socket().cancel(ignored);
  }

  // ---- Reading ----

  void await_request() {
    if (phase_ == Phase::kClosed) return;
    request_stop_ = std::stop_source();
    const bool stopping = farewell_ || context_.closing;
    arm(Phase::kIdle, stopping ? kFarewellTimeout : context_.options.idle_timeout);
    if (buffer_.size() > 0) return read_head();
    fill();
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
    if (error) {
      peer_gone_ = true;
      if (phase_ != Phase::kAnswering) return close_now();
      if (request_stop_.request_stop()) ++context_.metrics.clients_gone;
      return;
    }
    if (phase_ == Phase::kIdle) read_head();
    if (phase_ == Phase::kLingering) {
      buffer_.consume(buffer_.size());
      fill();
    }
  }

  void read_head() {
    begin_ = Clock::now();
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(context_.options.header_bytes));
    parser_->body_limit(context_.api.options().body_bytes);
    timed_out_ = false;
    arm(Phase::kHead, context_.options.header_timeout);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = this->shared_from_this()](
                                const error_code& error, std::size_t) { self->on_head(error); });
  }

  void on_head(const error_code& error) {
    if (error) return on_read_failed(error);
    Request head = head_of(parser_->get(), remote_);
    std::optional<std::uint64_t> length;
    if (const auto announced = parser_->content_length()) length = *announced;
    const auto fault = context_.api.fault_of_head(head, length, parser_->chunked());
    // A body that is not wanted is not read, and then nothing else can be.
    last_ = fault && (length.value_or(0) > 0 || parser_->chunked());
    if (fault) return answer_fault(std::move(head), *fault);
    const std::string* const expect = head.header("Expect");
    if (expect != nullptr && equal_ignoring_case(*expect, "100-continue")) return send_continue();
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
    arm(Phase::kBody, context_.options.body_timeout);
    http::async_read(stream_, buffer_, *parser_,
                     [self = this->shared_from_this()](const error_code& error, std::size_t) {
                       self->on_body(error);
                     });
  }

  void on_body(const error_code& error) {
    if (error) return on_read_failed(error);
    Request request = head_of(parser_->get(), remote_);
    request.body = std::move(parser_->get().body());
    context_.api.handle(begin_exchange(std::move(request)));
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

  std::shared_ptr<HttpExchange<Stream>> begin_exchange(Request request) {
    phase_ = Phase::kAnswering;
    timer_.cancel();
    http_10_ = parser_->get().version() < 11;
    keep_alive_ = parser_->get().keep_alive() && !last_;
    auto exchange = std::make_shared<HttpExchange<Stream>>(
        this->shared_from_this(), std::move(request), request_stop_.get_token(), begin_);
    if (buffer_.size() == 0 && !last_) fill();
    return exchange;
  }

  // ---- Writing ----

  template <typename Write>
  void with_write_time(Write&& write) {
    write_timer_.expires_after(context_.options.write_timeout);
    write_timer_.async_wait([weak = this->weak_from_this()](const error_code& error) {
      const auto self = weak.lock();
      if (error || !self || self->write_timer_.expiry() > Clock::now()) return;
      ++self->context_.metrics.writes_timed_out;
      self->close_now();
    });
    write();
  }

  // A wait that has ended already finds the new time.
  void end_write_time() { write_timer_.expires_at(Clock::time_point::max()); }

  void after_response(bool whole) {
    end_write_time();
    if (phase_ == Phase::kClosed) return;
    if (!whole || peer_gone_) return close_now();
    if (!keep_alive_) return shut_down();
    await_request();
  }

  // Ends the connection so that the client can read what was sent: no reset.
  void shut_down() {
    arm(Phase::kLingering, kLingerTimeout);
    if (kTls && !filling_) return shut_down_tls();
    error_code ignored;
    socket().shutdown(tcp::socket::shutdown_send, ignored);
    if (!filling_) buffer_.consume(buffer_.size());
    fill();
  }

  // Sends close_notify; the peer's own is not waited for longer than the timer.
  void shut_down_tls() {
    const auto end = [self = this->shared_from_this()](const error_code&) { self->close_now(); };
    if constexpr (kTls) stream_.async_shutdown(end);
  }

  void close_now() {
    if (phase_ == Phase::kClosed) return;
    phase_ = Phase::kClosed;
    request_stop_.request_stop();
    timer_.cancel();
    write_timer_.cancel();
    error_code ignored;
    socket().close(ignored);
  }

  ServerContext& context_;
  std::shared_ptr<asio::ssl::context> tls_;  // the stream's; another one may be the server's by now
  Stream stream_;
  asio::steady_timer timer_;
  asio::steady_timer write_timer_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::stop_source request_stop_;
  std::string remote_;
  Clock::time_point begin_;
  Phase phase_ = Phase::kIdle;
  bool farewell_;
  bool filling_ = false;
  bool timed_out_ = false;
  bool peer_gone_ = false;
  bool last_ = false;  // what follows cannot be read
  bool keep_alive_ = true;
  bool http_10_ = false;
};

// Keeps its connection alive.
template <typename Stream>
class HttpExchange final : public Exchange,
                           public std::enable_shared_from_this<HttpExchange<Stream>> {
 public:
  HttpExchange(std::shared_ptr<HttpConnection<Stream>> connection, Request request,
               std::stop_token gone, Clock::time_point begin)
      : connection_(std::move(connection)),
        request_(std::move(request)),
        gone_(std::move(gone)),
        begin_(begin),
        route_(Api::route_name(request_)) {
    ++context().metrics.requests_under_way;
  }
  ~HttpExchange() override {
    --context().metrics.requests_under_way;
    if (!answered_) {
      // Nobody answers it any more. The connection's thread may be another one.
      asio::post(connection_->stream_.get_executor(),
                 [connection = connection_] { connection->close_now(); });
    }
  }

  [[nodiscard]] const Request& request() const override { return request_; }
  [[nodiscard]] std::stop_token gone() const override { return gone_; }

  void run(std::function<void()> function) override {
    asio::post(connection_->stream_.get_executor(), std::move(function));
  }
  void run_after(milliseconds delay, std::function<void()> function) override {
    const auto timer =
        std::make_shared<asio::steady_timer>(connection_->stream_.get_executor(), delay);
    timer->async_wait([timer, function = std::move(function)](const error_code&) { function(); });
  }

  void respond(Response response) override {
    if (answered_) return;
    answered_ = true;
    context().api.add_headers(request_, response);
    auto message = std::make_shared<http::response<http::string_body>>(head_of_response(response));
    bytes_ = response.body.size();
    if (request_.method != "HEAD") message->body() = std::move(response.body);
    if (response.status != 204) message->content_length(bytes_);
    connection_->with_write_time([&] {
      http::async_write(connection_->stream_, *message,
                        [self = this->shared_from_this(), message](
                            const error_code& error, std::size_t) { self->finish(!error); });
    });
  }

  void begin_stream(const Response& head) override {
    if (answered_) return;
    answered_ = true;
    // HTTP/1.0 knows no chunks: there the end of the connection is the end of the body.
    connection_->keep_alive_ = connection_->keep_alive_ && !connection_->http_10_;
    Response with_headers = head;
    context().api.add_headers(request_, with_headers);
    auto message = head_of_response(with_headers);
    if (!connection_->http_10_) message.chunked(true);
    http::response<http::empty_body> empty(std::move(message.base()));
    std::ostringstream text;
    text << empty.base();
    pieces_.push_back({text.str(), nullptr});
    write_next();
  }
  void write(std::string piece, std::function<void()> written) override {
    bytes_ += piece.size();
    if (!connection_->http_10_) {
      std::array<char, 24> size{};
      std::snprintf(size.data(), size.size(), "%zx\r\n", piece.size());
      piece = size.data() + piece + "\r\n";
    }
    pieces_.push_back({std::move(piece), std::move(written)});
    write_next();
  }
  void end_stream() override {
    ended_ = true;
    if (!connection_->http_10_) pieces_.push_back({"0\r\n\r\n", nullptr});
    write_next();
  }

  void set_route(std::string_view route) override { route_ = route; }

 private:
  struct Piece {
    std::string text;
    std::function<void()> written;
  };

  [[nodiscard]] ServerContext& context() const { return connection_->context_; }

  http::response<http::string_body> head_of_response(const Response& response) {
    status_ = response.status;
    connection_->keep_alive_ = connection_->keep_alive_ && !context().closing;
    http::response<http::string_body> message;
    message.version(connection_->http_10_ ? 10 : 11);
    message.result(static_cast<unsigned>(response.status));
    if (!response.content_type.empty())
      message.set(http::field::content_type, response.content_type);
    for (const auto& [name, value] : response.headers) message.insert(name, value);
    message.keep_alive(connection_->keep_alive_);
    return message;
  }

  void write_next() {
    if (writing_ || finished_ || connection_->phase_ == Phase::kClosed) return;
    if (pieces_.empty()) {
      if (ended_) finish(true);
      return;
    }
    writing_ = true;
    connection_->with_write_time([&] {
      asio::async_write(connection_->stream_, asio::buffer(pieces_.front().text),
                        [self = this->shared_from_this()](const error_code& error, std::size_t) {
                          self->on_written(error);
                        });
    });
  }

  void on_written(const error_code& error) {
    writing_ = false;
    connection_->end_write_time();
    const auto written = std::move(pieces_.front().written);
    pieces_.pop_front();
    if (error) return finish(false);
    if (written) written();
    write_next();
  }

  void finish(bool whole) {
    if (finished_) return;
    finished_ = true;
    pieces_.clear();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    context().metrics.count_request(route_, status_, seconds);
    log(seconds, whole);
    connection_->after_response(whole);
  }

  void log(double seconds, bool whole) const {
    std::vector<LogField> fields{{"method", request_.method},
                                 {"route", route_},
                                 {"status", std::to_string(status_), true},
                                 {"ms", decimals(1000 * seconds), true},
                                 {"bytes_in", std::to_string(request_.body.size()), true},
                                 {"bytes_out", std::to_string(bytes_), true},
                                 {"remote", request_.remote}};
    const std::string* const parent = request_.header("traceparent");
    const std::string trace = parent == nullptr ? "" : trace_id_of(*parent);
    if (!trace.empty()) {
      fields.push_back({"trace_id", trace});
      fields.push_back({"traceparent", *parent});
    }
    if (!whole) fields.push_back({"cut", "true", true});
    context().log.info("request", fields);
  }

  std::shared_ptr<HttpConnection<Stream>> connection_;
  Request request_;
  std::stop_token gone_;
  Clock::time_point begin_;
  std::string route_;
  std::deque<Piece> pieces_;
  std::size_t bytes_ = 0;
  int status_ = 0;
  bool answered_ = false;
  bool writing_ = false;
  bool ended_ = false;
  bool finished_ = false;
};

}  // namespace

void ServerContext::enter(const std::shared_ptr<Connection>& connection) {
  const std::scoped_lock lock(mutex_);
  connections_.emplace(connection.get(), connection);
}

void ServerContext::leave(const Connection* connection) {
  const std::scoped_lock lock(mutex_);
  connections_.erase(connection);
}

std::vector<std::shared_ptr<Connection>> ServerContext::all() const {
  std::vector<std::shared_ptr<Connection>> found;
  const std::scoped_lock lock(mutex_);
  for (const auto& [key, weak] : connections_) {
    if (auto connection = weak.lock()) found.push_back(std::move(connection));
  }
  return found;
}

std::size_t ServerContext::size() const {
  const std::scoped_lock lock(mutex_);
  return connections_.size();
}

void start_connection(ServerContext& context, tcp::socket socket,
                      const std::shared_ptr<asio::ssl::context>& tls) {
  const auto enter = [&context](auto connection) {
    context.enter(connection);
    const auto executor = connection->executor();
    asio::dispatch(executor, [connection] { connection->start(); });
  };
  if (tls) {
    enter(std::make_shared<HttpConnection<TlsStream>>(context, tls, std::move(socket)));
  } else {
    enter(std::make_shared<HttpConnection<tcp::socket>>(context, nullptr, std::move(socket)));
  }
}

}  // namespace deformer::serve
