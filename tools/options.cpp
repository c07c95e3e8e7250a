#include "tools/options.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>

#include "base/cpu_quota.h"

namespace deformer::tools {
namespace {

// CPU threads. Of a number far above the machine's the process would die: threads that cannot be
// made are no error that could be caught.
constexpr std::uint64_t kMostThreads = 1024;

// False unless all of `text` is one number of the type.
template <typename Number>
bool parse(const std::string& text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

std::string problem(const std::string& expected, const std::string& found) {
  return "expected " + expected + ", found \"" + found + "\"";
}

int find_default_threads() {
  if (std::getenv("OMP_NUM_THREADS") != nullptr) return 0;
  const auto processors = static_cast<int>(std::thread::hardware_concurrency());
  const int allowed = cpu_quota().value_or(processors);
  return allowed < processors ? allowed : 0;
}

}  // namespace

CLI::Validator whole_number(std::uint64_t least, std::uint64_t most) {
  const bool limited = most != std::numeric_limits<std::uint64_t>::max();
  const std::string expected =
      "a whole number " + (limited ? "from " + std::to_string(least) + " to " + std::to_string(most)
                                   : "of " + std::to_string(least) + " or more");
  // The digits are written back: to the library that converts them 010 is 8.
  return {[least, most, expected](std::string& text) {
            std::uint64_t number = 0;
            if (!parse(text, number) || number < least || number > most) {
              return problem(expected, text);
            }
            text = std::to_string(number);
            return std::string();
          },
          ""};
}

CLI::Validator real_number(double least) {
  std::string expected = "a number";
  if (least > std::numeric_limits<double>::lowest()) {
    std::ostringstream text;
    text << " of " << least << " or more";
    expected += text.str();
  }
  return {[least, expected](std::string& text) {
            double number = 0;
            const bool good = parse(text, number) && std::isfinite(number) && number >= least;
            return good ? std::string() : problem(expected, text);
          },
          ""};
}

CLI::Validator not_empty() {
  return {
      [](const std::string& value) { return value.empty() ? "expected a value, found \"\"" : ""; },
      ""};
}

CLI::Validator no_value() {
  return {[](const std::string& value) {
            return value == "true" ? std::string() : problem("no value", value);
          },
          ""};
}

CLI::Validator true_or_false() {
  return {[](const std::string& value) {
            bool parsed = false;
            return CLI::detail::lexical_cast(value, parsed) ? std::string()
                                                            : problem("true or false", value);
          },
          ""};
}

void refuse_given(const CLI::Option& option, const std::string& expected) {
  if (option.count() > 0) throw invalid(option.get_name() + ": " + expected);
}

void exclusive(std::initializer_list<CLI::Option*> options) {
  for (CLI::Option* const option : options) {
    for (CLI::Option* const other : options) {
      if (option != other) option->excludes(other);
    }
  }
}

CLI::Option* OptionGroup::layout(std::optional<Layout>& value, const std::string& otherwise) {
  const auto parse = [](const std::string& name) {
    return name.empty() ? std::nullopt : std::optional(parse_layout(name));
  };
  return parsed("--layout", value, "NAME",
                "Where question and passage stand: restart, continue, packed or slots, as the "
                "encoder allows; " +
                    otherwise,
                parse);
}

CLI::Option* OptionGroup::threads(int& value) {
  static const int by_default = find_default_threads();
  value = by_default;
  return number("--threads", value, "N", "CPU threads; 0 = LibTorch's own choice",
                whole_number(0, kMostThreads));
}

}  // namespace deformer::tools
