#include "load_client.h"

#include <sys/resource.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string_view>
#include <utility>

// After <utility>: Boost 1.74's header of coroutines lacks it.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace deformer::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using error_code = boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Task = asio::awaitable<void>;
using std::chrono::milliseconds;

constexpr milliseconds kProbePause{50};
const std::string kLivez = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
constexpr std::string_view kUnfinished = "POST /v1/answer HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// Boost 1.74 takes no const token, so each call gets its own.
auto into(error_code& error) {
  return asio::redirect_error(asio::use_awaitable, error);
}

tcp::endpoint endpoint_of(std::uint16_t port) {
  return {asio::ip::address_v4::loopback(), port};
}

// One connection with one request under way at most.
class Client {
 public:
  Client(asio::io_context& io, std::uint16_t port) : socket_(io), port_(port) {}

  // The status; kBroken when the connection broke, kRefused when there was none to be had.
  asio::awaitable<int> exchange(const std::string& request) {
    error_code error;
    if (!socket_.is_open()) {
      co_await socket_.async_connect(endpoint_of(port_), into(error));
      if (error) close();
      if (error) co_return kRefused;
      error_code ignored;
      socket_.set_option(tcp::no_delay(true), ignored);
    }
    if (!error) co_await asio::async_write(socket_, asio::buffer(request), into(error));
    http::response<http::string_body> response;
    if (!error) co_await http::async_read(socket_, buffer_, response, into(error));
    if (error || !response.keep_alive()) close();
    co_return error ? kBroken : static_cast<int>(response.result_int());
  }

  void close() {
    error_code ignored;
    socket_.close(ignored);
    buffer_.consume(buffer_.size());
  }

 private:
  tcp::socket socket_;
  beast::flat_buffer buffer_;
  std::uint16_t port_;
};

// All of it runs on one thread.
class Load {
 public:
  explicit Load(const LoadOptions& options) : options_(options), random_(options.seed) {}

  LoadResult closed(std::size_t clients) {
    begin();
    for (std::size_t i = 0; i < clients; ++i) spawn(ask_on(std::make_shared<Client>(io_, port())));
    return finish();
  }

  LoadResult open(double rate, std::size_t connections) {
    begin();
    for (std::size_t i = 0; i < connections; ++i) {
      idle_.push_back(std::make_shared<Client>(io_, port()));
    }
    spawn(arrive(rate));
    return finish();
  }

 private:
  using ClientPointer = std::shared_ptr<Client>;
  struct Arrival {
    Clock::time_point due;
    std::size_t request;
  };

  [[nodiscard]] std::uint16_t port() const { return options_.port; }
  [[nodiscard]] bool over() const {
    return Clock::now() >= end_ || result_.sent >= options_.most_requests;
  }
  [[nodiscard]] const std::string& request(std::size_t number) const {
    return options_.requests[number % options_.requests.size()];
  }

  // Counts what has to end before the load is over.
  void spawn(Task task) {
    ++running_;
    asio::co_spawn(io_, std::move(task), [this](const std::exception_ptr& failure) {
      if (failure) std::rethrow_exception(failure);
      if (--running_ == 0) io_.stop();
    });
  }
  // Ends with the load.
  void spawn_beside(Task task) { asio::co_spawn(io_, std::move(task), asio::detached); }

  void begin() {
    for (std::size_t i = 0; i < options_.idle_connections; ++i) spawn_beside(keep_idle());
    for (std::size_t i = 0; i < options_.half_open; ++i) spawn_beside(keep_half_open());
    if (options_.idle_connections + options_.half_open > 0) {
      io_.run_for(milliseconds(1000 + (options_.idle_connections + options_.half_open) / 4));
      io_.restart();
    }
    begin_ = last_ = Clock::now();
    end_ = begin_ + options_.duration;
    spawn_beside(probe());
  }

  LoadResult finish() {
    io_.run_for(options_.duration + options_.patience);
    result_.unanswered = result_.sent - answered_;
    if (probe_sent_) result_.livez_ms.push_back(ms_since(*probe_sent_));
    result_.seconds = std::chrono::duration<double>(last_ - begin_).count();
    for (auto* values : {&result_.latencies_ms, &result_.refusals_ms, &result_.livez_ms}) {
      std::sort(values->begin(), values->end());
    }
    return std::move(result_);
  }

  void count(int status, double ms) {
    last_ = Clock::now();
    ++answered_;
    ++result_.statuses[status];
    if (status == 200) result_.latencies_ms.push_back(ms);
    if (status == 429) result_.refusals_ms.push_back(ms);
  }

