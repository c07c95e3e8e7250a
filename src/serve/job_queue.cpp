#include "serve/job_queue.h"

#include <sys/resource.h>
#include <unistd.h>

#include <optional>
#include <utility>

namespace deformer::serve {
namespace {

// Of 20 steps; enough that answering threads get most of a processor.
constexpr int kLowPriority = 10;

// On Linux the priority is a thread's, and new threads inherit it.
void lower_priority() {
  static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLowPriority));
}

}  // namespace

JobQueue::JobQueue(std::size_t max_tokens, Priority priority)
    : max_tokens_(max_tokens), priority_(priority), thread_([this] { work(); }) {}

JobQueue::~JobQueue() {
  close();
}

JobQueue::Admission JobQueue::add(std::size_t tokens, std::function<void(JobState)> job,
                                  std::function<void()> done) {
  const std::scoped_lock lock(mutex_);
  if (closed_) return Admission::kClosed;
  if (tokens_ > 0 && tokens_ + tokens > max_tokens_) return Admission::kFull;
  tokens_ += tokens;
  jobs_.push_back({tokens, std::move(job), std::move(done)});
  wake_.notify_one();
  return Admission::kTaken;
}

void JobQueue::close() {
  std::thread thread;
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    wake_.notify_one();
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

std::size_t JobQueue::tokens() const {
  const std::scoped_lock lock(mutex_);
  return tokens_;
}

double JobQueue::waiting_seconds() const {
  const std::scoped_lock lock(mutex_);
  if (ended_tokens_ == 0) return 0;
  return static_cast<double>(tokens_) * ended_time_.count() / static_cast<double>(ended_tokens_);
}

void JobQueue::work() {
  if (priority_ == Priority::kLow) lower_priority();
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return closed_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    std::optional<Job> job = std::move(jobs_.front());
    jobs_.pop_front();
    const JobState state = closed_ ? JobState::kCancelled : JobState::kRun;
    lock.unlock();
    end(*job, state);
    // What it holds may be the last of a request: not under the lock.
    job.reset();
    lock.lock();
  }
}

void JobQueue::end(const Job& job, JobState state) {
  const auto begin = std::chrono::steady_clock::now();
  job.run(state);
  {
    const std::scoped_lock lock(mutex_);
    tokens_ -= job.tokens;
    if (state == JobState::kRun) {
      ended_tokens_ += job.tokens;
      ended_time_ += std::chrono::steady_clock::now() - begin;
    }
  }
  if (job.done) job.done();
}

}  // namespace deformer::serve
