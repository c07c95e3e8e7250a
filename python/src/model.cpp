// Models and their configurations.
#include <deformer/model.h>
#include <deformer/model_config.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "calls.h"
#include "rooms.h"

namespace deformer::python {
namespace {

// Keyword arguments of Model.load(), as text where the library has enumerations.
struct LoadArguments {
  std::string device;
  std::string precision;
  std::string weights;
  std::optional<std::string> layout;
  std::optional<std::string> task;
  std::string tokenizer_file;
};

LoadOptions to_options(const LoadArguments& arguments, int threads,
                       std::optional<int> split_layer) {
  LoadOptions options;
  options.runtime.device = parse_device(arguments.device);
  options.runtime.precision = parse_precision(arguments.precision);
  options.runtime.threads = threads;
  options.runtime.weights = parse_weight_type(arguments.weights);
  options.split_layer = split_layer;
  if (arguments.layout) options.layout = parse_layout(*arguments.layout);
  if (arguments.task) options.task = parse_task(*arguments.task);
  options.tokenizer_file = arguments.tokenizer_file;
  return options;
}

void bind_config(nb::module_& module) {
  nb::class_<ModelConfig>(module, "ModelConfig", "What config.json says of a model. Read-only.")
      .def_ro("architecture", &ModelConfig::architecture, "config.json's model_type")
      .def_ro("vocab_size", &ModelConfig::vocab_size)
      .def_ro("hidden_size", &ModelConfig::hidden_size)
      .def_ro("num_hidden_layers", &ModelConfig::num_hidden_layers)
      .def_ro("num_attention_heads", &ModelConfig::num_attention_heads)
      .def_ro("intermediate_size", &ModelConfig::intermediate_size)
      .def_ro("max_position_embeddings", &ModelConfig::max_position_embeddings,
              "Rows of the position table; 0: positions are relative, without limit")
      .def_ro("labels", &ModelConfig::labels, "Names of the classes, of task \"classes\"")
      .def_prop_ro(
          "task", [](const ModelConfig& config) { return to_string(config.task); },
          "\"span\", \"classes\" or \"choice\"")
      .def_prop_ro(
          "split_layer", [](const ModelConfig& config) { return config.split.split_layer; },
          "Layers [0, split_layer) read question and passage separately; 0: an ordinary "
          "joint model")
      .def_prop_ro(
          "layout", [](const ModelConfig& config) { return to_string(config.split.layout); },
          "Where question and passage stand: \"restart\", \"continue\", \"packed\", \"slots\"")
      .def_prop_ro(
          "passage_place",
          [](const ModelConfig& config) { return to_string(passage_place(config)); },
          "\"first\" or \"second\" of the two")
      .def_prop_ro(
          "max_question_tokens",
          [](const ModelConfig& config) { return config.split.max_question_tokens; },
          "Longer questions are cut; special tokens not counted")
      .def_prop_ro(
          "window_tokens", [](const ModelConfig& config) { return config.split.window_tokens; },
          "Passage tokens of one window; special tokens not counted")
      .def_prop_ro(
          "window_step", [](const ModelConfig& config) { return config.split.window_step; },
          "Tokens between the starts of two windows")
      .def_prop_ro("max_answer_tokens",
                   [](const ModelConfig& config) { return config.split.max_answer_tokens; });
}

void bind_load(nb::class_<Model>& model) {
  model.def_static(
      "load",
      [](const std::filesystem::path& model_dir, const std::string& device,
         const std::string& precision, int threads, const std::string& weights,
         std::optional<int> split_layer, const std::optional<std::string>& layout,
         const std::optional<std::string>& task, const std::string& tokenizer_file) {
        const LoadOptions options = to_options(
            {device, precision, weights, layout, task, tokenizer_file}, threads, split_layer);
        return without_gil([&] { return held(Model::load(model_dir, options)); });
      },
      nb::arg("model_dir"), nb::kw_only(), nb::arg("device") = "cpu", nb::arg("precision") = "fp32",
      nb::arg("threads") = 0, nb::arg("weights") = "auto", nb::arg("split_layer") = nb::none(),
      nb::arg("layout") = nb::none(), nb::arg("task") = nb::none(), nb::arg("tokenizer_file") = "",
      "Loads config.json, the tokenizer and the weights of a directory in Hugging Face's "
      "form.\n\n"
      "device: \"cpu\" or \"cuda\". precision: \"fp32\", \"fp16\", \"bf16\", \"int8\" or "
      "\"auto\", the\n"
      "fastest. threads: of LibTorch, process-wide; 0 leaves them as they are. weights: "
      "\"auto\",\n"
      "\"fp32\" or \"fp16\", how linear layers are kept. split_layer, layout and task "
      "override\n"
      "config.json; split_layer=0 with layout=\"continue\" is the ordinary joint model.\n"
      "Raises NotFoundError, CorruptError, UnsupportedError, IncompatibleError.");
}

}  // namespace

void bind_model(nb::module_& module) {
  bind_config(module);
  nb::class_<Model> model(
      module, "Model", "A model directory in memory. Immutable; safe to use from several threads.");
  bind_load(model);
  model
      .def(
          "with_split_layer",
          [](const Model& model, int split_layer) {
            return held(model.with_split_layer(split_layer));
          },
          nb::arg("split_layer"), "The same weights, shared, split elsewhere.")
      .def(
          "with_lengths",
          [](const Model& model, std::optional<int> max_question_tokens,
             std::optional<int> window_tokens, std::optional<int> window_step) {
            return held(model.with_lengths({.max_question_tokens = max_question_tokens,
                                            .window_tokens = window_tokens,
                                            .window_step = window_step}));
          },
          nb::kw_only(), nb::arg("max_question_tokens") = nb::none(),
          nb::arg("window_tokens") = nb::none(), nb::arg("window_step") = nb::none(),
          "The same weights, shared, for texts of other lengths, in tokens. Other windows are\n"
          "another fingerprint: stores are not shared.")
      .def_prop_ro("name", &Model::name, "The file of its weights, as messages have it")
      .def_prop_ro("config", &Model::config, nb::rv_policy::reference_internal)
      .def_prop_ro(
          "fingerprint",
          [](const Model& model) {
            return without_gil([&] { return to_string(model.fingerprint()); });
          },
          "32 hexadecimal digits of all that stored states depend on. Computed at the first use.")
      .def_prop_ro("can_store_passages", &Model::can_store_passages,
                   "False for ordinary (joint) checkpoints of BERT and its relatives: what their "
                   "layers make of a passage depends on the question")
      .def_prop_ro("num_parameters", &Model::num_parameters)
      .def_prop_ro("device", [](const Model& model) { return to_string(model.runtime().device); })
      .def_prop_ro(
          "precision", [](const Model& model) { return to_string(model.runtime().precision); },
          "What was chosen, where \"auto\" was asked for")
      .def("__repr__", [](const Model& model) {
        return "<deformer.Model " + model.config().architecture + ", " +
               std::to_string(model.config().num_hidden_layers) + " layers, split_layer " +
               std::to_string(model.config().split.split_layer) + ", " +
               to_string(model.runtime().precision) + ">";
      });
  module.def("known_architectures", &known_architectures);
}

}  // namespace deformer::python
