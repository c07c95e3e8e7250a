// Lists of tensor names in one-line messages.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>

#include "base/quote.h"

namespace deformer {

/// Collects names, shows the first few: a wrong model directory has hundreds of problems of one
/// kind.
class NameList {
 public:
  void add(const std::string& name, const std::string& detail = "") {
    if (count_++ >= kShown) return;
    if (!shown_.empty()) shown_ += ", ";
    shown_ += in_quotes(name) + detail;
  }

  [[nodiscard]] std::size_t count() const noexcept { return count_; }

  /// `3 missing: "a", "b", "c"`; empty when nothing was added.
  [[nodiscard]] std::string text(const std::string& kind) const {
    if (count_ == 0) return "";
    const std::string rest =
        count_ > kShown ? " and " + std::to_string(count_ - kShown) + " more" : "";
    return std::to_string(count_) + " " + kind + ": " + shown_ + rest;
  }

 private:
  static constexpr std::size_t kShown = 8;
  std::size_t count_ = 0;
  std::string shown_;
};

/// The non-empty ones, separated by "; ".
[[nodiscard]] inline std::string join_problems(std::initializer_list<std::string> problems) {
  std::string text;
  for (const std::string& problem : problems) {
    if (problem.empty()) continue;
    text += (text.empty() ? "" : "; ") + problem;
  }
  return text;
}

}  // namespace deformer
