#include "tools/cmd_bench.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "bench/bench_html.h"
#include "bench/bench_report.h"
#include "bench/benchmark.h"
#include "bench/paper_benchmark.h"
#include "bench/paper_report.h"
#include "deformer/error.h"
#include "deformer/inspect.h"
#include "deformer/model_config.h"
#include "tools/number.h"
#include "tools/output.h"
#include "tools/talk.h"

namespace deformer::tools {
namespace {

constexpr const char* kBenchFooter = R"(Examples:
  deformer bench --model DIR --squad dev-v1.1.json --html bench.html
  deformer bench --random bert-base --lengths 27,293 --threads 2 --json
  deformer bench --model DIR --store lmdb:bench --codec fp16 --mode full,warm
  deformer bench --paper --tasks squad,boolq

full: all layers over question and passage together; cold: decomposed, the passage encoded for its
question; warm: decomposed, the passage in the store; projected: in the store as by encode
--projections. All on the same weights and questions, in turn. --random needs no files: weights of a published model's sizes. --paper measures the
paper's tasks at its lengths. docs/performance.md says what each figure means and how to measure.)";

[[noreturn]] void throw_invalid(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, "bench: " + message);
}

void require_consistent(const BenchVerbOptions& options) {
  if (options.html == "-" && options.json) refuse_beside_json("the report", "the page", "--html");
  if (options.paper) return;
  if (options.model.model_dir.empty() && options.random.empty()) {
    throw_invalid("expected --model, --random or --paper, found none of them");
  }
  if (!options.squad.empty() && !options.random.empty()) {
    throw_invalid("expected --model with --squad, found --random: it has no vocabulary for texts");
  }
  if (!options.lengths.empty() && options.lengths.size() != 2) {
    throw_invalid("expected --lengths QUESTION,PASSAGE, found " +
                  std::to_string(options.lengths.size()) + " numbers");
  }
}

RowLengths row_lengths(const BenchVerbOptions& options) {
  if (options.lengths.empty()) return {};
  return {options.lengths[0], options.lengths[1]};
}

// A published model reads whatever lengths are asked for, as far as its positions go.
ModelConfig random_config(const BenchVerbOptions& options) {
  ModelConfig config = published_model_config(options.random);
  const ModelOptions& model = options.model;
  if (model.split_layer) config.split.split_layer = *model.split_layer;
  if (!model.layout.empty()) config.split.layout = parse_layout(model.layout);
  const RowLengths lengths = row_lengths(options);
  const FlopsEstimate one = estimate_flops(config, {1, 1});
  config.split.max_question_tokens =
      std::max(config.split.max_question_tokens, lengths.question - one.question_rows + 1);
  config.split.window_tokens =
      std::max(config.split.window_tokens, lengths.passage - one.passage_rows + 1);
  return config;
}

std::shared_ptr<const Model> make_model(const BenchVerbOptions& options) {
  if (options.random.empty()) return load_model(options.model, Talk(options.quiet));
  RandomModelOptions random;
  random.runtime.device = parse_device(options.model.device);
  random.runtime.precision = parse_precision(options.model.precision);
  random.runtime.weights = parse_weight_type(options.model.weights);
  random.runtime.threads = options.model.threads;
  random.seed = options.seed;
  return Model::random(random_config(options), random);
}

std::vector<BenchQuestion> make_questions(const BenchVerbOptions& options, const Model& model) {
  if (options.squad.empty()) {
    return make_synthetic_questions(model, row_lengths(options), options.passages, options.seed);
  }
  return sample_questions(load_squad(options.squad), options.passages, options.seed);
}

std::vector<BenchColumn> make_columns(const BenchVerbOptions& options,
                                      const std::shared_ptr<const Model>& model) {
  std::vector<std::string> modes = options.modes;
  if (modes.empty()) {
    modes = {"full"};
    if (model->config().split.split_layer > 0) modes.insert(modes.end(), {"cold", "warm"});
  }
  std::vector<BenchColumn> columns;
  columns.reserve(modes.size());
  for (const std::string& mode : modes) columns.push_back({mode, parse_bench_mode(mode), model});
  return columns;
}

// Written when there is something to write.
class HtmlFile {
 public:
  explicit HtmlFile(const std::string& path) {
    if (!path.empty()) output_.emplace(path);
  }
  template <typename Summary>
  void write(const Summary& summary) {
    if (!output_) return;
    output_->write(to_html(summary));
    output_->commit();
  }

