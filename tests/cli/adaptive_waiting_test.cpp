#include "tools/adaptive_waiting.h"

#include <gtest/gtest.h>
#include <omp.h>
#include <sys/resource.h>

#include <chrono>
#include <thread>

namespace deformer::tools {
namespace {

constexpr int kProcessors = 4;
constexpr double kInterval = 0.5;
constexpr int kAlone = 40;    // in an interval: the kernel's own work
constexpr int kShared = 200;  // a time slice of 10 ms on each processor

bool after(WaitDecision& decision, int times, double seconds) {
  bool sleeps = false;
  for (double passed = 0; passed < seconds; passed += kInterval) {
    sleeps = decision.sleeps_after(kInterval, times);
  }
  return sleeps;
}

TEST(WaitDecision, SpinsAlone) {
  WaitDecision decision(kProcessors);
  EXPECT_FALSE(after(decision, kAlone, 60));
}

TEST(WaitDecision, SleepsAtOnceBesideAnotherProgram) {
  WaitDecision decision(kProcessors);
  EXPECT_FALSE(after(decision, kAlone, 1));
  EXPECT_TRUE(decision.sleeps_after(kInterval, kShared));
}

TEST(WaitDecision, SpinsAgainWhenTheOtherProgramHasEnded) {
  WaitDecision decision(kProcessors);
  EXPECT_TRUE(decision.sleeps_after(kInterval, kShared));
  EXPECT_TRUE(after(decision, 0, 1));
  EXPECT_FALSE(after(decision, 0, 2));
  EXPECT_FALSE(after(decision, kAlone, 10));
  EXPECT_TRUE(decision.sleeps_after(kInterval, kShared));  // another one
}

TEST(WaitDecision, SleepsAsLongAsTheOtherProgramShows) {
  WaitDecision decision(kProcessors);
  for (double passed = 0; passed < 60; passed += kInterval) {
    EXPECT_TRUE(decision.sleeps_after(kInterval, kShared));
  }
}

TEST(WaitDecision, TriesToSpinLessOftenBesideAProgramThatStays) {
  WaitDecision decision(kProcessors);
  constexpr double kSeconds = 300;
  double asleep = 0;
  bool sleeps = false;
  for (double passed = 0; passed < kSeconds; passed += kInterval) {
    sleeps = decision.sleeps_after(kInterval, sleeps ? kAlone : kShared);
    if (sleeps) asleep += kInterval;
  }
  EXPECT_GT(asleep, 0.97 * kSeconds);
  EXPECT_LT(asleep, kSeconds - 5 * kInterval);
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Of a team in which all wait for one that needs no processor.
double cpu_seconds_of_waiting() {
  const double before = cpu_seconds();
  for (int i = 0; i < 10; ++i) {
#pragma omp parallel num_threads(omp_get_num_procs())
    if (omp_get_thread_num() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return cpu_seconds() - before;
}

// Libgomp counts the turns of its loops, not time: on a fast processor they are soon over.
TEST(ShortWaits, LetThreadsSleepThatWouldSpin) {
  if (omp_get_num_procs() < 2) GTEST_SKIP() << "needs two processors";
  const double spinning = cpu_seconds_of_waiting();
  if (spinning < 0.02) GTEST_SKIP() << "the OpenMP at hand, or the environment, does not spin";
  double asleep = 0;
  {
    const ShortWaits short_waits;
    asleep = cpu_seconds_of_waiting();
  }
  EXPECT_LT(asleep, spinning / 4);
  EXPECT_GT(cpu_seconds_of_waiting(), asleep * 2);
}

}  // namespace
}  // namespace deformer::tools
