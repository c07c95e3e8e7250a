#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/number_text.h"
#include "deformer/convert.h"
#include "tools/failure.h"
#include "tools/json_line.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/talk.h"
#include "tools/verbs.h"

namespace deformer::tools {
namespace {

constexpr const char* kConvertFooter = R"(Examples:
  deformer convert --from bert-large-squad --to model
  deformer convert --from ebert-base-s9-squad_v1.1/model.ckpt-8321 --to squad-base --format fp16
  deformer convert --from uncased_L-12_H-768_A-12 --to base --split-layer 9

--from is a Hugging Face directory (config.json with model.safetensors or pytorch_model.bin, whole
or in shards), or a TensorFlow checkpoint by its prefix or directory: Google's BERT, the original
DeFormer (the split is read off the names), XLNet. Nothing of a pickle is run. Tensors that mean
nothing here end the conversion, with their names.)";

struct ConvertVerbOptions {
  std::string from;
  std::string to;
  ConvertOptions convert;
  bool lower_case = false;
  bool cased = false;
  std::optional<int> max_shard_mb;  // absent: one file
  bool list = false;
  bool json = false;
  bool quiet = false;
};

// "optimiser 404, pretraining head 5"
std::string reasons(const std::vector<SkippedTensor>& skipped) {
  std::map<std::string, std::size_t> counts;
  for (const SkippedTensor& tensor : skipped) ++counts[to_string(tensor.reason)];
  std::string text;
  for (const auto& [reason, count] : counts) {
    text += (text.empty() ? "" : ", ") + reason + " " + grouped(count);
  }
  return text;
}

std::string heads(const ConvertReport& report) {
  if (report.span_head) return report.class_head ? "span head and class head" : "span head";
  if (report.class_head) return "class head";
  return "no head: it has to be trained before it answers";
}

// What was read, counts, what the new model is and lacks.
std::vector<std::string> summary_lines(const ConvertReport& report, const std::string& to) {
  const ModelConfig& config = report.config;
  std::vector<std::string> lines;
  lines.push_back("read " + report.source + ", sizes from " + report.sizes_from);
  std::string counts = "mapped " + grouped(report.mapped.size()) + " tensors, skipped " +
                       grouped(report.skipped.size());
  if (!report.skipped.empty()) counts += " (" + reasons(report.skipped) + ")";
  if (!report.unused.empty()) counts += ", left out as unused " + grouped(report.unused.size());
  lines.push_back(std::move(counts));
  lines.push_back(
      "wrote " + to + ": " + config.architecture + ", " + std::to_string(config.num_hidden_layers) +
      " layers, " + std::to_string(config.num_attention_heads) + " heads, " +
      to_string(config.hidden_act) + ", split layer " + std::to_string(config.split.split_layer) +
      ", layout " + to_string(config.split.layout) + ", " + report.dtype);
  lines.push_back("vocabulary " + report.vocabulary.string() +
                  (report.lower_case ? ", lower-casing" : ", cased") + "; " + heads(report));
  return lines;
}

// One for every tensor: "mapped SOURCE -> NAME", "skipped SOURCE (REASON)", "unused SOURCE".
std::vector<std::string> tensor_lines(const ConvertReport& report) {
  std::vector<std::string> lines;
  for (const MappedTensor& tensor : report.mapped) {
    lines.push_back("mapped " + tensor.source + " -> " + tensor.name);
  }
  for (const SkippedTensor& tensor : report.skipped) {
    lines.push_back("skipped " + tensor.source + " (" + to_string(tensor.reason) + ")");
  }
  for (const std::string& tensor : report.unused) lines.push_back("unused " + tensor);
  return lines;
}

// docs/cli.md has the fields.
std::string conversion_json(const ConvertReport& report) {
  const ModelConfig& config = report.config;
  Json object;
  object["source"] = report.source;
  object["sizes_from"] = report.sizes_from;
  object["vocabulary"] = report.vocabulary.string();
  object["lower_case"] = report.lower_case;
  object["dtype"] = report.dtype;
  object["config"] = {{"architecture", config.architecture},
                      {"vocab_size", config.vocab_size},
                      {"hidden_size", config.hidden_size},
                      {"num_hidden_layers", config.num_hidden_layers},
                      {"num_attention_heads", config.num_attention_heads},
                      {"intermediate_size", config.intermediate_size},
                      {"hidden_act", to_string(config.hidden_act)},
                      {"split_layer", config.split.split_layer},
                      {"layout", to_string(config.split.layout)}};
  object["span_head"] = report.span_head;
  object["class_head"] = report.class_head;
  for (const char* list : {"mapped", "skipped", "unused"}) {
    object[list] = Json::array();
  }
  for (const MappedTensor& tensor : report.mapped) {
    object["mapped"].push_back({{"source", tensor.source}, {"name", tensor.name}});
  }
  for (const SkippedTensor& tensor : report.skipped) {
    object["skipped"].push_back({{"source", tensor.source}, {"reason", to_string(tensor.reason)}});
  }
  for (const std::string& tensor : report.unused) object["unused"].push_back(tensor);
  return json_line(object);
}

ConvertOptions convert_options(const ConvertVerbOptions& options) {
  ConvertOptions convert = options.convert;
  if (options.lower_case) convert.lower_case = true;
  if (options.cased) convert.lower_case = false;
  convert.max_shard_bytes = std::int64_t{options.max_shard_mb.value_or(0)} * 1'000'000;
  return convert;
}

int run_convert(const ConvertVerbOptions& options) {
  const Talk talk(options.quiet);
  Output output("-");
  const ConvertReport report = convert_model(options.from, options.to, convert_options(options));
  if (options.list) {
    for (const std::string& line : tensor_lines(report)) talk.note(line);
  }
  for (const std::string& line : summary_lines(report, options.to)) talk.note(line);
  if (options.json) output.write(conversion_json(report));
  output.commit();
  return kExitOk;
}

// An empty name is none.
std::optional<SaveFormat> parse_format(const std::string& name) {
  if (name.empty()) return std::nullopt;
  return find_choice("--format", name, kSaveFormats);
}

void add_model_written(CLI::App& verb, ConvertVerbOptions& options) {
  OptionGroup group(verb);
  group.place("--from", options.from, "PATH", "What to read")->required();
  group.place("--to", options.to, "DIR", "The model directory to write")->required();
  group.parsed("--format", options.convert.format, "NAME",
               "Weights written: fp32, fp16, bf16 or int8; by default the source's (8 bits as they "
               "are), fp32 where it has several",
               parse_format);
  group.number("--max-shard-mb", options.max_shard_mb, "N",
               "Most megabytes of weights in one file; more become shards with an index",
               whole_int(1));
  group.number("--split-layer", options.convert.split_layer, "K",
               "Number of lower layers, for config.json; by default the source's", whole_int(0));
  group.layout(options.convert.layout, "for config.json, by default the source's");
}

void add_vocabulary(CLI::App& verb, ConvertVerbOptions& options) {
  OptionGroup group(verb, "Vocabulary");
  group
      .text("--vocabulary", options.convert.vocabulary, "FILE",
            "The vocabulary; by default the architecture's own file or bert.vocab, else "
            "tokenizer.json, beside the checkpoint or in the directory above")
      ->check(not_empty());
  group.flag("--lower-case", options.lower_case,
             "The tokenizer lower-cases; by default as the source says, else as the architecture's "
             "published models do");
  group.flag("--cased", options.cased, "It does not")->excludes("--lower-case");
}

}  // namespace

Verb add_convert(CLI::App& app) {
  CLI::App* const verb =
      app.add_subcommand("convert", "Make a model directory of another checkpoint");
  const auto options = std::make_shared<ConvertVerbOptions>();
  add_model_written(*verb, *options);
  add_vocabulary(*verb, *options);
  OptionGroup group(*verb);
  group.flag("--allow-unused", options->convert.allow_unused,
             "Leave out tensors that mean nothing here");
  group.flag("--force", options->convert.force, "Replace the model that --to holds");
  group.flag("--list", options->list, "Name every tensor on stderr");
  group.flag("--json", options->json, "Print the report as JSON on stdout");
  group.flag("--quiet", options->quiet, "No report on stderr");
  verb->footer(kConvertFooter);
  return {verb, [options] { return run_convert(*options); }};
}

}  // namespace deformer::tools
