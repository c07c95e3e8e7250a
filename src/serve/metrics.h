// Counters of the service in Prometheus's text format.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "serve/answer_service.h"
#include "serve/log.h"

namespace deformer::serve {

/// Upper bounds of the buckets of durations, in seconds.
inline constexpr std::array<double, 12> kDurationBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                        0.1,   0.25,   0.5,   1,    2.5,   10};

/// Safe for concurrent calls.
class Metrics {
 public:
  void count_request(std::string_view route, int status, double seconds);

  std::atomic<std::int64_t> connections{0};
  std::atomic<std::int64_t> requests_under_way{0};
  std::atomic<std::uint64_t> connections_total{0};
  std::atomic<std::uint64_t> reads_timed_out{0};   ///< clients that sent too slowly
  std::atomic<std::uint64_t> writes_timed_out{0};  ///< clients that read too slowly
  std::atomic<std::uint64_t> clients_gone{0};      ///< before their answer
  // Clients that were told so. Queues know more refusals: a stream that waits for room asks again
  // and again.
  std::atomic<std::uint64_t> questions_refused{0};
  std::atomic<std::uint64_t> writes_refused{0};

  /// `stats` may be null, while there is no service.
  [[nodiscard]] std::string render(const ServiceStats* stats) const;
  /// The log whose dropped lines are counted; outlives the object.
  void watch(const Log& log) { log_ = &log; }

 private:
  struct Durations {
    std::array<std::uint64_t, kDurationBounds.size() + 1> buckets{};
    double sum = 0;
    std::uint64_t count = 0;
  };

  const Log* log_ = nullptr;
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> requests_;  // by route and status
  std::map<std::string, Durations, std::less<>> durations_;        // by route
};

}  // namespace deformer::serve
