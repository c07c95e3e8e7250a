// Options of a verb from a file and the environment, for a verb that runs as a service.
#pragma once

#include <CLI/App.hpp>
#include <string>

namespace deformer::tools {

/// Of options that may repeat a variable of the environment names several, separated by blanks or
/// commas. To be called once the command line has been parsed, before apply_config_file().
void split_environment(CLI::App& verb);

/// Takes the options that neither the command line nor the environment gave from a file of lines
/// `name = value` (docs/cli.md: TOML's simple form; an option that may repeat may have several
/// lines). Throws kNotFound, kIo; kInvalidArgument naming file and line, and an option that the
/// verb does not have, or has twice, or a value that it does not take.
void apply_config_file(CLI::App& verb, const std::string& path);

}  // namespace deformer::tools
