#include "tools/cmd_convert.h"

#include "tools/choice.h"
#include "tools/convert_report.h"
#include "tools/help.h"
#include "tools/number.h"
#include "tools/output.h"
#include "tools/talk.h"

namespace deformer::tools {
namespace {

constexpr const char* kConvertFooter = R"(Examples:
  deformer convert --from bert-large-squad --to model
  deformer convert --from ebert-base-s9-squad_v1.1/model.ckpt-8321 --to answerer --format fp16
  deformer convert --from uncased_L-12_H-768_A-12 --to base --split-layer 9

--from is a Hugging Face directory (config.json with model.safetensors or pytorch_model.bin, whole
or in shards), or a TensorFlow checkpoint by its prefix or directory: Google's BERT, the original
DeFormer (the split is read off the names), XLNet. Nothing of a pickle is run. Tensors that mean
nothing here end the conversion, with their names.)";

ConvertOptions convert_options(const ConvertVerbOptions& options) {
  ConvertOptions convert = options.convert;
  convert.vocabulary = options.vocabulary;
  if (options.lower_case) convert.lower_case = true;
  if (options.cased) convert.lower_case = false;
  if (!options.format.empty()) convert.format = save_format("--format", options.format);
  convert.max_shard_bytes = std::int64_t{options.max_shard_mb} * 1'000'000;
  if (!options.layout.empty()) convert.layout = parse_layout(options.layout);
  return convert;
}

void add_tokenizer(CLI::App& verb, ConvertVerbOptions& options) {
  const std::string group = "Vocabulary";
  verb.add_option(
          "--vocabulary", options.vocabulary,
          "vocab.txt, spiece.model or tokenizer.json; by default beside the checkpoint or above it")
      ->type_name("FILE")
      ->group(group);
  auto* lower = verb.add_flag("--lower-case", options.lower_case,
                              "The tokenizer lower-cases; by default as the source says, else BERT "
                              "does and XLNet does not");
  auto* cased = verb.add_flag("--cased", options.cased, "It does not");
  lower->excludes(cased)->group(group);
  cased->group(group);
}

}  // namespace

CLI::App* add_convert(CLI::App& app, ConvertVerbOptions& options) {
  CLI::App* verb = app.add_subcommand("convert", "Make a model directory of another checkpoint");
  verb->add_option("--from", options.from, "What to read")->required()->type_name("PATH");
  verb->add_option("--to", options.to, "The model directory to write")
      ->required()
      ->type_name("DIR");
  verb->add_option("--format", options.format,
                   "Weights written: fp32, fp16, bf16 or int8; by default the source's")
      ->type_name("NAME");
  verb->add_option("--max-shard-mb", options.max_shard_mb,
                   "Most megabytes of weights in one file; more become shards with an index")
      ->type_name("N")
      ->transform(whole_int(1));
  verb->add_option("--split-layer", options.convert.split_layer,
                   "Number of lower layers, for config.json; by default the source's")
      ->type_name("K")
      ->transform(whole_int(0));
  verb->add_option("--layout", options.layout,
                   std::string(kLayoutHelp) + "for config.json, by default the source's")
      ->type_name("NAME");
  add_tokenizer(*verb, options);
  verb->add_flag("--allow-unused", options.convert.allow_unused,
                 "Leave out tensors that mean nothing here");
  verb->add_flag("--force", options.convert.force, "Replace the model that --to holds");
  verb->add_flag("--list", options.list, "Name every tensor on stderr");
  verb->add_flag("--json", options.json, "Print the report as JSON on stdout");
  verb->add_flag("--quiet", options.quiet, "No report on stderr");
  verb->footer(kConvertFooter);
  return verb;
}

void run_convert(const ConvertVerbOptions& options) {
  const Talk talk(options.quiet);
  Output output("-");
  const ConvertReport report = convert_model(options.from, options.to, convert_options(options));
  if (options.list) {
    for (const std::string& line : tensor_lines(report)) talk.note(line);
  }
  for (const std::string& line : summary_lines(report, options.to)) talk.note(line);
  if (options.json) output.write(to_json(report));
  output.commit();
}

}  // namespace deformer::tools
