// A page that is XML after its first line: every tag closed, in order, and no bare & or <.
#pragma once

#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace deformer::test {

/// What is wrong with the page; empty when nothing is. Knows tags, attributes and entities, which
/// is what a page without scripts and comments has.
inline std::string xml_problem(std::string_view page) {
  std::vector<std::string> open;
  for (std::size_t i = 0; i < page.size(); ++i) {
    if (page[i] == '&') {
      const std::size_t end = page.find(';', i);
      if (end == std::string_view::npos || end - i > 7) return "a bare & at " + std::to_string(i);
    }
    if (page[i] == '>') return "a bare > at " + std::to_string(i);
    if (page[i] != '<') continue;
    const std::size_t end = page.find('>', i);
    if (end == std::string_view::npos) return "an open tag at " + std::to_string(i);
    const std::string_view tag = page.substr(i + 1, end - i - 1);
    if (tag.find('<') != std::string_view::npos) return "a bare < at " + std::to_string(i);
    i = end;
    if (tag.starts_with("!DOCTYPE") || tag.ends_with('/')) continue;
    std::string name;
    for (const char c : tag.substr(tag.starts_with('/') ? 1 : 0)) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) break;
      name += c;
    }
    if (!tag.starts_with('/')) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return "</" + name + "> closes nothing";
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> is never closed";
}

}  // namespace deformer::test
