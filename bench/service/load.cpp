// Drives `deformer serve` on this machine and says how fast it answered:
//
//   deformer_service_load --url http://127.0.0.1:8080 --squad dev.json --clients 1,2,4,8,16,32
//   deformer_service_load --url http://127.0.0.1:8080 --squad dev.json --rates 20,40,80
//   --connections 64
//
// Other machines are refused: load is for one's own service. With --by-id the passages are put into
// the store first, and asked about by their ids.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>
#include <stdexcept>

#include "../measuring.h"
#include "load_client.h"
#include "questions.h"

namespace {

using deformer::bench::LoadOptions;
using deformer::bench::LoadResult;
using deformer::bench::percentile;
using Json = nlohmann::ordered_json;

struct Options {
  std::string url;
  std::string squad;
  bool by_id = false;
  std::size_t questions = 2000;
  std::vector<std::size_t> clients;
  std::vector<double> rates;
  std::size_t connections = 64;
  double seconds = 10;
  double patience = 60;
  std::size_t requests = 1'000'000;
  std::size_t idle = 0;
  std::size_t half_open = 0;
  std::uint64_t seed = 1;
  std::string json;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("--url", options.url, "http://127.0.0.1:PORT")->required();
  app.add_option("--squad", options.squad, "Questions and passages, a SQuAD file")->required();
  app.add_flag("--by-id", options.by_id, "Put the passages first, ask by id");
  app.add_option("--questions", options.questions, "Most different questions, evenly from the file")
      ->capture_default_str();
  app.add_option("--clients", options.clients, "Closed loop: numbers of clients")->delimiter(',');
  app.add_option("--rates", options.rates, "Open loop: requests a second")->delimiter(',');
  app.add_option("--connections", options.connections, "Open loop: most connections")
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "Of each run")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_option("--patience", options.patience, "Seconds after it for responses under way")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  app.add_option("--requests", options.requests, "Most requests of each run")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  app.add_option("--idle", options.idle, "Connections that are open and silent");
  app.add_option("--half-open", options.half_open, "Connections that never finish their request");
  app.add_option("--seed", options.seed, "Of the times of an open loop")->capture_default_str();
  app.add_option("--json", options.json, "Write the figures to this file");
}

void require_positive(const std::string& name, double number) {
  if (number > 0 && std::isfinite(number)) return;
  std::ostringstream found;
  found << number;
  throw std::invalid_argument(name + ": expected a number above 0, found " + found.str());
}

void require_load(const Options& options) {
  if (options.clients.empty() && options.rates.empty()) {
    throw std::invalid_argument("load: expected --clients or --rates, found neither");
  }
  for (const std::size_t clients : options.clients) {
    require_positive("--clients", static_cast<double>(clients));
  }
  for (const double rate : options.rates) require_positive("--rates", rate);
  require_positive("--connections", static_cast<double>(options.connections));
  require_positive("--questions", static_cast<double>(options.questions));
}

// The file that the figures go to, before anything is measured; closed without one.
std::ofstream open_report(const std::string& path) {
  std::ofstream file;
  if (path.empty()) return file;
  file.open(path);
  if (!file) throw std::runtime_error("--json: expected a file to write, found \"" + path + "\"");
  return file;
}

void write_report(std::ofstream& file, const Options& options, const Json& report) {
  if (!file.is_open()) return;
  file << report.dump(2) << "\n" << std::flush;
  if (file) return;
  throw std::runtime_error("--json: expected room for the figures, found none in \"" +
                           options.json + "\"");
}

Json percentiles(const std::vector<double>& sorted) {
  return {{"p50", percentile(sorted, 0.5)},
          {"p90", percentile(sorted, 0.9)},
          {"p99", percentile(sorted, 0.99)},
          {"max", percentile(sorted, 1)}};
}

std::string name_of(int status) {
  if (status == deformer::bench::kBroken) return "broken";
  return status == deformer::bench::kRefused ? "refused" : std::to_string(status);
}

