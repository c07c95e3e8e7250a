#include "model/config_names.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "deformer/error.h"
#include "model/config.h"
#include "model/task_config.h"

namespace deformer {
namespace {

struct ActivationName {
  std::string_view name;
  Activation activation;
};
constexpr std::array<ActivationName, 4> kActivationNames{
    {{"gelu", Activation::kGeluErf},
     {"gelu_new", Activation::kGeluTanh},
     {"gelu_pytorch_tanh", Activation::kGeluTanh},
     {"relu", Activation::kRelu}}};

constexpr std::array<ArchitectureNames, 3> kArchitectures{
    {{Architecture::kBert, "bert", "Bert", "ForQuestionAnswering", "hidden_size",
      "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act"},
     {Architecture::kXlnet, "xlnet", "XLNet", "ForQuestionAnsweringSimple", "d_model", "n_layer",
      "n_head", "d_inner", "ff_activation"},
     {Architecture::kMpnet, "mpnet", "MPNet", "ForQuestionAnswering", "hidden_size",
      "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act"}}};

struct LayoutName {
  std::string_view name;
  Layout layout;
};
constexpr std::array<LayoutName, 4> kLayoutNames{{{"restart", Layout::kRestart},
                                                  {"continue", Layout::kContinue},
                                                  {"packed", Layout::kPacked},
                                                  {"slots", Layout::kSlots}}};

}  // namespace

std::span<const ArchitectureNames> known_architectures() {
  return kArchitectures;
}

const ArchitectureNames& names_of(Architecture architecture) {
  return kArchitectures[static_cast<std::size_t>(architecture)];
}

std::string class_name(Architecture architecture, Task task) {
  const ArchitectureNames& names = names_of(architecture);
  const char* const suffix = task == Task::kSpan ? names.reader_class_suffix : class_suffix(task);
  return std::string(names.class_prefix) + suffix;
}

PassagePlace reader_place(Architecture architecture) {
  return architecture == Architecture::kXlnet ? PassagePlace::kFirst : PassagePlace::kSecond;
}

std::span<const Layout> layouts_of(Architecture architecture) {
  static constexpr std::array kBertLayouts{Layout::kRestart, Layout::kContinue};
  static constexpr std::array kXlnetLayouts{Layout::kPacked, Layout::kSlots, Layout::kContinue};
  if (architecture == Architecture::kXlnet) return kXlnetLayouts;
  return kBertLayouts;
}

bool has_layout(Architecture architecture, Layout layout) {
  const std::span<const Layout> known = layouts_of(architecture);
  return std::find(known.begin(), known.end(), layout) != known.end();
}

std::string layout_list(Architecture architecture) {
  const std::span<const Layout> known = layouts_of(architecture);
  std::string list = to_string(known.front());
  for (const Layout layout : known.subspan(1)) {
    list += (layout == known.back() ? " or " : ", ") + to_string(layout);
  }
  return list;
}

std::string architecture_list() {
  std::string list;
  for (const ArchitectureNames& known : kArchitectures) {
    if (!list.empty()) list += &known == &kArchitectures.back() ? " or " : ", ";
    list += known.model_type;
  }
  return list;
}

std::optional<Layout> find_layout(std::string_view name) {
  for (const LayoutName& known : kLayoutNames) {
    if (known.name == name) return known.layout;
  }
  return std::nullopt;
}

std::optional<Activation> find_activation(std::string_view name) {
  for (const ActivationName& known : kActivationNames) {
    if (known.name == name) return known.activation;
  }
  return std::nullopt;
}

std::string to_string(Architecture architecture) {
  return names_of(architecture).model_type;
}

std::string to_string(Activation activation) {
  for (const ActivationName& known : kActivationNames) {
    if (known.activation == activation) return std::string(known.name);
  }
  return "unknown";
}

std::string to_string(Layout layout) {
  for (const LayoutName& known : kLayoutNames) {
    if (known.layout == layout) return std::string(known.name);
  }
  return "unknown";
}

std::string to_string(PassagePlace place) {
  return place == PassagePlace::kFirst ? "first" : "second";
}

PassagePlace passage_place(const ModelConfig& config) {
  if (config.split.passage_place) return *config.split.passage_place;
  if (passage_is_named_first(config.task)) return PassagePlace::kFirst;
  return reader_place(config.architecture);
}

Layout parse_layout(const std::string& name) {
  if (const auto layout = find_layout(name)) return *layout;
  throw Error(ErrorCode::kInvalidArgument,
              "layout: expected restart, continue, packed or slots, found \"" + name + "\"");
}

Layout default_layout(Architecture architecture) {
  return layouts_of(architecture).front();
}

}  // namespace deformer
