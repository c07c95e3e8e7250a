#include "tools/help.h"

#include <CLI/Config.hpp>  // defines what CLI/App.hpp declares
#include <utility>

namespace deformer::tools {

HelpFormatter::HelpFormatter() {
  column_width(34);
  label("SUBCOMMAND", "VERB");
  label("Subcommands", "Verbs");
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  name = app->get_name();
  for (const CLI::App* up = app->get_parent(); up != nullptr; up = up->get_parent()) {
    name.insert(0, up->get_name() + " ");
  }
  return Formatter::make_usage(app, std::move(name)) + "\n";
}

// The base class ends all groups but the last with a second empty line.
std::string HelpFormatter::make_group(std::string group, bool is_positional,
                                      std::vector<const CLI::Option*> options) const {
  std::string text = Formatter::make_group(std::move(group), is_positional, std::move(options));
  return text.substr(text.find_first_not_of('\n'));
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  if (option->get_type_size() == 0) return "";
  // The checks of options.h have no names of their own, which the parser would add behind a colon.
  const std::string type = option->get_type_name();
  std::string text = type.empty() ? "" : " " + type;
  if (option->get_required() && option->nonpositional()) text += " (required)";
  return text;
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  const std::string value = option->get_default_str();
  return option->get_description() + (value.empty() ? "" : " (default " + value + ")");
}

}  // namespace deformer::tools
