#include "tools/config_file.h"

#include <CLI/Config.hpp>
#include <sstream>

#include "tools/failure.h"
#include "tools/input.h"

namespace deformer::tools {
namespace {

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

}  // namespace

void apply_config_file(CLI::App& verb, const std::string& path) {
  std::istringstream text(read_text(path));
  for (const CLI::ConfigItem& item : CLI::ConfigTOML().from_config(text)) {
    // "++" and "--" mark where a section begins and ends.
    if (item.name == "++" || item.name == "--") continue;
    CLI::Option& option = option_of(verb, item, path);
    if (option.count() > 0) continue;
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
