// Options of a verb from a file, for a verb that runs as a service.
#pragma once

#include <CLI/App.hpp>
#include <string>

namespace deformer::tools {

/// Takes the options that neither the command line nor the environment gave from a file of lines
/// `name = value` (TOML's simple form: numbers, "strings", true and false, [lists]; # comments;
/// names without their dashes). Throws kNotFound, kIo; kInvalidArgument naming the file and an
/// option that the verb does not have, or a value that it does not take.
void apply_config_file(CLI::App& verb, const std::string& path);

}  // namespace deformer::tools
