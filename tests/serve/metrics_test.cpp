#include "serve/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace deformer::serve {
namespace {

using testing::HasSubstr;

TEST(Metrics, CountRequestsByRouteAndStatus) {
  Metrics metrics;
  metrics.count_request("/v1/answer", 200, 0.004);
  metrics.count_request("/v1/answer", 200, 0.2);
  metrics.count_request("/v1/answer", 429, 30);
  const std::string page = metrics.render(nullptr);
  EXPECT_THAT(page, HasSubstr("# TYPE deformer_requests_total counter\n"));
  EXPECT_THAT(page, HasSubstr("deformer_requests_total{route=\"/v1/answer\",status=\"200\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("deformer_requests_total{route=\"/v1/answer\",status=\"429\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("deformer_ready 0\n"));
}

// Buckets are cumulative, a bound belongs to its bucket, and the last one counts all.
TEST(Metrics, DurationsAreAPrometheusHistogram) {
  Metrics metrics;
  for (const double seconds : {0.001, 0.004, 0.2, 30.0}) metrics.count_request("/", 200, seconds);
  const std::string page = metrics.render(nullptr);
  EXPECT_THAT(page, HasSubstr("deformer_request_seconds_bucket{route=\"/\",le=\"0.001\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("deformer_request_seconds_bucket{route=\"/\",le=\"0.005\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("deformer_request_seconds_bucket{route=\"/\",le=\"10\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("deformer_request_seconds_bucket{route=\"/\",le=\"+Inf\"} 4\n"));
  EXPECT_THAT(page, HasSubstr("deformer_request_seconds_sum{route=\"/\"} 30.205\n"));
  EXPECT_THAT(page, HasSubstr("deformer_request_seconds_count{route=\"/\"} 4\n"));
}

// A closed connection whose request computes is one of those that --max-connections counts.
TEST(Metrics, SayWhichConnectionsCount) {
  EXPECT_THAT(Metrics().render(nullptr),
              HasSubstr("# HELP deformer_connections Open connections, and closed ones"));
}

TEST(Metrics, ShowWhatTheQueueDid) {
  ServiceStats stats;
  stats.answers.answered = 5;
  stats.answers.times.upper = 1.5;
  Metrics metrics;
  metrics.questions_refused = 2;
  const std::string page = metrics.render(&stats);
  EXPECT_THAT(page, HasSubstr("deformer_questions_total{outcome=\"answered\"} 5\n"));
  EXPECT_THAT(page, HasSubstr("deformer_questions_total{outcome=\"refused\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("deformer_stage_seconds_total{stage=\"upper\"} 1.5\n"));
  EXPECT_THAT(page, HasSubstr("deformer_ready 1\n"));
}

}  // namespace
}  // namespace deformer::serve
