#include "fuzz/fuzz_target.h"

#include <algorithm>
#include <stdexcept>

#include "deformer/error.h"

namespace deformer::fuzz {

std::span<const Target> targets() {
  static const std::vector<Target> all = [] {
    std::vector<Target> list;
    for (const auto& room : {text_targets(), data_targets(), store_targets(), model_targets(),
                             convert_targets(), serve_targets()}) {
      list.insert(list.end(), room.begin(), room.end());
    }
    return list;
  }();
  return all;
}

const Target* find_target(std::string_view name) {
  const auto all = targets();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Target& target) { return target.name == name; });
  return found == all.end() ? nullptr : &*found;
}

void run(const Target& target, Input input) {
  try {
    target.read(input);
  } catch (const Error& error) {
    const std::string_view message = error.what();
    const bool clean = !message.empty() && std::none_of(message.begin(), message.end(), [](char c) {
      return c == '\n' || c == '\r' || c == '\0';
    });
    if (!clean) throw std::logic_error("a message of several lines: " + std::string(message));
  }
}

}  // namespace deformer::fuzz
