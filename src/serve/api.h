// The routes: which request goes where, who may send it, and what it is answered.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "deformer/span_qa.h"
#include "serve/answer_service.h"
#include "serve/api_error.h"
#include "serve/api_keys.h"
#include "serve/exchange.h"
#include "serve/request_json.h"

namespace deformer::serve {

struct ApiOptions {
  AnswerOptions answers = {};  ///< of requests that do not say
  RequestLimits limits = {};
  std::size_t body_bytes = std::size_t{8} << 20;
  std::size_t stream_lines = 10'000;           ///< of one NDJSON request
  std::chrono::milliseconds timeout{30'000};   ///< of a request that does not say, and the longest
  std::vector<std::string> cors_origins = {};  ///< "*" = all; empty: no CORS
  /// Names, without a port, that a request's Host may have; empty: any. A service without keys on
  /// a loopback address wants them: a page whose name was made to lead there would be let in.
  std::vector<std::string> hosts = {};
};

enum class BodyKind : std::uint8_t { kNone, kJson, kJsonOrLines, kLines };

class Api;
class Metrics;
struct Route;

/// What a route's handler gets.
struct Call {
  std::shared_ptr<Exchange> exchange;
  std::shared_ptr<AnswerService> service;  ///< null while loading, for routes that allow it
  const Api& api;
  std::string argument = {};  ///< what the pattern's {id} stands for, decoded
  bool lines = false;         ///< the body is application/x-ndjson
};

/// One row of the table of routes. A pattern may end in {id} or {name}.
struct Route {
  const char* method;
  const char* pattern;
  Access access;
  BodyKind body;
  bool needs_service;
  void (*handle)(const Call& call);
};

/// Safe for concurrent calls.
class Api {
 public:
  explicit Api(ApiOptions options, std::shared_ptr<Metrics> metrics);

  /// What is wrong with a request whose head alone has been read: the way, the key, the kind and
  /// size of its body. `body_bytes`: as announced; absent: in chunks, or none.
  [[nodiscard]] std::optional<ApiError> fault_of_head(const Request& head,
                                                      std::optional<std::uint64_t> body_bytes,
                                                      bool chunked) const;
  /// Answers a request whose head had no fault.
  void handle(const std::shared_ptr<Exchange>& exchange) const;
  /// The pattern of the route, for log and metrics; "other" for none.
  [[nodiscard]] static std::string_view route_name(const Request& head);
  /// Headers that every response gets.
  void add_headers(const Request& request, Response& response) const;

  void set_keys(std::shared_ptr<const ApiKeys> keys);
  void set_service(std::shared_ptr<AnswerService> service);
  /// From now on /readyz says no.
  void begin_stop() { stopping_ = true; }

  [[nodiscard]] std::shared_ptr<AnswerService> service() const;
  [[nodiscard]] bool stopping() const { return stopping_; }
  [[nodiscard]] const ApiOptions& options() const { return options_; }
  [[nodiscard]] Metrics& metrics() const { return *metrics_; }

 private:
  [[nodiscard]] std::optional<ApiError> fault_of_host(const Request& head,
                                                      const Route& route) const;
  [[nodiscard]] std::optional<ApiError> fault_of_access(const Request& head,
                                                        const Route& route) const;
  [[nodiscard]] bool is_preflight(const Request& request) const;

  ApiOptions options_;
  std::shared_ptr<Metrics> metrics_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::shared_ptr<const ApiKeys> keys_;
  std::shared_ptr<AnswerService> service_;
};

/// All routes.
[[nodiscard]] const std::vector<Route>& routes();

}  // namespace deformer::serve
