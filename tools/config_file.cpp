#include "tools/config_file.h"

#include <CLI/Config.hpp>
#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <vector>

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

CLI::Option& option_of(CLI::App& verb, const CLI::ConfigItem& item, const std::string& path) {
  CLI::Option* const option = verb.get_option_no_throw("--" + item.name);
  if (option == nullptr || !item.parents.empty() || item.name == "config") {
    throw invalid(path + ": expected options of " + verb.get_name() + ", found \"" +
                  item.fullname() + "\"");
  }
  return *option;
}

void set_option(CLI::App& verb, CLI::Option& option, const CLI::ConfigItem& item) {
  if (option.get_items_expected() == 0) {
    option.add_result(verb.get_config_formatter()->to_flag(item));
  } else {
    option.add_result(item.inputs);
  }
  option.run_callback();
}

// The file may name an option in several places, and the parser joins lines that follow each other.
void require_one_value(const CLI::Option& option, const CLI::ConfigItem& item,
                       const std::string& path) {
  const std::size_t values = option.count() + item.inputs.size();
  if (may_repeat(option) || values <= 1) return;
  throw invalid(path + ": " + item.name + ": expected one value, found " + std::to_string(values));
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
  std::istringstream text(read_text(path));
  const std::vector<CLI::Option*> given =
      verb.get_options([](const CLI::Option* option) { return option->count() > 0; });
  for (const CLI::ConfigItem& item : CLI::ConfigTOML().from_config(text)) {
    // "++" and "--" mark where a section begins and ends.
    if (item.name == "++" || item.name == "--") continue;
    CLI::Option& option = option_of(verb, item, path);
    if (std::find(given.begin(), given.end(), &option) != given.end()) continue;
    require_one_value(option, item, path);
    try {
      set_option(verb, option, item);
    } catch (const CLI::ParseError& error) {
      throw invalid(path + ": " + error.what());
    } catch (const Error& error) {  // of an option that has a parser of its own
      throw Error(error.code(), path + ": " + error.what());
    }
  }
}

}  // namespace deformer::tools
