#include <memory>

#include "tools/classify_modes.h"
#include "tools/failure.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/verbs.h"

namespace deformer::tools {
namespace {

constexpr const char* kClassifyFooter = R"(Examples:
  deformer classify --model DIR --task boolq --data val.jsonl
  deformer classify --model DIR --task mnli --data dev_matched.tsv --output predictions.jsonl
  deformer classify --model DIR --task qqp --data test.tsv --submission QQP.tsv
  deformer classify --model DIR --task race --data RACE/test --store lmdb:articles
  deformer classify --model DIR --task mnli --first "It rained." --second "It was dry."
  deformer classify --model DIR --data my-examples.jsonl

--first and --second are what the data sets name first and second: question and passage (boolq),
premise and hypothesis (mnli), two questions (qqp), question and article (race, choice; with
--choice). Your own examples are lines {"question", "passage", "label"}, or {"question",
"options", "passage", "answer"}. With gold labels stdout has the score, else the predictions. docs/cli.md has all formats.)";

void add_classify_inputs(CLI::App& verb, ClassifyOptions& options) {
  OptionGroup group(verb, "Input (--data, or --first and --second)");
  group.place("--data", options.data, "PATH",
              "JSON Lines (boolq, classes, choice), a table (mnli, qqp), a directory (race)");
  auto* first = group.text("--first", options.first, "TEXT", "The first text of a pair");
  first->excludes("--data");
  group.text("--second", options.second, "TEXT", "The second text of a pair")->needs(first);
  first->needs("--second");
  group
      .repeated("--choice", options.choices, "TEXT",
                "race, choice: an option of the question; may be repeated")
      ->needs(first);
  group.number("--limit", options.limit, "N", "Read the first N examples only", whole_number(1))
      ->needs("--data");
}

void add_classify_outputs(CLI::App& verb, ClassifyOptions& options) {
  OptionGroup group(verb, "Output");
  group.output("--output", options.output, "Predictions with probabilities; - = stdout")
      ->needs("--data");
  group
      .output("--submission", options.submission,
              "Predictions in the benchmark's own form (boolq, mnli, qqp)")
      ->needs("--data");
  group.flag("--json", options.json, "JSON instead of text");
  group.flag("--quiet", options.quiet, "No progress and no notes on stderr");
}

int run_classify(const ClassifyOptions& options) {
  if (options.data.empty() && !options.first) {
    throw invalid("classify: expected --data, or --first and --second, found neither");
  }
  refuse_input_as_output(all_inputs({options.data}, options.model.model_dir, options.reading.store),
                         {{"--output", options.output}, {"--submission", options.submission}});
  const ModelConfig config = load_classify_config(options.model);
  if (options.first) {
    classify_texts(config, options);
  } else {
    classify_data(config, options);
  }
  return kExitOk;
}

}  // namespace

Verb add_classify(CLI::App& app) {
  CLI::App* const verb =
      app.add_subcommand("classify", "Classify pairs of texts, or choose among options");
  const auto options = std::make_shared<ClassifyOptions>();
  add_model_options(*verb, options->model);
  // The bundled models are for spans.
  verb->get_option("--model")->required()->description("Model directory (docs/model_format.md)");
  add_task_option(*verb, options->model);
  add_classify_inputs(*verb, *options);
  add_classify_outputs(*verb, *options);
  OptionGroup group(*verb, "Model");
  add_batch_tokens(group, options->reading);
  add_store_and_timing(*verb, group, options->reading);
  verb->footer(kClassifyFooter);
  return {verb, [options] { return run_classify(*options); }};
}

}  // namespace deformer::tools
