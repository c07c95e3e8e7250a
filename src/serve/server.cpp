#include "serve/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <chrono>
#include <csignal>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.h"
#include "deformer/error.h"
#include "serve/api.h"
#include "serve/connection.h"
#include "serve/log.h"
#include "serve/metrics.h"

namespace deformer::serve {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using error_code = boost::system::error_code;
using std::chrono::milliseconds;

// After a failed accept (no file descriptor left), and while as many are connected as may be.
constexpr milliseconds kAcceptPause{100};
// Between two lines of the log about that.
constexpr std::chrono::minutes kAcceptLogPause{1};
// For responses to cancelled requests, once the grace is over.
constexpr milliseconds kLastWords{2'000};
constexpr milliseconds kStopPoll{20};

asio::ip::address parse_address(const std::string& text) {
  error_code error;
  auto address = asio::ip::make_address(text, error);
  if (error) {
    throw Error(ErrorCode::kInvalidArgument,
                "listen: expected an IPv4 or IPv6 address, found \"" + text + "\"");
  }
  return address;
}

// A connection is a file descriptor: the usual limit of 1,024 is the system's to raise, not ours.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

// A key with a passphrase would have OpenSSL ask for it on the terminal, where nobody answers a
// service.
void load_private_key(asio::ssl::context& context, const std::string& file) {
  const auto encrypted = std::make_shared<bool>(false);
  error_code error;
  context.set_password_callback(
      [encrypted](std::size_t, asio::ssl::context::password_purpose) {
        *encrypted = true;
        return std::string();
      },
      error);
  if (!error) context.use_private_key_file(file, asio::ssl::context::pem, error);
  if (!error) return;
  if (*encrypted) {
    throw Error(ErrorCode::kUnsupported,
                file + ": expected a private key without a passphrase, found one with it");
  }
  throw Error(ErrorCode::kCorrupt,
              file + ": expected the certificate's private key in PEM: " + error.message());
}

std::shared_ptr<asio::ssl::context> load_tls(const ServerOptions& options) {
  if (options.certificate.empty()) return nullptr;
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                       asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                       asio::ssl::context::no_tlsv1_1);
  for (const std::string& file : {options.certificate, options.private_key}) {
    if (is_absent(file)) {
      throw Error(ErrorCode::kNotFound, file + ": expected a certificate or key, found no file");
    }
  }
  error_code error;
  context->use_certificate_chain_file(options.certificate, error);
  if (error) {
    throw Error(ErrorCode::kCorrupt,
                options.certificate + ": expected a certificate in PEM: " + error.message());
  }
  load_private_key(*context, options.private_key);
  return context;
}

std::shared_ptr<const ApiKeys> load_keys(const ServerOptions& options) {
  if (options.api_keys.empty()) return nullptr;
  return std::make_shared<const ApiKeys>(ApiKeys::load(options.api_keys));
}

}  // namespace

bool is_loopback(const std::string& address) {
  return parse_address(address).is_loopback();
}

struct Server::State {
  State(ServerOptions with, ApiOptions api_options, std::shared_ptr<const Log> to)
      : options(std::move(with)),
        log(std::move(to)),
        metrics(std::make_shared<Metrics>()),
        api(std::move(api_options), metrics),
        context(options, api, *metrics, *log),
        io(std::max(options.io_threads, 1)),
        control(asio::make_strand(io)),
        acceptor(control),
        signals(control),
        accept_timer(control),
        stop_timer(control) {
    metrics->watch(*log);
  }

  void listen() {
    const tcp::endpoint endpoint(parse_address(options.address), options.port);
    error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (!error) acceptor.non_blocking(true, error);
    if (error) {
      throw Error(ErrorCode::kIo, "cannot listen on " + options.address + " port " +
                                      std::to_string(options.port) + ": " + error.message());
    }
    port = acceptor.local_endpoint().port();
  }

  // ---- Accepting: on `control` ----

  void accept() {
    accepting = true;
    acceptor.async_accept(asio::make_strand(io),
                          [this](const error_code& error, tcp::socket socket) {
                            accepting = false;
                            // Also one that came as the door was being closed.
                            if (!error && !ended) enter(std::move(socket));
                            if (!acceptor.is_open()) return;
                            const bool full = context.size() >= options.connections;
                            if (!full && (!error || error == asio::error::connection_aborted))
                              return accept();
                            if (error) log_accept_error(error);
                            pause_accepting();
                          });
  }

  // Without a descriptor left each try fails, ten times a second.
  void log_accept_error(const error_code& error) {
    const auto now = std::chrono::steady_clock::now();
    if (now < accept_log_time) return;
    accept_log_time = now + kAcceptLogPause;
    log->error("cannot accept a connection", {{"reason", error.message()}});
  }

  void pause_accepting() {
    accept_timer.expires_after(kAcceptPause);
    accept_timer.async_wait([this](const error_code& error) {
      if (error || !acceptor.is_open()) return;
      if (context.size() >= options.connections) return pause_accepting();
      accept();
    });
  }

  // What is short for one connection must not keep others out.
  void enter(tcp::socket socket) {
    std::shared_ptr<asio::ssl::context> with;
    {
      const std::scoped_lock lock(mutex);
      with = tls;
    }
    try {
      start_connection(context, std::move(socket), with);
    } catch (const std::exception& error) {
      log->error("cannot serve a connection", {{"reason", error.what()}});
    }
  }

  // Who waits to be let in when the door is closed would be reset.
  void accept_waiting() {
    error_code error;
    while (context.size() < options.connections) {
      tcp::socket socket(asio::make_strand(io));
      acceptor.accept(socket, error);
      if (error) return;
      enter(std::move(socket));
    }
  }

