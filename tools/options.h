// Options of verbs, each declared in one call, and checks of what they are given: what is wrong is
// one line that a person can read.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "deformer/model_config.h"
#include "deformer/types.h"
#include "tools/failure.h"
#include "tools/output.h"

namespace deformer::tools {

/// A whole number in decimal digits from `least` to `most`, which must fit the option's type. For
/// Option::transform(), which keeps what it writes: check() would not, and the parser takes 010
/// for 8.
[[nodiscard]] CLI::Validator whole_number(
    std::uint64_t least, std::uint64_t most = std::numeric_limits<std::uint64_t>::max());

/// The same for an option whose type is int.
[[nodiscard]] inline CLI::Validator whole_int(int least) {
  return whole_number(static_cast<std::uint64_t>(least), std::numeric_limits<int>::max());
}

/// A number that is neither infinite nor NaN, `least` or more.
[[nodiscard]] CLI::Validator real_number(double least = std::numeric_limits<double>::lowest());

/// For options whose absence means something else: what came out empty (of a variable that is not
/// set) is no absence.
[[nodiscard]] CLI::Validator not_empty();

/// For flags: `--flag=false` would be a flag that was given to options that need or exclude it.
[[nodiscard]] CLI::Validator no_value();

/// What a flag of OptionGroup::boolean() may be said to be.
[[nodiscard]] CLI::Validator true_or_false();

/// Names with what they stand for.
template <typename Value>
using Choices = std::vector<std::pair<const char*, Value>>;

/// The element types of weights written.
inline const Choices<SaveFormat> kSaveFormats{{"fp32", SaveFormat::kFp32},
                                              {"fp16", SaveFormat::kFp16},
                                              {"bf16", SaveFormat::kBf16},
                                              {"int8", SaveFormat::kInt8}};

/// The value that goes by `name`. Throws kInvalidArgument naming the option and the known names.
template <typename Value>
[[nodiscard]] Value find_choice(const char* option, const std::string& name,
                                const Choices<Value>& choices) {
  std::string known;
  for (const auto& [spelling, value] : choices) {
    if (name == spelling) return value;
    known += (known.empty() ? "" : ", ") + std::string(spelling);
  }
  throw invalid(std::string(option) + ": expected one of " + known + ", found \"" + name + "\"");
}

/// Throws kInvalidArgument "OPTION: EXPECTED" where the option was given: it would be ignored.
void refuse_given(const CLI::Option& option, const std::string& expected);

/// Each of them refuses all the others.
void exclusive(std::initializer_list<CLI::Option*> options);

/// The options of a verb that stand below one heading of its help. Each call declares one option
/// with its type's name, its check and its default.
class OptionGroup {
 public:
  explicit OptionGroup(CLI::App& verb, std::string heading = "Options")
      : verb_(verb), heading_(std::move(heading)) {}

  /// Any text: a string, a path, a list of them.
  template <typename Text>
  CLI::Option* text(const char* name, Text& value, const char* type, const std::string& help) {
    CLI::Option* const option = verb_.add_option(name, value, help);
    if constexpr (std::is_same_v<Text, std::string>) option->capture_default_str();
    return option->type_name(type)->group(heading_);
  }

  /// A file, a directory, a store: not the empty text.
  CLI::Option* place(const char* name, std::string& value, const char* type,
                     const std::string& help) {
    return text(name, value, type, help)->check(not_empty());
  }

  /// A file to write, which may be left out.
  template <typename Text>
  CLI::Option* output(const char* name, Text& value, const std::string& help) {
    return text(name, value, "FILE", help)->check(output_name());
  }

  /// One text each time that the option is given.
  CLI::Option* repeated(const char* name, std::vector<std::string>& values, const char* type,
                        const std::string& help) {
    return text(name, values, type, help)->allow_extra_args(false);
  }

  /// A number, one that may be left out, or a list; `check` is one of those above.
  template <typename Number>
  CLI::Option* number(const char* name, Number& value, const char* type, const std::string& help,
                      const CLI::Validator& check) {
    CLI::Option* const option = verb_.add_option(name, value, help);
    if constexpr (std::is_arithmetic_v<Number>) option->capture_default_str();
    return option->transform(check)->type_name(type)->group(heading_);
  }

  /// What `parse` makes of a text; it throws for one that it does not know. Shows no default.
  template <typename Value, typename Parse>
  CLI::Option* parsed(const char* name, Value& value, const char* type, const std::string& help,
                      Parse parse) {
    const auto take = [&value, parse](const std::string& found) { value = parse(found); };
    return verb_.add_option_function<std::string>(name, take, help)
        ->type_name(type)
        ->group(heading_);
  }

  /// One of a few names.
  template <typename Value>
  CLI::Option* choice(const char* name, Value& value, const std::string& help,
                      const Choices<Value>& choices) {
    const auto parse = [name, choices](const std::string& found) {
      return find_choice(name, found, choices);
    };
    CLI::Option* const option = parsed(name, value, "NAME", help, parse);
    for (const auto& [spelling, known] : choices) {
      if (value == known) option->default_str(spelling);
    }
    return option;
  }

  /// --layout; `otherwise` says what holds without it. An empty name is none.
  CLI::Option* layout(std::optional<Layout>& value, const std::string& otherwise);

  /// --threads. The default is 0, LibTorch's own choice, unless the control group (a container's
  /// limit) allows fewer processors than there are; then their number. OMP_NUM_THREADS in the
  /// environment is LibTorch's to read.
  CLI::Option* threads(int& value);

  CLI::Option* flag(const char* name, bool& value, const std::string& help) {
    return verb_.add_flag(name, value, help)->check(no_value())->group(heading_);
  }

  /// A flag that may also be said to be true or false: an environment and a file can say nothing
  /// else, and the command line takes back what they say.
  CLI::Option* boolean(const char* name, bool& value, const std::string& help) {
    return verb_.add_flag(name, value, help)->check(true_or_false())->group(heading_);
  }

 private:
  CLI::App& verb_;
  std::string heading_;
};

}  // namespace deformer::tools
