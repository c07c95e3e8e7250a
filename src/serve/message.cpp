#include "serve/message.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace deformer::serve {
namespace {

// ASCII alone: the locale must not change what a header is called.
char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

int digit_of(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

const std::string* Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (equal_ignoring_case(key, name)) return &value;
  }
  return nullptr;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool percent_decode(std::string_view text, std::string& decoded) {
  decoded.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = text.size() - i > 2 ? digit_of(text[i + 1]) : -1;
    const int low = text.size() - i > 2 ? digit_of(text[i + 2]) : -1;
    if (high < 0 || low < 0) return false;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

bool parse_query(std::string_view text, Headers& fields) {
  fields.clear();
  while (!text.empty()) {
    std::string field(text.substr(0, text.find('&')));
    text.remove_prefix(std::min(field.size() + 1, text.size()));
    if (field.empty()) continue;
    std::replace(field.begin(), field.end(), '+', ' ');
    const std::size_t equals = std::min(field.find('='), field.size());
    auto& [name, value] = fields.emplace_back();
    if (!percent_decode(std::string_view(field).substr(0, equals), name)) return false;
    if (equals == field.size()) continue;
    if (!percent_decode(std::string_view(field).substr(equals + 1), value)) return false;
  }
  return true;
}

std::string http_date(std::time_t seconds) {
  // Not by strftime(), whose names are the locale's.
  static constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                kDays.at(static_cast<std::size_t>(parts.tm_wday)), parts.tm_mday,
                kMonths.at(static_cast<std::size_t>(parts.tm_mon)), parts.tm_year + 1900,
                parts.tm_hour, parts.tm_min, parts.tm_sec);
  return text.data();
}

std::string media_type(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  std::transform(type.begin(), type.end(), type.begin(), lower);
  return type;
}

}  // namespace deformer::serve
