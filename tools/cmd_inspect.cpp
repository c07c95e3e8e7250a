#include "tools/cmd_inspect.h"

#include "tools/model_report.h"
#include "tools/output.h"

namespace deformer::tools {
namespace {

constexpr const char* kFooter = R"(Examples:
  deformer inspect DIR
  deformer inspect DIR --json
  deformer inspect DIR --split-layer 9 --question-tokens 14 --passage-tokens 150

FLOPs: a multiply-add counts as 2; a layer of width h over L rows costs 24 h^2 L + 4 h L^2 (inner
width 4 h). "decomposed" is the lower layers over the question and the upper layers over both, the
passage being there already. The default lengths are the paper's slots, 27 + 293 with special
tokens.)";

}  // namespace

CLI::App* add_inspect(CLI::App& app, InspectOptions& options) {
  CLI::App* verb = app.add_subcommand("inspect", "Show what a model directory holds");
  verb->add_option("PATH", options.model.model_dir, "Model directory")->required()->type_name("");
  verb->add_option("--question-tokens", options.sizes.question_tokens,
                   "Question length for the FLOPs, special tokens not counted")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_option("--passage-tokens", options.sizes.passage_tokens,
                   "Passage length for the FLOPs, special tokens not counted")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_flag("--json", options.json, "JSON instead of text");
  add_runtime_options(*verb, options.model);
  verb->footer(kFooter);
  return verb;
}

void run_inspect(const InspectOptions& options) {
  Output output("-");
  const auto model = load_model(options.model);
  const ModelReport report{*model, inspect_weights(options.model.model_dir),
                           estimate_flops(model->config(), options.sizes)};
  output.write(options.json ? to_json(report) : to_text(report));
  output.commit();
}

}  // namespace deformer::tools
