#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/number_text.h"
#include "base/shown_uri.h"
#include "deformer/inspect.h"
#include "deformer/passage_store.h"
#include "tools/failure.h"
#include "tools/model_options.h"
#include "tools/model_report.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/store_report.h"
#include "tools/talk.h"
#include "tools/verbs.h"

namespace deformer::tools {
namespace {

struct InspectVerbOptions {
  ModelOptions model;  // model_dir: a directory or a store's URI
  FlopsSizes sizes;
  std::vector<const CLI::Option*> of_models;  // that a store has no use for
  bool verify = false;
  bool json = false;
  bool quiet = false;
};

// Longer than any model's, and the sums of rows stay within an int.
constexpr std::uint64_t kMostTokens = 1'000'000;

// Without --verify: enough for bytes per row and codecs.
constexpr std::size_t kSampledPassages = 1000;

constexpr const char* kInspectFooter = R"(Examples:
  deformer inspect DIR
  deformer inspect DIR --split-layer 9 --question-tokens 14 --passage-tokens 150 --json
  deformer inspect lmdb:passages --verify

FLOPs: a multiply-add counts as 2; a layer of width h over L rows costs 24 h^2 L + 4 h L^2 (inner
width 4 h). "decomposed" is the lower layers over the question and the upper layers over both, the
passage being there already. The default lengths are the paper's slots, 27 + 293 with special
tokens. Of a store the first 1,000 passages are read, with --verify all; a damaged one makes the
exit status 4.)";

// "lmdb:passages"; a directory of that very name is a model.
bool is_store_uri(const std::string& path) {
  const std::size_t colon = path.find(':');
  if (colon == std::string::npos || colon == 0 || is_there(path)) return false;
  return std::all_of(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(colon),
                     [](char c) { return c >= 'a' && c <= 'z'; });
}

void inspect_model(const InspectVerbOptions& options, Output& output) {
  if (options.verify) {
    throw invalid("--verify: expected the URI of a passage store, found " +
                  options.model.model_dir);
  }
  const auto model = load_model(options.model, Talk(options.quiet));
  const ModelReport report{*model, inspect_weights(options.model.model_dir),
                           estimate_flops(model->config(), options.sizes)};
  output.write(options.json ? to_json(report) : to_text(report));
}

// What a store has no use for.
void refuse_model_options(const InspectVerbOptions& options) {
  for (const CLI::Option* option : options.of_models) {
    refuse_given(*option, "expected a model directory, found the store " +
                              shown_uri(options.model.model_dir));
  }
}

StoreReport read_store(const InspectVerbOptions& options) {
  const auto store = open_existing_passage_store(options.model.model_dir);
  StoreReport report;
  report.info = store->info();
  report.complete = options.verify || report.info.passages <= kSampledPassages;
  Progress progress(Talk(options.quiet), "read", "passages",
                    report.complete ? report.info.passages : kSampledPassages);
  ScanOptions scan;
  scan.max_passages = report.complete ? 0 : kSampledPassages;
  scan.progress = [&](std::size_t done, std::size_t) { progress.update(done); };
  report.scan = scan_passage_store(*store, scan);
  return report;
}

void inspect_store(const InspectVerbOptions& options, Output& output) {
  refuse_model_options(options);
  const StoreReport report = read_store(options);
  output.write(options.json ? to_json(report) : to_text(report));
  if (report.scan.bad.empty()) return;
  output.commit();
  throw Error(ErrorCode::kCorrupt, "damaged passages: " + grouped(report.scan.bad.size()) +
                                       ", the first: " + report.scan.bad.front().message);
}

int run_inspect(const InspectVerbOptions& options) {
  Output output("-");
  if (is_store_uri(options.model.model_dir)) {
    inspect_store(options, output);
  } else {
    inspect_model(options, output);
  }
  output.commit();
  return kExitOk;
}

}  // namespace

Verb add_inspect(CLI::App& app) {
  CLI::App* const verb =
      app.add_subcommand("inspect", "Show what a model directory or a store holds");
  const auto options = std::make_shared<InspectVerbOptions>();
  OptionGroup group(*verb);
  group.place("PATH", options->model.model_dir, "", "Model directory, or URI of a passage store")
      ->required();
  group.number("--question-tokens", options->sizes.question_tokens, "N",
               "Question length for the FLOPs, special tokens not counted",
               whole_number(1, kMostTokens));
  group.number("--passage-tokens", options->sizes.passage_tokens, "N",
               "Passage length for the FLOPs, special tokens not counted",
               whole_number(1, kMostTokens));
  add_runtime_options(*verb, options->model);
  options->of_models = std::as_const(*verb).get_options([](const CLI::Option* option) {
    return option->get_name() != "PATH" && !option->get_name().starts_with("--help");
  });
  group.flag("--verify", options->verify, "Read and check every passage of a store");
  group.flag("--json", options->json, "JSON instead of text");
  group.flag("--quiet", options->quiet, "No progress on stderr");
  verb->footer(kInspectFooter);
  return {verb, [options] { return run_inspect(*options); }};
}

}  // namespace deformer::tools
