// Load on a service of this machine: clients that ask one question after the other, or questions
// that come at random times whatever became of those before.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace deformer::bench {

/// In place of a status: the connection broke before the response, or could not be made.
inline constexpr int kBroken = 0;
inline constexpr int kRefused = -1;

struct LoadOptions {
  std::uint16_t port = 0;             ///< on 127.0.0.1; there is no other address
  std::vector<std::string> requests;  ///< whole HTTP requests, sent in turn
  std::chrono::milliseconds duration{10'000};
  /// For responses that are under way when the time is over.
  std::chrono::milliseconds patience{60'000};
  std::size_t most_requests = 1'000'000;
  std::size_t idle_connections = 0;  ///< open, and silent
  std::size_t half_open = 0;         ///< send a request's head a byte a second, without end
  std::uint64_t seed = 1;            ///< of the times at which questions come
};

struct LoadResult {
  double seconds = 0;  ///< from the first request to the last response
  std::size_t sent = 0;
  std::size_t unanswered = 0;           ///< of these, when the patience was over
  std::map<int, std::size_t> statuses;  ///< and kBroken, kRefused
  std::vector<double> latencies_ms;     ///< of 200s, sorted; open loop: from when it was due
  std::vector<double> refusals_ms;      ///< of 429s, sorted
  /// GET /livez every 50 ms meanwhile, sorted; one that is still under way counts with its age.
  std::vector<double> livez_ms;
  std::size_t idle_lost = 0;        ///< idle connections that the service ended
  std::size_t half_open_ended = 0;  ///< half-open ones that it ended, or answered with 408
};

/// `clients` connections, each with one request under way.
[[nodiscard]] LoadResult run_closed(const LoadOptions& options, std::size_t clients);

/// Poisson arrivals of `rate` requests a second. One that finds no connection idle opens another,
/// up to `connections`; then it waits for one, which counts as its latency.
[[nodiscard]] LoadResult run_open(const LoadOptions& options, double rate, std::size_t connections);

/// Sends a request and returns status and body, e.g. to fill the store. Throws std::runtime_error.
struct LoadResponse {
  int status = 0;
  std::string body;
};
[[nodiscard]] LoadResponse send_once(std::uint16_t port, const std::string& request);

/// One connection, used without coroutines.
class OneClient {
 public:
  explicit OneClient(std::uint16_t port);
  ~OneClient();
  OneClient(const OneClient&) = delete;
  OneClient& operator=(const OneClient&) = delete;
  /// Throws std::runtime_error unless the status is 200.
  void ask(const std::string& request);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Allows as many connections as the system does.
void raise_descriptor_limit();

}  // namespace deformer::bench
