#include "tools/config_file.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/byte_order_mark.h"
#include "base/quote.h"
#include "tools/failure.h"
#include "tools/input.h"

namespace deformer::tools {
namespace {

bool may_repeat(const CLI::Option& option) {
  return option.get_items_expected_max() > 1;
}

std::vector<std::string> values_in(const std::string& text) {
  constexpr const char* kBetween = " \t,";
  std::vector<std::string> parts;
  std::size_t begin = text.find_first_not_of(kBetween);
  while (begin != std::string::npos) {
    const std::size_t end = std::min(text.find_first_of(kBetween, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(kBetween, end);
  }
  return parts;
}

struct Setting {
  std::string name;
  std::vector<std::string> values;
  std::string place;  // "FILE: line 3: "
};

// The library's own reader of such files keeps no line numbers, and takes a # inside quotes for the
// begin of a comment.
class SettingReader {
 public:
  explicit SettingReader(const std::string& path)
      : path_(path),
        text_(read_text(path)),
        at_(text_.size() - without_byte_order_mark(text_).size()) {}

  // None at the end of the file.
  [[nodiscard]] std::optional<Setting> next() {
    skip_lines();
    if (ended()) return std::nullopt;
    Setting setting;
    setting.place = place();
    name_.clear();
    const std::size_t begin = at_;
    setting.name = take_until(" \t\r\n=#");
    skip(kBlanks);
    if (setting.name.empty() || !take('=')) {
      at_ = begin;
      fail("NAME = VALUE");
    }
    name_ = setting.name + ": ";
    skip(kBlanks);
    setting.values = take('[') ? read_list() : std::vector{read_value()};
    skip(kBlanks);
    if (!ended() && !is_next('\n') && !is_next('#')) fail("the end of the line");
    return setting;
  }

 private:
  static constexpr const char* kBlanks = " \t\r";

  [[nodiscard]] bool ended() const { return at_ == text_.size(); }
  [[nodiscard]] bool is_next(char c) const { return !ended() && text_[at_] == c; }
  bool take(char c) {
    const bool found = is_next(c);
    at_ += found ? 1 : 0;
    return found;
  }
  std::string take_until(const char* ends) {
    const std::size_t begin =
        std::exchange(at_, std::min(text_.find_first_of(ends, at_), text_.size()));
    return text_.substr(begin, at_ - begin);
  }
  void skip(const char* characters) {
    at_ = std::min(text_.find_first_not_of(characters, at_), text_.size());
  }
  // With the comments between them.
  void skip_lines() {
    for (skip(" \t\r\n"); is_next('#'); skip(" \t\r\n")) take_until("\n");
  }

  // Behind the opening bracket; it may go over several lines.
  std::vector<std::string> read_list() {
    std::vector<std::string> values;
    for (skip_lines(); !take(']'); skip_lines()) {
      values.push_back(read_value());
      skip_lines();
      if (!take(',') && !is_next(']')) fail("a comma or ]");
    }
    return values;
  }

  // A # begins a comment only where a word could begin.
  std::string read_value() {
    for (const char quote : {'"', '\''}) {
      if (is_next(quote)) return read_string(quote);
    }
    std::string word = is_next('#') ? "" : take_until(" \t\r\n,[]\"'");
    if (word.empty()) fail("a value");
    return word;
  }

  std::string read_string(char quote) {
    const std::size_t begin = at_++;
    std::string value;
    while (!take(quote)) {
      if (quote == '"' && take('\\') && !is_next('"') && !is_next('\\')) {
        fail("\" or \\ behind a backslash (or the value in '...', where it is none)");
      }
      if (ended() || is_next('\n')) {
        at_ = begin;
        fail(std::string("a closing ") + quote);
      }
      value += text_[at_++];
    }
    return value;
  }

  [[nodiscard]] std::string place() const {
    const auto end = text_.begin() + static_cast<std::ptrdiff_t>(at_);
    return path_ + ": line " + std::to_string(1 + std::count(text_.begin(), end, '\n')) + ": ";
  }
  [[noreturn]] void fail(const std::string& expected) const {
    std::string_view found(text_);
    found = found.substr(at_, std::min(text_.find('\n', at_), text_.size()) - at_);
    found = found.substr(0, found.find_last_not_of(kBlanks) + 1);
    throw invalid(place() + name_ + "expected " + expected + ", found " +
                  (found.empty() ? "the end of the line" : in_quotes(found)));
  }

  std::string path_;
  std::string text_;
  std::size_t at_;
  std::string name_;  // "queue-tokens: " while its value is read
};

CLI::Option& option_of(CLI::App& verb, const Setting& setting) {
  CLI::Option* const option = verb.get_option_no_throw("--" + setting.name);
  if (option == nullptr || setting.name == "config" || setting.name == "help") {
    throw invalid(setting.place + "expected options of " + verb.get_name() + ", found " +
                  in_quotes(setting.name));
  }
  return *option;
}

// A file may name an option in several places.
void require_one_value(const CLI::Option& option, const Setting& setting) {
  const std::size_t values = option.count() + setting.values.size();
  if (may_repeat(option) || values == 1) return;
  throw invalid(setting.place + setting.name + ": expected one value, found " +
                std::to_string(values));
}

void set_option(CLI::Option& option, const Setting& setting) {
  require_one_value(option, setting);
  if (setting.values.empty()) return;
  try {
    option.add_result(setting.values);
    option.run_callback();
  } catch (const CLI::ParseError& error) {
    throw invalid(setting.place + error.what());
  } catch (const Error& error) {  // of an option that has a parser of its own
    throw Error(error.code(), setting.place + error.what());
  }
}

}  // namespace

void split_environment(CLI::App& verb) {
  for (CLI::Option* const option : verb.get_options()) {
    const char* const value = std::getenv(option->get_envname().c_str());
    if (value == nullptr || !may_repeat(*option)) continue;
    // Where the command line has the option, the variable does not count.
    if (option->results() != std::vector<std::string>{value}) continue;
    const std::vector<std::string> parts = values_in(value);
    if (parts.empty()) continue;
    option->clear();
    option->add_result(parts);
    option->run_callback();
  }
}

void apply_config_file(CLI::App& verb, const std::string& path) {
  const std::vector<CLI::Option*> given =
      verb.get_options([](const CLI::Option* option) { return option->count() > 0; });
  SettingReader reader(path);
  while (const std::optional<Setting> setting = reader.next()) {
    CLI::Option& option = option_of(verb, *setting);
    if (std::find(given.begin(), given.end(), &option) == given.end()) {
      set_option(option, *setting);
    }
  }
}

}  // namespace deformer::tools
