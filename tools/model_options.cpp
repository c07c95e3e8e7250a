#include "tools/model_options.h"

#include "deformer/runtime.h"
#include "tools/default_model.h"
#include "tools/help.h"
#include "tools/number.h"

namespace deformer::tools {

void add_model_options(CLI::App& verb, ModelOptions& options) {
  verb.add_option("--model", options.model_dir,
                  "Model directory; by default what DEFORMER_MODEL names, or a bundled one")
      ->check(not_empty())
      ->type_name("DIR");
  add_runtime_options(verb, options);
}

void add_runtime_options(CLI::App& verb, ModelOptions& options) {
  const std::string group = "Model";
  options.threads = default_threads();
  verb.add_option(
          "--tokenizer-file", options.tokenizer_file,
          "The model's file that holds the tokenizer, where two of them disagree: vocab.txt,"
          " tokenizer.json, ...")
      ->type_name("NAME")
      ->group(group);
  verb.add_option("--device", options.device, "cpu or cuda")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(group);
  verb.add_option("--precision", options.precision,
                  "Arithmetic of the encoder: fp32, fp16, bf16, int8; auto = the fastest one here")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(group);
  verb.add_option("--weights", options.weights,
                  "Type in which fp32 arithmetic keeps its weights: fp32, fp16; auto = fp16 where"
                  " the checkpoint is stored in fp16 or in 8 bits")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(group);
  verb.add_option("--threads", options.threads, "CPU threads; 0 = LibTorch's own choice")
      ->type_name("N")
      ->transform(thread_number())
      ->capture_default_str()
      ->group(group);
  verb.add_option("--split-layer", options.split_layer,
                  "Number of lower layers; overrides the model's config.json")
      ->type_name("N")
      ->transform(whole_int(0))
      ->group(group);
  verb.add_option("--layout", options.layout,
                  std::string(kLayoutHelp) + "overrides the model's config.json")
      ->type_name("NAME")
      ->group(group);
}

void add_task_option(CLI::App& verb, ModelOptions& options) {
  verb.add_option_function<std::string>(
          "--task", [&options](const std::string& name) { options.task = parse_task(name); },
          "boolq, mnli, qqp, race, or classes or choice for data of one's own; needed where the "
          "model's "
          "config.json does not say what it answers")
      ->type_name("NAME")
      ->group("Model");
}

const KnownDataset& data_form(const ModelOptions& options, const ModelConfig& config,
                              const std::string& path) {
  if (options.task) return known_dataset(options.task->name);
  return guess_dataset(path, config.task, config.labels);
}

void add_store_options(CLI::App& verb, std::string& store, bool& require_store) {
  const std::string group = "Passage store";
  auto* option =
      verb.add_option("--store", store,
                      "Take passages from this store (deformer encode) where it has them")
          ->check(not_empty())
          ->type_name("URI")
          ->group(group);
  verb.add_flag("--require-store", require_store,
                "Stop at a passage that the store lacks instead of encoding it")
      ->needs(option)
      ->group(group);
}

std::shared_ptr<const Model> load_model(const ModelOptions& options, const Talk& talk) {
  ModelOptions chosen = options;
  choose_model(chosen, talk);
  LoadOptions load;
  load.runtime.device = parse_device(options.device);
  load.runtime.precision = parse_precision(options.precision);
  load.runtime.weights = parse_weight_type(options.weights);
  load.runtime.threads = options.threads;
  load.split_layer = options.split_layer;
  load.task = options.task;
  load.tokenizer_file = options.tokenizer_file;
  if (!options.layout.empty()) load.layout = parse_layout(options.layout);
  auto model = Model::load(chosen.model_dir, load);
  if (load.runtime.precision == Precision::kAuto) {
    talk.note("precision auto: " + to_string(model->runtime().precision) +
              " is the fastest one here");
  }
  return model;
}

}  // namespace deformer::tools
