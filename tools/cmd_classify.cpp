#include "tools/cmd_classify.h"

#include "deformer/error.h"
#include "tools/classify_modes.h"
#include "tools/number.h"
#include "tools/output.h"

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
--choice). Examples of one's own are lines {"question", "passage", "label"}, or {"question",
"options", "passage", "answer"}. With gold labels stdout has the score, else the predictions. docs/cli.md has all formats.)";

void add_inputs(CLI::App& verb, ClassifyVerbOptions& options) {
  const std::string group = "Input (--data, or --first and --second)";
  auto* data =
      verb.add_option(
              "--data", options.data,
              "JSON Lines (boolq, classes, choice), a table (mnli, qqp), a directory (race)")
          ->check(not_empty())
          ->type_name("PATH")
          ->group(group);
  auto* first = verb.add_option("--first", options.first, "The first text of a pair")
                    ->type_name("TEXT")
                    ->excludes(data)
                    ->group(group);
  auto* second = verb.add_option("--second", options.second, "The second text of a pair")
                     ->type_name("TEXT")
                     ->group(group);
  first->needs(second);
  second->needs(first);
  verb.add_option("--choice", options.choices,
                  "race, choice: an option of the question; may be repeated")
      ->type_name("TEXT")
      ->allow_extra_args(false)
      ->needs(first)
      ->group(group);
  verb.add_option("--limit", options.limit, "Read the first N examples only")
      ->type_name("N")
      ->transform(whole_number(1))
      ->needs(data)
      ->group(group);
}

void add_outputs(CLI::App& verb, ClassifyVerbOptions& options) {
  const std::string group = "Output";
  auto* data = verb.get_option("--data");
  verb.add_option("--output", options.output, "Predictions with probabilities; - = stdout")
      ->type_name("FILE")
      ->needs(data)
      ->check(output_name())
      ->group(group);
  verb.add_option("--submission", options.submission,
                  "Predictions in the benchmark's own form (boolq, mnli, qqp)")
      ->type_name("FILE")
      ->needs(data)
      ->check(output_name())
      ->group(group);
  verb.add_flag("--json", options.json, "JSON instead of text")->group(group);
  verb.add_flag("--quiet", options.quiet, "No progress and no notes on stderr")->group(group);
}

void add_running(CLI::App& verb, ClassifyVerbOptions& options) {
  add_store_options(verb, options.store, options.require_store);
  verb.add_option("--batch-tokens", options.batch_tokens,
                  "Most tokens of one pass: memory against speed")
      ->type_name("N")
      ->transform(whole_number(1))
      ->capture_default_str()
      ->group("Model");
  verb.add_flag("--timing", options.timing, "Say on stderr where the time went")->group("Model");
}

}  // namespace

CLI::App* add_classify(CLI::App& app, ClassifyVerbOptions& options) {
  CLI::App* verb =
      app.add_subcommand("classify", "Classify pairs of texts, or choose among options");
  add_model_options(*verb, options.model);
  // The bundled models are for spans.
  verb->get_option("--model")->required()->description("Model directory (docs/model_format.md)");
  add_task_option(*verb, options.model);
  add_inputs(*verb, options);
  add_outputs(*verb, options);
  add_running(*verb, options);
  verb->footer(kClassifyFooter);
  return verb;
}

void run_classify(const ClassifyVerbOptions& options) {
  if (options.data.empty() && !options.first) {
    throw Error(ErrorCode::kInvalidArgument,
                "classify: expected --data, or --first and --second, found neither");
  }
  const ModelConfig config = load_classify_config(options.model);
  if (options.first) {
    classify_texts(config, options);
  } else {
    classify_data(config, options);
  }
}

}  // namespace deformer::tools
