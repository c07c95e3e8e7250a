#include "tools/config_file.h"

#include <CLI/Config.hpp>
#include <sstream>

#include "deformer/error.h"
#include "tools/input.h"

namespace deformer::tools {

void apply_config_file(CLI::App& verb, const std::string& path) {
  std::istringstream text(read_text(path));
  for (const CLI::ConfigItem& item : CLI::ConfigTOML().from_config(text)) {
    // "++" and "--" mark where a section begins and ends.
    if (item.name == "++" || item.name == "--") continue;
    CLI::Option* const option = verb.get_option_no_throw("--" + item.name);
    if (option == nullptr || !item.parents.empty() || item.name == "config") {
      throw Error(ErrorCode::kInvalidArgument, path + ": expected options of " + verb.get_name() +
                                                   ", found \"" + item.fullname() + "\"");
    }
    if (option->count() > 0) continue;
    try {
      if (option->get_items_expected() == 0) {
        option->add_result(verb.get_config_formatter()->to_flag(item));
      } else {
        option->add_result(item.inputs);
      }
      option->run_callback();
    } catch (const CLI::ParseError& error) {
      throw Error(ErrorCode::kInvalidArgument, path + ": " + error.what());
    }
  }
}

}  // namespace deformer::tools
