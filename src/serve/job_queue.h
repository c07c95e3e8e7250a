// Work on a thread of its own, in order, with a bound on what waits.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace deformer::serve {

enum class JobState : std::uint8_t { kRun, kCancelled };

/// Safe for concurrent calls.
class JobQueue {
 public:
  enum class Priority : std::uint8_t { kNormal, kLow };
  enum class Admission : std::uint8_t { kTaken, kFull, kClosed };

  /// `max_tokens` wait at most; a single job may have more. Low priority yields the processor to
  /// other threads, with all threads that the job starts.
  JobQueue(std::size_t max_tokens, Priority priority);
  ~JobQueue();
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  /// A job that was taken is called once; kCancelled when the queue was closed before its turn.
  /// `done` follows it, when its tokens do not count any more. Neither may throw.
  [[nodiscard]] Admission add(std::size_t tokens, std::function<void(JobState)> job,
                              std::function<void()> done = nullptr);
  /// Lets the job under way end, cancels the others.
  void close();

  [[nodiscard]] std::size_t tokens() const;  ///< of what waits or runs
  /// How long what waits or runs will take, by the jobs that have ended; 0 before the first has.
  [[nodiscard]] double waiting_seconds() const;

 private:
  struct Job {
    std::size_t tokens;
    std::function<void(JobState)> run;
    std::function<void()> done;
  };
  void work();
  void end(const Job& job, JobState state);

  std::size_t max_tokens_;
  Priority priority_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::size_t tokens_ = 0;
  std::size_t ended_tokens_ = 0;
  std::chrono::duration<double> ended_time_{0};
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace deformer::serve
