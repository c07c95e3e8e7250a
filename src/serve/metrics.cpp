#include "serve/metrics.h"

#include <algorithm>
#include <cstdio>

#include "deformer/runtime.h"

namespace deformer::serve {
namespace {

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.9g", value);
  return text.data();
}

class Page {
 public:
  void family(const char* name, const char* type, const char* help) {
    name_ = name;
    text_ += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
  }
  void sample(const std::string& value, const std::string& labels = "", const char* suffix = "") {
    text_ += name_ + suffix + (labels.empty() ? "" : "{" + labels + "}") + " " + value + "\n";
  }
  template <typename Integer>
  void single(const char* name, const char* type, const char* help, Integer value) {
    family(name, type, help);
    sample(std::to_string(value));
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

void add_stages(Page& page, const StageTimes& times) {
  page.family("deformer_stage_seconds_total", "counter", "Where the answering thread's time went.");
  page.sample(number(times.tokenize), "stage=\"tokenize\"");
  page.sample(number(times.read), "stage=\"read\"");
  page.sample(number(times.lower), "stage=\"lower\"");
  page.sample(number(times.upper), "stage=\"upper\"");
  page.sample(number(times.decode), "stage=\"decode\"");
}

void add_service(Page& page, const ServiceStats& stats, const Metrics& metrics) {
  const AnswerQueueStats& answers = stats.answers;
  page.family("deformer_questions_total", "counter", "Questions by what became of them.");
  page.sample(std::to_string(answers.answered), "outcome=\"answered\"");
  page.sample(std::to_string(answers.failed), "outcome=\"failed\"");
  page.sample(std::to_string(metrics.questions_refused), "outcome=\"refused\"");
  page.sample(std::to_string(answers.cancelled), "outcome=\"cancelled\"");
  page.sample(std::to_string(answers.timed_out), "outcome=\"timed_out\"");
  page.single("deformer_queue_questions", "gauge", "Questions that wait or are read.",
              answers.requests);
  page.single("deformer_queue_tokens", "gauge", "Their tokens, as the limit counts them.",
              answers.tokens);
  page.single("deformer_batches_total", "counter", "Batches.", answers.batches);
  page.single("deformer_batch_tokens_total", "counter", "Joint tokens of all batches.",
              answers.joint_tokens);
  add_stages(page, answers.times);
  page.family("deformer_passages_total", "counter", "Passages put, by what was to be done.");
  page.sample(std::to_string(stats.passages_encoded), "work=\"encoded\"");
  page.sample(std::to_string(stats.passages_reused), "work=\"reused\"");
  page.single("deformer_writes_refused_total", "counter", "Writes refused for want of room.",
              metrics.writes_refused.load());
  page.single("deformer_write_queue_tokens", "gauge", "Tokens of passages that wait.",
              stats.writing_tokens);
}

}  // namespace

void Metrics::count_request(std::string_view route, int status, double seconds) {
  const std::scoped_lock lock(mutex_);
  ++requests_[{std::string(route), status}];
  auto found = durations_.find(route);
  if (found == durations_.end()) found = durations_.emplace(route, Durations{}).first;
  Durations& durations = found->second;
  const auto* const bucket =
      std::lower_bound(kDurationBounds.begin(), kDurationBounds.end(), seconds);
  ++durations.buckets.at(static_cast<std::size_t>(bucket - kDurationBounds.begin()));
  durations.sum += seconds;
  ++durations.count;
}

std::string Metrics::render(const ServiceStats* stats) const {
  Page page;
  page.family("deformer_info", "gauge", "The program.");
  page.sample("1", std::string("version=\"") + version() + "\"");
  page.single("deformer_ready", "gauge", "1 when the model is loaded.", stats == nullptr ? 0 : 1);
  page.single("deformer_connections", "gauge",
              "Open connections, and closed ones whose request is still computed.",
              connections.load());
  page.single("deformer_connections_total", "counter", "Connections accepted.",
              connections_total.load());
  page.single("deformer_requests_under_way", "gauge", "Requests whose response has not ended.",
              requests_under_way.load());
  page.single("deformer_reads_timed_out_total", "counter", "Clients that sent too slowly.",
              reads_timed_out.load());
  page.single("deformer_writes_timed_out_total", "counter", "Clients that read too slowly.",
              writes_timed_out.load());
  page.single("deformer_clients_gone_total", "counter", "Clients that left before their answer.",
              clients_gone.load());
  page.single("deformer_log_lines_dropped_total", "counter", "Log lines that nobody read in time.",
              log_ == nullptr ? 0 : log_->dropped());
  const std::scoped_lock lock(mutex_);
  page.family("deformer_requests_total", "counter", "Responses by route and status.");
  for (const auto& [key, count] : requests_) {
    page.sample(std::to_string(count),
                "route=\"" + key.first + "\",status=\"" + std::to_string(key.second) + "\"");
  }
  page.family("deformer_request_seconds", "histogram", "From the head of a request to its end.");
  for (const auto& [route, durations] : durations_) {
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < kDurationBounds.size(); ++i) {
      below += durations.buckets.at(i);
      page.sample(std::to_string(below),
                  "route=\"" + route + "\",le=\"" + number(kDurationBounds.at(i)) + "\"",
                  "_bucket");
    }
    page.sample(std::to_string(durations.count), "route=\"" + route + R"(",le="+Inf")", "_bucket");
    page.sample(number(durations.sum), "route=\"" + route + "\"", "_sum");
    page.sample(std::to_string(durations.count), "route=\"" + route + "\"", "_count");
  }
  if (stats != nullptr) add_service(page, *stats, *this);
  return page.take();
}

}  // namespace deformer::serve
