#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/stopwatch.h"
#include "bench/bench_html.h"
#include "bench/bench_report.h"
#include "bench/benchmark.h"
#include "bench/paper_benchmark.h"
#include "bench/paper_report.h"
#include "bench/workload.h"
#include "deformer/error.h"
#include "deformer/inspect.h"
#include "deformer/model_config.h"
#include "tools/failure.h"
#include "tools/model_options.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/reading.h"
#include "tools/talk.h"
#include "tools/verbs.h"

namespace deformer::tools {
namespace {

constexpr const char* kBenchFooter = R"(Examples:
  deformer bench --model DIR --squad dev-v1.1.json --html bench.html
  deformer bench --random bert-base --lengths 27,293 --threads 2 --json
  deformer bench --model DIR --store lmdb:bench-fp16 --codec fp16 --mode full,warm
  deformer bench --paper --tasks squad,boolq

full: all layers over question and passage together; cold: decomposed, the passage encoded for its
question; warm: decomposed, the passage in the store; projected: in the store as by encode
--projections. All on the same weights and questions, in turn. --random needs no files: weights of a published model's sizes. --paper measures the
paper's tasks at its lengths. docs/performance.md says what each figure means and how to measure.)";

struct BenchVerbOptions {
  ModelOptions model;
  std::string random;
  std::string squad;
  std::vector<int> lengths;  // empty: the default
  std::size_t passages = 64;
  std::vector<std::string> modes;  // empty: all that the model allows
  std::string store = "memory:";
  HiddenCodec codec = HiddenCodec::kFp32;
  std::vector<const CLI::Option*> of_stores;  // that columns without a store have no use for
  std::size_t batch_tokens = 4096;
  double min_seconds = 10;
  std::uint64_t seed = 1;
  bool paper = false;
  std::vector<std::string> tasks;
  std::vector<std::string> paper_models;
  std::string html;
  bool json = false;
  bool quiet = false;
};

[[noreturn]] void throw_invalid(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, "bench: " + message);
}

void require_consistent(const BenchVerbOptions& options) {
  if (is_stdout(options.html) && options.json) {
    refuse_beside_json("the report", "the page", "--html");
  }
  refuse_input_as_output(all_inputs({options.squad}, options.model.model_dir, options.store),
                         {{"--html", options.html}});
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

// Room for so many rows, no more and no less.
int tokens_of(const char* name, int rows, int special) {
  if (rows > special) return rows - special;
  throw invalid("--lengths: expected " + std::to_string(special + 1) + " rows or more of a " +
                name + ", found " + std::to_string(rows));
}

// A published model reads whatever lengths are asked for, as far as its positions go.
ModelConfig random_config(const BenchVerbOptions& options) {
  ModelConfig config = published_model_config(options.random);
  const LoadOptions& load = options.model.load;
  if (load.split_layer) config.split.split_layer = *load.split_layer;
  if (load.layout) config.split.layout = *load.layout;
  const RowLengths lengths = row_lengths(options);
  const FlopsEstimate one = estimate_flops(config, {1, 1});
  SplitConfig& split = config.split;
  split.max_question_tokens = tokens_of("question", lengths.question, one.question_rows - 1);
  split.window_tokens = tokens_of("passage", lengths.passage, one.passage_rows - 1);
  split.window_step = std::min(split.window_step, split.window_tokens);
  return config;
}

std::shared_ptr<const Model> make_model(const BenchVerbOptions& options) {
  if (options.random.empty()) return load_model(options.model, Talk(options.quiet));
  RandomModelOptions random;
  random.runtime = options.model.load.runtime;
  random.seed = options.seed;
  return Model::random(random_config(options), random);
}

std::vector<BenchQuestion> make_questions(const BenchVerbOptions& options, const Model& model) {
  if (options.squad.empty()) {
    return make_synthetic_questions(model, row_lengths(options), options.passages, options.seed);
  }
  const SquadDataset dataset = load_squad(options.squad);
  try {
    return sample_questions(dataset, options.passages, options.seed);
  } catch (const Error& error) {
    throw Error(error.code(), options.squad + ": " + error.what());
  }
}

// A store that no column reads is neither filled nor measured.
void refuse_unread_store(const BenchVerbOptions& options, const std::vector<BenchColumn>& columns) {
  const auto reads = [](const BenchColumn& column) { return reads_store(column.mode); };
  if (std::any_of(columns.begin(), columns.end(), reads)) return;
  for (const CLI::Option* option : options.of_stores) {
    refuse_given(*option, "expected mode warm or projected, found neither");
  }
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
  refuse_unread_store(options, columns);
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
  bench.codec = options.codec;
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
  const Stopwatch watch;
  const auto model = make_model(options);
  summary.load_seconds = watch.seconds();
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
  summary.codec = options.codec;
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
  paper.threads = options.model.load.runtime.threads;
  paper.min_seconds = options.min_seconds;
  paper.seed = options.seed;
  paper.progress = [&](std::size_t done, std::size_t total, const std::string& name) {
    progress.update(done, "of " + std::to_string(total) + ": " + name);
  };
  PaperSummary summary;
  summary.machine = describe_machine();
  summary.threads = options.model.load.runtime.threads > 0 ? options.model.load.runtime.threads
                                                           : summary.machine.threads;
  summary.seed = options.seed;
  summary.rows = run_paper_benchmark(paper);
  return summary;
}

template <typename Summary>
void print(const BenchVerbOptions& options, const Summary& summary, HtmlFile& html) {
  do_all({[&] {
            // The page has stdout for itself where it goes there.
            if (is_stdout(options.html)) return;
            Output output("-");
            output.write(options.json ? to_json(summary) : to_table(summary));
            output.commit();
          },
          [&] { html.write(summary); }});
}

void add_measured(CLI::App& verb, BenchVerbOptions& options) {
  OptionGroup group(verb, "What is measured (--model, --random or --paper)");
  std::string names;
  for (const std::string& name : published_model_names()) {
    names += (names.empty() ? "" : ", ") + name;
  }
  auto* model = group.place("--model", options.model.model_dir, "DIR", "Model directory");
  auto* random = group.text("--random", options.random, "NAME", "Random weights: " + names);
  auto* paper = group.flag("--paper", options.paper, "The paper's tables 1 to 3");
  exclusive({model, random, paper});
  auto* squad =
      group.place("--squad", options.squad, "FILE", "Questions and passages of a SQuAD file");
  auto* lengths = group.number(
      "--lengths", options.lengths, "Q,P",
      "Random texts of so many rows, special tokens included; 27,293 unless --squad", whole_int(1));
  lengths->delimiter(',')->excludes(squad);
  auto* passages = group.number("--passages", options.passages, "N",
                                "How many passages, one question each", whole_number(1));
  paper->excludes(squad)->excludes(lengths)->excludes(passages);
  group.text("--tasks", options.tasks, "NAME,...", "Of --paper: squad, boolq, race, mnli, qqp")
      ->delimiter(',')
      ->needs(paper);
  group
      .text("--paper-models", options.paper_models, "NAME,...",
            "Of --paper: names as of --random; without it those of the paper")
      ->delimiter(',')
      ->needs(paper);
}

void add_measuring(CLI::App& verb, BenchVerbOptions& options) {
  OptionGroup group(verb, "Measuring");
  group
      .text("--mode", options.modes, "NAME,...",
            "full, cold, warm, projected; without it full alone of a joint model, else the first "
            "three")
      ->delimiter(',');
  options.of_stores = {
      group.place("--store", options.store, "URI",
                  "Of modes warm and projected; what it lacks is put there and stays"),
      group
          .parsed("--codec", options.codec, "NAME",
                  "Of what is there, or put there: fp32, fp16, int8", parse_hidden_codec)
          ->default_str(to_string(options.codec))};
  group.number("--batch-tokens", options.batch_tokens, "N", "Most tokens of one pass",
               whole_number(1));
  group.number("--min-seconds", options.min_seconds, "S", "Measure each column at least so long",
               real_number(0));
  group.number("--seed", options.seed, "N", "Of the sample, the texts and random weights",
               whole_number(0));
}

int run_bench(const BenchVerbOptions& options) {
  require_consistent(options);
  HtmlFile html(options.html);
  if (options.paper) {
    print(options, measure_paper(options), html);
  } else {
    print(options, measure(options), html);
  }
  return kExitOk;
}

}  // namespace

Verb add_bench(CLI::App& app) {
  CLI::App* const verb = app.add_subcommand("bench", "Measure full against decomposed");
  const auto options = std::make_shared<BenchVerbOptions>();
  add_measured(*verb, *options);
  add_measuring(*verb, *options);
  OptionGroup group(*verb, "Output");
  group.output("--html", options->html, "A page with plots");
  group.flag("--json", options->json, "JSON instead of a table");
  group.flag("--quiet", options->quiet, "No progress on stderr");
  add_runtime_options(*verb, options->model);
  for (const char* name :
       {"--device", "--precision", "--weights", "--tokenizer-file", "--split-layer", "--layout",
        "--mode", "--store", "--codec", "--batch-tokens"}) {
    verb->get_option(name)->excludes("--paper");
  }
  verb->get_option("--tokenizer-file")->excludes("--random");
  verb->footer(kBenchFooter);
  return {verb, [options] { return run_bench(*options); }};
}

}  // namespace deformer::tools
