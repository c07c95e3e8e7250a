// Where results go: standard output, or a file that appears whole or not at all.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace deformer::tools {

/// Whether a path is standard output: "-", or by a name that the system has for it.
[[nodiscard]] bool is_stdout(const std::string& path);

/// Opened before the work starts, so that an unwritable place is known early. Buffered. Throws as
/// AtomicFile does and, for standard output, ClosedPipe.
class Output {
 public:
  /// Throws kInvalidArgument for an empty path.
  explicit Output(const std::string& path);

  void write(std::string_view bytes);
  /// Hands everything written so far to the operating system.
  void flush();
  /// Whether somebody watches it at a terminal.
  [[nodiscard]] bool is_terminal() const;
  /// Ends the output; nothing may be written after it.
  void commit();

 private:
  std::optional<AtomicFile> file_;  // absent: standard output
  std::string buffer_;
};

/// For options whose absence means no output: a name that came out empty (of a variable that is not
/// set) is no absence.
[[nodiscard]] CLI::Validator output_name();

/// Whether what goes to one would replace, or stand among, what goes to the other: however the two
/// are spelled. An empty path is no place.
[[nodiscard]] bool is_same_place(const std::string& a, const std::string& b);

/// A file to write, with its option.
struct OutputOption {
  const char* option = "";
  std::string path;  ///< empty: none
};

/// Throws kInvalidArgument for an output that is one of the files to be read, by whatever name, or
/// a *.txt file below a directory of them: it would be lost. A device or a pipe may be both.
void refuse_input_as_output(const std::vector<std::string>& inputs,
                            std::initializer_list<OutputOption> outputs);

/// Whether `path` is `directory`, or lies somewhere below it, links resolved.
[[nodiscard]] bool is_within(const std::string& path, const std::string& directory);

/// A pipe by name. What opens and closes it is the end for whoever reads it.
[[nodiscard]] bool is_pipe(const std::string& path);

/// Runs all of `writes`, also those behind one that throws; then throws the first failure, a
/// ClosedPipe only where there is no other. What a model took minutes for is not lost where one of
/// several places is full.
void do_all(std::initializer_list<std::function<void()>> writes);

/// Throws kInvalidArgument: standard output holds one document. `found` goes there, where --json
/// would write `report`; `option` names a file for it.
[[noreturn]] void refuse_beside_json(const std::string& report, const std::string& found,
                                     const std::string& option);

}  // namespace deformer::tools
