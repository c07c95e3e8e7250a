#include "tools/adaptive_waiting.h"

#include <omp.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <future>
#include <mutex>
#include <optional>
#include <stop_token>
#include <system_error>

#include "base/stopwatch.h"

namespace deformer::tools {
namespace {

constexpr std::chrono::milliseconds kInterval{500};

// How often a second the kernel takes a processor away: more often where another program wants it
// all the time, once in a time slice of 3 to 12 ms, whether threads spin or sleep. Alone 2 to 20
// times, for the kernel's own work.
constexpr double kMostTimesAlone = 50;

constexpr double kFirstHold = 2;
constexpr double kLongestHold = 32;

// Spinning for less than that was too early.
constexpr double kTooEarly = 5;

// False when it was stopped.
bool sleep_for(const std::stop_token& stop, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

std::int64_t times_taken_away() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nivcsw;
}

void watch(const std::stop_token& stop) {
  WaitDecision decision(omp_get_num_procs());
  std::optional<ShortWaits> short_waits;
  std::int64_t before = times_taken_away();
  Stopwatch time;
  while (sleep_for(stop, kInterval)) {
    const std::int64_t now = times_taken_away();
    const bool sleeps = decision.sleeps_after(time.seconds(), now - before);
    time = Stopwatch();
    before = now;
    if (!sleeps) short_waits.reset();
    if (sleeps && !short_waits) short_waits.emplace();
  }
}

void watch_while_possible(const std::stop_token& stop) {
  try {
    watch(stop);
  } catch (const std::system_error&) {  // no thread to be had: they spin
  }
}

bool may_decide() {
  return std::getenv("OMP_WAIT_POLICY") == nullptr && std::getenv("GOMP_SPINCOUNT") == nullptr &&
         omp_get_num_procs() > 1;
}

// A signal is for the threads that work: it ends what they wait for.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

ShortWaits::ShortWaits() {
  std::promise<void> begun;
  thread_ = std::jthread([&begun](const std::stop_token& stop) {
    std::atomic<int> members = 0;  // a region without work would be none
#pragma omp parallel num_threads(2)
    ++members;
    begun.set_value();
    while (sleep_for(stop, std::chrono::hours(1))) {
    }
  });
  begun.get_future().wait();
}

bool WaitDecision::sleeps_after(double seconds, std::int64_t times) {
  const bool shared = static_cast<double>(times) > kMostTimesAlone * processors_ * seconds;
  since_ += seconds;
  if (!sleeps_ && shared) {
    const bool too_early = hold_ > 0 && since_ < kTooEarly;
    hold_ = too_early ? std::min(2 * hold_, kLongestHold) : kFirstHold;
    sleeps_ = true;
    since_ = 0;
  } else if (sleeps_ && since_ >= hold_) {
    sleeps_ = shared;
    since_ = 0;
  }
  return sleeps_;
}

AdaptiveWaiting::AdaptiveWaiting() {
  if (!may_decide()) return;
  const NoSignals in_new_threads;
  try {
    thread_ = std::jthread(watch_while_possible);
  } catch (const std::system_error&) {  // likewise
  }
}

}  // namespace deformer::tools