 private:
  std::optional<Output> output_;
};

BenchOptions bench_options(const BenchVerbOptions& options, Progress& progress) {
  BenchOptions bench;
  bench.store = options.store;
  bench.codec = parse_hidden_codec(options.codec);
  bench.batch_tokens = options.batch_tokens;
  bench.min_seconds = options.min_seconds;
  bench.progress = [&progress](double done, double) {
    progress.update(static_cast<std::size_t>(done));
  };
  return bench;
}

BenchSummary measure(const BenchVerbOptions& options) {
  BenchSummary summary;
  summary.before_load_seconds = process_seconds();
  const auto start = std::chrono::steady_clock::now();
  const auto model = make_model(options);
  summary.load_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const std::vector<BenchColumn> columns = make_columns(options, model);
  const RowLengths lengths = row_lengths(options);
  summary.questions = options.squad.empty() ? std::to_string(lengths.question) + " + " +
                                                  std::to_string(lengths.passage) + " rows"
                                            : options.squad;
  summary.model = options.random.empty() ? options.model.model_dir : options.random;
  summary.config = model->config();
  summary.parameters = model->num_parameters();
  summary.seed = options.seed;
  summary.store = options.store;
  summary.codec = parse_hidden_codec(options.codec);
  summary.batch_tokens = options.batch_tokens;
  Progress progress(Talk(options.quiet), "bench", "seconds",
                    static_cast<std::size_t>(options.min_seconds));
  summary.report =
      run_benchmark(columns, make_questions(options, *model), bench_options(options, progress));
  return summary;
}

PaperSummary measure_paper(const BenchVerbOptions& options) {
  Progress progress(Talk(options.quiet), "bench", "rows", 0);
  PaperOptions paper;
  paper.tasks = options.tasks;
  paper.models = options.paper_models;
  paper.threads = options.model.threads;
  paper.min_seconds = options.min_seconds;
  paper.seed = options.seed;
  paper.progress = [&](std::size_t done, std::size_t total, const std::string& name) {
    progress.update(done, "of " + std::to_string(total) + ": " + name);
  };
  PaperSummary summary;
  summary.machine = describe_machine();
  summary.threads = options.model.threads > 0 ? options.model.threads : summary.machine.threads;
  summary.seed = options.seed;
  summary.rows = run_paper_benchmark(paper);
  return summary;
}

template <typename Summary>
void print(const BenchVerbOptions& options, const Summary& summary, HtmlFile& html) {
  Output output("-");
  // The page has stdout for itself where it goes there.
  if (options.html != "-") output.write(options.json ? to_json(summary) : to_table(summary));
  output.commit();  // measured for minutes: said before a page that may fail
  html.write(summary);
}

void add_input_options(CLI::App& verb, BenchVerbOptions& options) {
  const std::string group = "What is measured (--model, --random or --paper)";
  auto* model = verb.add_option("--model", options.model.model_dir, "Model directory")
                    ->check(not_empty())
                    ->type_name("DIR")
                    ->group(group);
  std::string names;
  for (const std::string& name : published_model_names()) {
    names += (names.empty() ? "" : ", ") + name;
  }
  auto* random = verb.add_option("--random", options.random, "Random weights: " + names)
                     ->type_name("NAME")
                     ->excludes(model)
                     ->group(group);
  auto* paper = verb.add_flag("--paper", options.paper, "The paper's tables 1 to 3")
                    ->excludes(model)
                    ->excludes(random)
                    ->group(group);
  auto* squad = verb.add_option("--squad", options.squad, "Questions and passages of a SQuAD file")
                    ->check(not_empty())
                    ->type_name("FILE")
                    ->excludes(paper)
                    ->group(group);
  verb.add_option("--lengths", options.lengths,
                  "Random texts of so many rows, special tokens included; 27,293 unless --squad")
      ->type_name("Q,P")
      ->delimiter(',')
      ->transform(whole_int(1))
      ->excludes(squad)
      ->excludes(paper)
      ->group(group);
  verb.add_option("--passages", options.passages, "How many passages, one question each")
      ->type_name("N")
      ->transform(whole_number(1))
      ->capture_default_str()
      ->excludes(paper)
      ->group(group);
  verb.add_option("--tasks", options.tasks, "Of --paper: squad, boolq, race, mnli, qqp")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->needs(paper)
      ->group(group);
  verb.add_option("--paper-models", options.paper_models,
                  "Of --paper: names as of --random; without it those of the paper")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->needs(paper)
      ->group(group);
}

void add_measuring_options(CLI::App& verb, BenchVerbOptions& options) {
  const std::string group = "Measuring";
  verb.add_option("--mode", options.modes,
                  "full, cold, warm, projected; without it full alone of a joint model, else the "
                  "first three")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->group(group);
  verb.add_option("--store", options.store,
                  "Of modes warm and projected; what it lacks is put there and stays")
      ->check(not_empty())
      ->type_name("URI")
      ->capture_default_str()
      ->group(group);
  verb.add_option("--codec", options.codec, "Of what is put there: fp32, fp16, int8")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(group);
  verb.add_option("--batch-tokens", options.batch_tokens, "Most tokens of one pass")
      ->type_name("N")
      ->transform(whole_number(1))
      ->capture_default_str()
      ->group(group);
  verb.add_option("--min-seconds", options.min_seconds, "Measure each column at least so long")
      ->type_name("S")
      ->check(real_number(0))
      ->capture_default_str()
      ->group(group);
  verb.add_option("--seed", options.seed, "Of the sample, the texts and random weights")
      ->type_name("N")
      ->transform(whole_number(0))
      ->capture_default_str()
      ->group(group);
}

}  // namespace

CLI::App* add_bench(CLI::App& app, BenchVerbOptions& options) {
  CLI::App* verb = app.add_subcommand("bench", "Measure full against decomposed");
  add_input_options(*verb, options);
  add_measuring_options(*verb, options);
  verb->add_option("--html", options.html, "A page with plots")
      ->type_name("FILE")
      ->check(output_name())
      ->group("Output");
  verb->add_flag("--json", options.json, "JSON instead of a table")->group("Output");
  verb->add_flag("--quiet", options.quiet, "No progress on stderr")->group("Output");
  add_runtime_options(*verb, options.model);
  for (const char* name :
       {"--device", "--precision", "--weights", "--tokenizer-file", "--split-layer", "--layout",
        "--mode", "--store", "--codec", "--batch-tokens"}) {
    verb->get_option(name)->excludes(verb->get_option("--paper"));
  }
  verb->get_option("--tokenizer-file")->excludes(verb->get_option("--random"));
  verb->footer(kBenchFooter);
  return verb;
}

void run_bench(const BenchVerbOptions& options) {
  require_consistent(options);
  HtmlFile html(options.html);
  if (options.paper) {
    print(options, measure_paper(options), html);
  } else {
    print(options, measure(options), html);
  }
}

}  // namespace deformer::tools
