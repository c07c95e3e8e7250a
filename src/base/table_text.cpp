#include "base/table_text.h"

#include <algorithm>

namespace deformer {
namespace {

constexpr std::size_t kNameWidth = 14;

}  // namespace

std::string right_aligned(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

std::string left_aligned(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

std::string report_line(const std::string& name, const std::string& value) {
  return left_aligned(name, kNameWidth) + value + "\n";
}

}  // namespace deformer
