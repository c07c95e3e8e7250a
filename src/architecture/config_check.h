// What contradicts what in a configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "deformer/model_config.h"

namespace deformer {

/// Beyond any published model, whose largest numbers are 48 layers, 4096, 16384 and 250,112 tokens:
/// what is more is a mistake, or asks for memory that no file of weights stands for.
constexpr std::int64_t kMaxLayers = 512;
constexpr std::int64_t kMaxWidth = 8192;
constexpr std::int64_t kMaxInnerWidth = 32768;
constexpr std::int64_t kMaxVocabulary = std::int64_t{1} << 24;
/// Of texts, and rows of small tables.
constexpr std::int64_t kMaxLength = std::int64_t{1} << 20;

/// Special tokens in a question and in a passage window, as the layout adds them.
struct SpecialCounts {
  std::int64_t question;
  std::int64_t window;
};
[[nodiscard]] SpecialCounts special_counts(const ModelConfig& config);

/// Rows of the position table that texts can take; absent where positions are relative and without
/// limit.
[[nodiscard]] std::optional<std::int64_t> usable_positions(const ModelConfig& config);

/// What is wrong: place, expected, found. Absent when nothing is.
using Contradiction = std::optional<std::string>;

[[nodiscard]] Contradiction outside(std::string_view name, std::int64_t value, std::int64_t low,
                                    std::int64_t high);
/// Sizes that all architectures have.
[[nodiscard]] Contradiction check_common_sizes(const ModelConfig& config);
/// Those and the architecture's own. Throws kUnsupported for an unknown architecture.
[[nodiscard]] Contradiction check_sizes(const ModelConfig& config);
/// The place of the passage and the labels. The sizes are valid.
[[nodiscard]] Contradiction check_task(const ModelConfig& config);
/// The split's layer, layout and lengths. The sizes are valid.
[[nodiscard]] Contradiction check_split(const ModelConfig& config);

/// Throws kIncompatible: `where`, then what is wrong.
void require_none(const Contradiction& contradiction, const std::string& where);

}  // namespace deformer