  // ---- Stopping: on `control` ----

  void begin_stop() {
    if (stop_begun) {
      if (end_at_once) end_at_once();
      return stop_at_once();
    }
    stop_begun = true;
    api.begin_stop();
    log->info("stopping", {{"connections", std::to_string(context.size()), true}});
    // A service that is being loaded has nobody to notice.
    after(api.service() ? options.drain : std::chrono::milliseconds(0), [this] { close_door(); });
  }

  void close_door() {
    context.closing = true;
    accept_waiting();
    error_code ignored;
    acceptor.close(ignored);
    for (const auto& connection : context.all()) connection->say_farewell();
    deadline = std::chrono::steady_clock::now() + options.grace;
    await_end();
  }

  void await_end() {
    if (context.size() == 0 && !accepting) return finish();
    if (std::chrono::steady_clock::now() < deadline) {
      return after(kStopPoll, [this] { await_end(); });
    }
    log->info("grace is over", {{"connections", std::to_string(context.size()), true}});
    overran = true;
    for (const auto& connection : context.all()) connection->cancel_request();
    after(kLastWords, [this] { stop_at_once(); });
  }

  void stop_at_once() {
    ended = true;
    overran = overran || context.size() > 0;
    context.closing = true;
    error_code ignored;
    acceptor.close(ignored);
    for (const auto& connection : context.all()) connection->close();
    finish();
  }

  // What a handler throws has ended its own connection alone, which it let go of.
  void serve() {
    while (true) {
      try {
        io.run();
        return;
      } catch (const std::exception& error) {
        tell_of_fault(error.what());
      } catch (...) {
        tell_of_fault("an exception of a type of its own");
      }
    }
  }

  void tell_of_fault(const char* reason) const noexcept {
    try {
      log->error("internal error", {{"reason", reason}});
    } catch (const std::exception&) {
      // There is no memory left even to say so.
    }
  }

  void finish() {
    error_code ignored;
    signals.cancel(ignored);
    stop_timer.cancel();
    accept_timer.cancel();
    work.reset();
  }

  template <typename Function>
  void after(milliseconds delay, Function function) {
    stop_timer.expires_after(delay);
    stop_timer.async_wait([function](const error_code& error) {
      if (!error) function();
    });
  }

  void await_signal() {
    signals.async_wait([this](const error_code& error, int signal) {
      if (error) return;
      if (signal == SIGHUP) {
        reload();
      } else {
        begin_stop();
      }
      // A second signal has ended it: a wait for a third would keep run() up.
      if (work) await_signal();
    });
  }

  void reload() {
    try {
      auto new_tls = load_tls(options);
      auto new_keys = load_keys(options);
      api.set_keys(std::move(new_keys));
      const std::scoped_lock lock(mutex);
      tls = std::move(new_tls);
    } catch (const Error& error) {
      return log->error("keys and certificate stay as they were", {{"reason", error.what()}});
    }
    log->info("keys and certificate read anew");
  }

  ServerOptions options;
  std::shared_ptr<const Log> log;
  std::shared_ptr<Metrics> metrics;
  Api api;
  ServerContext context;
  asio::io_context io;
  asio::strand<asio::io_context::executor_type> control;
  tcp::acceptor acceptor;
  asio::signal_set signals;
  asio::steady_timer accept_timer;
  asio::steady_timer stop_timer;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
  std::mutex mutex;
  std::shared_ptr<asio::ssl::context> tls;
  std::chrono::steady_clock::time_point deadline;
  std::chrono::steady_clock::time_point accept_log_time;
  std::uint16_t port = 0;
  bool accepting = false;
  bool stop_begun = false;
  bool ended = false;  // at once: nobody is let in any more
  std::function<void()> end_at_once;
  std::atomic<bool> overran{false};
};

Server::Server(ServerOptions options, ApiOptions api, std::shared_ptr<const Log> log)
    : state_(std::make_unique<State>(std::move(options), std::move(api), std::move(log))) {
  raise_descriptor_limit();
  state_->tls = load_tls(state_->options);
  state_->api.set_keys(load_keys(state_->options));
  state_->listen();
  state_->work.emplace(state_->io.get_executor());
}

// What the service called back after run() finds its connection closed.
Server::~Server() {
  state_->io.restart();
  state_->io.poll();
}

void Server::run() {
  asio::post(state_->control, [state = state_.get()] { state->accept(); });
  std::vector<std::thread> more;
  for (int i = 1; i < state_->options.io_threads; ++i) {
    more.emplace_back([this] { state_->serve(); });
  }
  state_->serve();
  for (std::thread& thread : more) thread.join();
}

void Server::set_service(std::shared_ptr<AnswerService> service) {
  state_->api.set_service(std::move(service));
}

void Server::handle_signals(std::function<void()> end_at_once) {
  state_->end_at_once = std::move(end_at_once);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) state_->signals.add(signal);
  state_->await_signal();
}

void Server::stop() {
  asio::post(state_->control, [state = state_.get()] {
    if (!state->stop_begun) state->begin_stop();
  });
}

void Server::stop_at_once() {
  asio::post(state_->control, [state = state_.get()] {
    state->stop_begun = true;
    state->api.begin_stop();
    state->stop_at_once();
  });
}

void Server::reload() {
  asio::post(state_->control, [state = state_.get()] { state->reload(); });
}

std::uint16_t Server::port() const {
  return state_->port;
}

bool Server::stopping() const {
  return state_->api.stopping();
}

bool Server::overran() const {
  return state_->overran;
}

}  // namespace deformer::serve
