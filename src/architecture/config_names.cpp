#include "architecture/config_names.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "architecture/config.h"
#include "architecture/task_config.h"
#include "base/quote.h"
#include "deformer/error.h"

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

struct LayoutName {
  std::string_view name;
  Layout layout;
};
constexpr std::array<LayoutName, 4> kLayoutNames{{{"restart", Layout::kRestart},
                                                  {"continue", Layout::kContinue},
                                                  {"packed", Layout::kPacked},
                                                  {"slots", Layout::kSlots}}};

}  // namespace

std::string class_name(const Architecture& architecture, TaskKind task) {
  const std::string_view suffix =
      task == TaskKind::kSpan ? architecture.span_class_suffix : class_suffix(task);
  return std::string(architecture.class_prefix) + std::string(suffix);
}

bool has_layout(const Architecture& architecture, Layout layout) {
  const std::span<const Layout> known = architecture.layouts;
  return std::find(known.begin(), known.end(), layout) != known.end();
}

std::string layout_list(const Architecture& architecture) {
  const std::span<const Layout> known = architecture.layouts;
  std::string list = to_string(known.front());
  for (const Layout layout : known.subspan(1)) {
    list += (layout == known.back() ? " or " : ", ") + to_string(layout);
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
  return architecture_of(config).span_passage_place;
}

Layout parse_layout(const std::string& name) {
  if (const auto layout = find_layout(name)) return *layout;
  throw Error(ErrorCode::kInvalidArgument,
              "layout: expected restart, continue, packed or slots, found " + in_quotes(name));
}

Layout default_layout(const ModelConfig& config) {
  return architecture_of(config).layouts.front();
}

}  // namespace deformer