  Task ask_on(ClientPointer client) {
    while (!over()) {
      const std::size_t number = result_.sent++;
      const auto sent = Clock::now();
      const int status = co_await client->exchange(request(number));
      count(status, ms_since(sent));
      // The service is gone.
      if (status == kRefused) co_return;
    }
  }

  Task arrive(double rate) {
    std::exponential_distribution<double> pause(rate);
    Clock::time_point due = begin_;
    asio::steady_timer timer(io_);
    while (!over()) {
      due += std::chrono::duration_cast<Clock::duration>(
          std::chrono::duration<double>(pause(random_)));
      if (due > Clock::now()) {
        timer.expires_at(due);
        co_await timer.async_wait(asio::use_awaitable);
      }
      waiting_.push_back({due, result_.sent++});
      // The connection that was used last: no more are opened than are needed.
      if (idle_.empty()) continue;
      ClientPointer client = std::move(idle_.back());
      idle_.pop_back();
      spawn(serve_arrivals(std::move(client)));
    }
  }

  Task serve_arrivals(ClientPointer client) {
    while (!waiting_.empty()) {
      const Arrival arrival = waiting_.front();
      waiting_.pop_front();
      const int status = co_await client->exchange(request(arrival.request));
      count(status, ms_since(arrival.due));
    }
    idle_.push_back(std::move(client));
  }

  Task sleep(milliseconds time) {
    asio::steady_timer timer(io_, time);
    co_await timer.async_wait(asio::use_awaitable);
  }

  Task probe() {
    Client client(io_, port());
    while (true) {
      probe_sent_ = Clock::now();
      const int status = co_await client.exchange(kLivez);
      // A probe without an answer counts as one that took forever.
      result_.livez_ms.push_back(status == 200 ? ms_since(*probe_sent_) : 1e9);
      probe_sent_.reset();
      co_await sleep(kProbePause);
    }
  }

  Task keep_idle() {
    tcp::socket socket(io_);
    error_code error;
    co_await socket.async_connect(endpoint_of(port()), into(error));
    char byte = 0;
    if (!error) co_await socket.async_read_some(asio::buffer(&byte, 1), into(error));
    ++result_.idle_lost;
  }

  Task keep_half_open() {
    while (true) {
      tcp::socket socket(io_);
      error_code error;
      co_await socket.async_connect(endpoint_of(port()), into(error));
      if (!error)
        co_await asio::async_write(socket, asio::buffer(kUnfinished.data(), kUnfinished.size()),
                                   into(error));
      while (!error) {
        co_await sleep(milliseconds(1000));
        if (socket.available(error) > 0) break;
        if (!error) co_await asio::async_write(socket, asio::buffer("x", 1), into(error));
      }
      ++result_.half_open_ended;
      co_await sleep(milliseconds(200));
    }
  }

  LoadOptions options_;
  // Before the clients, whose sockets belong to it.
  asio::io_context io_{1};
  std::mt19937_64 random_;
  LoadResult result_;
  Clock::time_point begin_;
  Clock::time_point end_;
  Clock::time_point last_;
  std::optional<Clock::time_point> probe_sent_;  // of the one under way
  std::size_t answered_ = 0;                     // whatever the answer was
  std::size_t running_ = 0;
  std::vector<ClientPointer> idle_;
  std::deque<Arrival> waiting_;
};

}  // namespace

LoadResult run_closed(const LoadOptions& options, std::size_t clients) {
  return Load(options).closed(clients);
}

LoadResult run_open(const LoadOptions& options, double rate, std::size_t connections) {
  return Load(options).open(rate, connections);
}

LoadResponse send_once(std::uint16_t port, const std::string& request) {
  asio::io_context io;
  tcp::socket socket(io);
  socket.connect(endpoint_of(port));
  asio::write(socket, asio::buffer(request));
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(std::uint64_t{1} << 32);
  http::read(socket, buffer, parser);
  return {static_cast<int>(parser.get().result_int()), parser.get().body()};
}

struct OneClient::State {
  asio::io_context io;
  tcp::socket socket{io};
  beast::flat_buffer buffer;
};

OneClient::OneClient(std::uint16_t port) : state_(std::make_unique<State>()) {
  state_->socket.connect(endpoint_of(port));
  state_->socket.set_option(tcp::no_delay(true));
}

OneClient::~OneClient() = default;

void OneClient::ask(const std::string& request) {
  asio::write(state_->socket, asio::buffer(request));
  http::response<http::string_body> response;
  http::read(state_->socket, state_->buffer, response);
  if (response.result_int() != 200) {
    throw std::runtime_error("expected status 200, found " + std::to_string(response.result_int()) +
                             ": " + response.body());
  }
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

}  // namespace deformer::bench