Json to_json(const LoadResult& result) {
  Json object;
  object["seconds"] = result.seconds;
  object["sent"] = result.sent;
  object["unanswered"] = result.unanswered;
  object["statuses"] = Json::object();
  for (const auto& [status, count] : result.statuses) {
    object["statuses"][name_of(status)] = count;
  }
  object["answers_per_second"] =
      static_cast<double>(result.latencies_ms.size()) / std::max(result.seconds, 1e-9);
  object["latency_ms"] = percentiles(result.latencies_ms);
  if (!result.refusals_ms.empty()) object["refusal_ms"] = percentiles(result.refusals_ms);
  object["livez_ms"] = percentiles(result.livez_ms);
  object["idle_lost"] = result.idle_lost;
  object["half_open_ended"] = result.half_open_ended;
  return object;
}

void print_head() {
  std::printf("%-18s %9s %9s %8s %8s %8s %8s %8s %8s %8s %9s\n", "load", "sent", "200", "429",
              "other", "none", "200/s", "p50 ms", "p99 ms", "max ms", "livez max");
}

void print_row(const std::string& name, const LoadResult& result) {
  const auto counted = [&](int status) {
    const auto found = result.statuses.find(status);
    return found == result.statuses.end() ? std::size_t{0} : found->second;
  };
  const std::size_t all =
      std::accumulate(result.statuses.begin(), result.statuses.end(), std::size_t{0},
                      [](std::size_t sum, const auto& status) { return sum + status.second; });
  std::printf("%-18s %9zu %9zu %8zu %8zu %8zu %8.1f %8.1f %8.1f %8.1f %9.1f\n", name.c_str(),
              result.sent, counted(200), counted(429), all - counted(200) - counted(429),
              result.unanswered, static_cast<double>(counted(200)) / std::max(result.seconds, 1e-9),
              percentile(result.latencies_ms, 0.5), percentile(result.latencies_ms, 0.99),
              percentile(result.latencies_ms, 1), percentile(result.livez_ms, 1));
  std::fflush(stdout);
}

std::vector<std::string> requests_of(const deformer::bench::QuestionSet& set, bool by_id,
                                     std::uint16_t port) {
  if (by_id) deformer::bench::put_passages(port, set);
  std::vector<std::string> requests;
  for (const auto& question : set.questions) {
    requests.push_back(by_id ? deformer::bench::request_by_id(question)
                             : deformer::bench::request_with_text(question, set));
  }
  return requests;
}

void run(const Options& options) {
  require_load(options);
  deformer::bench::raise_descriptor_limit();
  LoadOptions load;
  load.port = deformer::bench::port_of(options.url);
  load.requests = requests_of(deformer::bench::read_questions(options.squad, options.questions),
                              options.by_id, load.port);
  load.duration = std::chrono::milliseconds(static_cast<std::int64_t>(1000 * options.seconds));
  load.patience = std::chrono::milliseconds(static_cast<std::int64_t>(1000 * options.patience));
  load.most_requests = options.requests;
  load.idle_connections = options.idle;
  load.half_open = options.half_open;
  load.seed = options.seed;
  std::ofstream file = open_report(options.json);
  Json report = Json::array();
  print_head();
  const auto keep = [&](const std::string& name, const Json& offered, const LoadResult& result) {
    print_row(name, result);
    report.push_back(to_json(result));
    report.back()["offered"] = offered;
  };
  for (const std::size_t clients : options.clients) {
    keep(std::to_string(clients) + " clients", {{"clients", clients}}, run_closed(load, clients));
  }
  for (const double rate : options.rates) {
    std::string name = std::to_string(rate);
    name.resize(name.find('.') + 2);
    keep(name + " a second", {{"rate", rate}, {"connections", options.connections}},
         run_open(load, rate, options.connections));
  }
  write_report(file, options, report);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Load on a service of this machine");
  Options options;
  add_options(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "deformer_service_load: error: " << error.what() << "\n";
    return 1;
  }
}
