// An input as the files that a reader opens by path.
#pragma once

#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/fuzz_target.h"

namespace deformer::fuzz {

/// The input's parts: it is cut at lines "--8<--". At least one.
[[nodiscard]] std::vector<Input> parts(Input input);
/// Part `index`, empty where there are fewer.
[[nodiscard]] Input part(const std::vector<Input>& parts, std::size_t index);

[[nodiscard]] std::string_view as_text(Input input);

/// A folder of this process in memory, the same one for every input. Gone with the process.
[[nodiscard]] const std::filesystem::path& folder();

/// Writes one file there and gives its path.
std::filesystem::path write_file(std::string_view name, Input bytes);

/// Removes everything there, then writes the parts of `input` under these names, each where the
/// input has it. Gives the folder.
const std::filesystem::path& write_files(Input input,
                                         std::initializer_list<std::string_view> names);

}  // namespace deformer::fuzz
