// Running a program as a test would use it from a shell.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace deformer::test {

struct ProcessOptions {
  std::string input = {};                           ///< standard input; then it ends
  std::optional<std::string> output_path = {};      ///< standard output goes there instead
  bool close_output = false;                        ///< standard output is closed from the start
  bool terminal_errors = false;                     ///< standard error is a terminal of 100 columns
  std::optional<std::size_t> file_size_limit = {};  ///< bytes; a write beyond fails
};

struct ProcessResult {
  int status = 0;   ///< exit status; minus the signal's number when one ended it
  std::string out;  ///< empty with output_path
  std::string err;
};

/// Runs to the end. `command[0]` is a path.
[[nodiscard]] ProcessResult run_process(const std::vector<std::string>& command,
                                        const ProcessOptions& options = {});

/// A running program whose standard streams are pipes.
class Process {
 public:
  explicit Process(const std::vector<std::string>& command);
  ~Process();  ///< kills what still runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void write(const std::string& text) const;
  /// One line of standard output without its line feed; nullopt at the end or after the time.
  [[nodiscard]] std::optional<std::string> read_line(std::chrono::seconds timeout);
  void close_input();
  void close_output();
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// As ProcessResult::status.
  [[nodiscard]] int wait();
  /// Standard error; to be called after wait().
  [[nodiscard]] std::string read_errors() const;

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  int errors_ = -1;
  std::string buffer_;
};

}  // namespace deformer::test
