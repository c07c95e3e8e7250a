#include "serve/job_queue.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <future>
#include <vector>

namespace deformer::serve {
namespace {

using Admission = JobQueue::Admission;

TEST(JobQueue, RunsJobsInOrder) {
  std::vector<int> order;
  std::promise<void> done;
  JobQueue queue(100, JobQueue::Priority::kNormal);
  for (int i = 0; i < 5; ++i) {
    const auto admission = queue.add(1, [&order, i](JobState) { order.push_back(i); });
    EXPECT_EQ(admission, Admission::kTaken);
  }
  EXPECT_EQ(queue.add(1, [&](JobState) { done.set_value(); }), Admission::kTaken);
  done.get_future().wait();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(JobQueue, IsBoundedButTakesOneJobOfAnySize) {
  JobQueue queue(10, JobQueue::Priority::kNormal);
  std::promise<void> gate;
  std::shared_future<void> open(gate.get_future());
  EXPECT_EQ(queue.add(1000, [open](JobState) { open.wait(); }), Admission::kTaken);
  EXPECT_EQ(queue.add(1, [](JobState) {}), Admission::kFull);
  EXPECT_EQ(queue.tokens(), 1000U);
  gate.set_value();
}

// Who is told asks for more at once.
TEST(JobQueue, HasRoomAgainWhenAJobIsDone) {
  JobQueue queue(10, JobQueue::Priority::kNormal);
  std::promise<Admission> next;
  const auto done = [&] { next.set_value(queue.add(10, [](JobState) {})); };
  EXPECT_EQ(queue.add(
                10, [](JobState) {}, done),
            Admission::kTaken);
  EXPECT_EQ(next.get_future().get(), Admission::kTaken);
}

TEST(JobQueue, ClosingCancelsWhatWaits) {
  JobQueue queue(10, JobQueue::Priority::kNormal);
  std::promise<void> begun;
  std::promise<void> gate;
  std::shared_future<void> open(gate.get_future());
  JobState second = JobState::kRun;
  EXPECT_EQ(queue.add(1,
                      [&](JobState) {
                        begun.set_value();
                        open.wait();
                      }),
            Admission::kTaken);
  begun.get_future().wait();
  EXPECT_EQ(queue.add(1, [&](JobState state) { second = state; }), Admission::kTaken);
  auto closing = std::async(std::launch::async, [&] { queue.close(); });
  while (queue.add(1, [](JobState) {}) != Admission::kClosed) {
  }
  gate.set_value();
  closing.wait();
  EXPECT_EQ(second, JobState::kCancelled);
}

TEST(JobQueue, LowPriorityIsThatOfItsThreadAlone) {
  JobQueue queue(10, JobQueue::Priority::kLow);
  const int ours = ::getpriority(PRIO_PROCESS, 0);
  std::promise<int> theirs;
  EXPECT_EQ(queue.add(1, [&](JobState) { theirs.set_value(::getpriority(PRIO_PROCESS, 0)); }),
            Admission::kTaken);
  EXPECT_GT(theirs.get_future().get(), ours);
  EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), ours);
}

}  // namespace
}  // namespace deformer::serve
