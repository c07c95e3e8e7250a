#include "tools/model_options.h"

#include <cstdlib>
#include <system_error>

#include "base/file.h"
#include "tools/failure.h"
#include "tools/options.h"

namespace deformer::tools {
namespace {

namespace fs = std::filesystem;

// The best one first.
constexpr const char* kBundled[] = {"squad-base", "squad-mini"};
// Of the installed tool, and of build/release/deformer.
constexpr const char* kPlaces[] = {"../share/deformer/models", "../../models"};

bool is_model(const fs::path& directory) {
  return is_there(directory / "config.json") &&
         (is_there(directory / "model.safetensors") ||
          is_there(directory / "model.safetensors.index.json"));
}

}  // namespace

void add_model_options(CLI::App& verb, ModelOptions& options) {
  OptionGroup(verb).place(
      "--model", options.model_dir, "DIR",
      "Model directory; by default what DEFORMER_MODEL names, or a bundled one");
  add_runtime_options(verb, options);
}

void add_runtime_options(CLI::App& verb, ModelOptions& options) {
  OptionGroup group(verb, "Model");
  Runtime& runtime = options.load.runtime;
  group.place("--tokenizer-file", options.load.tokenizer_file, "NAME",
              "The model's file that holds the tokenizer, where two of them disagree: vocab.txt, "
              "tokenizer.json, ...");
  group.parsed("--device", runtime.device, "NAME", "cpu or cuda", parse_device)
      ->default_str(to_string(runtime.device));
  group
      .parsed("--precision", runtime.precision, "NAME",
              "Arithmetic of the encoder: fp32, fp16, bf16, int8; auto = the fastest one here",
              parse_precision)
      ->default_str(to_string(runtime.precision));
  group
      .parsed("--weights", runtime.weights, "NAME",
              "Type in which fp32 arithmetic keeps its weights: fp32, fp16; auto = fp16 where the "
              "checkpoint is stored in fp16 or in 8 bits",
              parse_weight_type)
      ->default_str(to_string(runtime.weights));
  group.threads(runtime.threads);
  group.number("--split-layer", options.load.split_layer, "N",
               "Number of lower layers; overrides the model's config.json", whole_int(0));
  group.layout(options.load.layout, "overrides the model's config.json");
}

void add_task_option(CLI::App& verb, ModelOptions& options) {
  OptionGroup(verb, "Model")
      .parsed("--task", options.load.task, "NAME",
              "boolq, mnli, qqp, race, or classes or choice for your own data; needed where the "
              "model's config.json does not say what it answers",
              parse_task);
}

const KnownDataset& data_form(const ModelOptions& options, const ModelConfig& config,
                              const std::string& path) {
  if (options.load.task) return known_dataset(options.load.task->name);
  return guess_dataset(path, config.task, config.labels);
}

fs::path find_bundled_model(const fs::path& program) {
  for (const char* name : kBundled) {
    for (const char* place : kPlaces) {
      fs::path directory = (program.parent_path() / place / name).lexically_normal();
      if (is_model(directory)) return directory;
    }
  }
  return {};
}

void choose_model(ModelOptions& options, const Talk& talk) {
  if (!options.model_dir.empty()) return;
  const char* const named = std::getenv("DEFORMER_MODEL");
  if (named != nullptr && *named != '\0') {
    options.model_dir = named;
    talk.note("model: " + options.model_dir + " (DEFORMER_MODEL)");
    return;
  }
  std::error_code ignored;
  options.model_dir = find_bundled_model(fs::read_symlink("/proc/self/exe", ignored)).string();
  if (options.model_dir.empty()) {
    throw invalid(
        "model: expected --model DIR or DEFORMER_MODEL, found neither, and no bundled model beside "
        "the tool");
  }
  talk.note("model: " + options.model_dir + " (bundled)");
}

std::vector<std::string> model_files(const std::string& model_dir) {
  std::error_code ignored;
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(model_dir, ignored)) {
    const std::string kind = entry.path().extension().string();
    const bool is_read = kind == ".json" || kind == ".txt" || kind == ".model" ||
                         entry.path().filename().string().starts_with("model");
    if (is_read) files.push_back(entry.path().string());
  }
  return files;
}

std::shared_ptr<const Model> load_model(const ModelOptions& options, const Talk& talk) {
  ModelOptions chosen = options;
  choose_model(chosen, talk);
  auto model = Model::load(chosen.model_dir, chosen.load);
  if (chosen.load.runtime.precision == Precision::kAuto) {
    talk.note("precision auto: " + to_string(model->runtime().precision) +
              " is the fastest one here");
  }
  return model;
}

}  // namespace deformer::tools
