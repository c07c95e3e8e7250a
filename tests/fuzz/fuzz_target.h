// Readers of foreign bytes, each as a function of one input. What a reader may do with any input:
// take it, or throw deformer::Error with one line. Run by libFuzzer (scripts/fuzz) and, over the
// committed corpus, by the tests.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace deformer::fuzz {

using Input = std::span<const std::byte>;

struct Target {
  std::string_view name;  ///< also of its folder in corpus/
  void (*read)(Input input);
};

/// All of them.
[[nodiscard]] std::span<const Target> targets();
/// Null where there is none of this name.
[[nodiscard]] const Target* find_target(std::string_view name);

/// Gives the input to the reader. An Error is fine if its message is one line without control
/// characters; throws std::logic_error otherwise. Whatever else the reader throws goes through.
void run(const Target& target, Input input);

// By room; targets() puts them together.
[[nodiscard]] std::span<const Target> text_targets();
[[nodiscard]] std::span<const Target> data_targets();
[[nodiscard]] std::span<const Target> store_targets();
[[nodiscard]] std::span<const Target> model_targets();
[[nodiscard]] std::span<const Target> convert_targets();
[[nodiscard]] std::span<const Target> serve_targets();

}  // namespace deformer::fuzz
