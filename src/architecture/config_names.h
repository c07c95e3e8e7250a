// The words of config.json: layouts, activations, places.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "architecture/architecture.h"
#include "deformer/model_config.h"

namespace deformer {

[[nodiscard]] bool has_layout(const Architecture& architecture, Layout layout);
/// "packed, slots or continue"
[[nodiscard]] std::string layout_list(const Architecture& architecture);

[[nodiscard]] std::optional<Layout> find_layout(std::string_view name);
[[nodiscard]] std::optional<Activation> find_activation(std::string_view name);

}  // namespace deformer
