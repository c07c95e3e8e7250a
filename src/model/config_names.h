// The words of config.json: what each architecture calls its sizes, layouts, activations, classes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "deformer/model_config.h"

namespace deformer {

/// How an architecture's config.json spells what all architectures have, and what it is called.
struct ArchitectureNames {
  Architecture architecture;
  const char* model_type;
  const char* class_prefix;
  const char* reader_class_suffix;
  const char* hidden_size;
  const char* num_hidden_layers;
  const char* num_attention_heads;
  const char* intermediate_size;
  const char* hidden_act;
};
[[nodiscard]] std::span<const ArchitectureNames> known_architectures();
[[nodiscard]] const ArchitectureNames& names_of(Architecture architecture);
/// "bert, xlnet or mpnet"
[[nodiscard]] std::string architecture_list();

/// Hugging Face's class that loads a model of this task, e.g. "BertForQuestionAnswering".
[[nodiscard]] std::string class_name(Architecture architecture, Task task);

/// Where question and passage stand when an architecture reads for spans.
[[nodiscard]] PassagePlace reader_place(Architecture architecture);

/// The layouts of an architecture; the first is the default of a `deformer` object.
[[nodiscard]] std::span<const Layout> layouts_of(Architecture architecture);
[[nodiscard]] bool has_layout(Architecture architecture, Layout layout);
/// "packed, slots or continue"
[[nodiscard]] std::string layout_list(Architecture architecture);

[[nodiscard]] std::optional<Layout> find_layout(std::string_view name);
[[nodiscard]] std::optional<Activation> find_activation(std::string_view name);

}  // namespace deformer
