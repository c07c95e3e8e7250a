// Where results go: standard output, or a file that appears whole or not at all.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace deformer::tools {

/// Opened before the work starts, so that an unwritable place is known early. A regular file is
/// written beside its target and renamed over it by commit(); without commit() the target keeps its
/// old content. A pipe or a device is written as it is. Throws Error (kNotFound, kIo,
/// kResourceExhausted for a full disk) and, for standard output, ClosedPipe.
class Output {
 public:
  /// "-" is standard output.
  explicit Output(std::string path);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  /// Buffered.
  void write(std::string_view bytes);
  /// Hands everything written so far to the operating system.
  void flush();
  /// Ends the output; nothing may be written after it.
  void commit();

 private:
  void open_file();
  void open_temporary();
  void link_temporary();
  [[noreturn]] void fail(const char* action) const;

  std::string path_;
  std::string target_;     // of the rename; empty when written directly
  std::string temporary_;  // name of the temporary file; empty while it has none
  std::string buffer_;
  int descriptor_ = -1;
};

}  // namespace deformer::tools
