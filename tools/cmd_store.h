// deformer store: merge, export, rm.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace deformer::tools {

struct StoreVerbOptions {
  std::vector<std::string> sources;  // merge
  std::string source;                // export
  std::string target;                // merge, export; the store itself for rm
  bool keep = false;
  std::vector<std::string> ids;
  std::string ids_file;
  bool all = false;
  bool json = false;
  bool quiet = false;
};

CLI::App* add_store(CLI::App& app, StoreVerbOptions& options);
/// `verb` is what add_store() gave: its parsed subcommand says what to do.
void run_store(const CLI::App& verb, const StoreVerbOptions& options);

}  // namespace deformer::tools
