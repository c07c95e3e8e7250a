// What a service says while it runs: one line an event on stderr, for people or for programs.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace deformer::serve {

enum class LogFormat { kPlain, kJson };
enum class LogLevel { kError, kInfo };

/// A value that is `raw` is written as it is, others as strings.
struct LogField {
  std::string_view name;
  std::string value;
  bool raw = false;
};

/// Safe for concurrent calls; a line is one write.
class Log {
 public:
  Log(LogFormat format, LogLevel level, int descriptor = 2)
      : format_(format), level_(level), descriptor_(descriptor) {}

  /// Kept when the level is at least as important as the log's.
  void write(LogLevel level, std::string_view message, const std::vector<LogField>& fields) const;
  void info(std::string_view message, const std::vector<LogField>& fields = {}) const {
    write(LogLevel::kInfo, message, fields);
  }
  void error(std::string_view message, const std::vector<LogField>& fields = {}) const {
    write(LogLevel::kError, message, fields);
  }

 private:
  LogFormat format_;
  LogLevel level_;
  int descriptor_;
};

/// "00-<trace-id>-<parent-id>-<flags>" of W3C Trace Context: the trace id; empty for anything else.
[[nodiscard]] std::string trace_id_of(std::string_view traceparent);

}  // namespace deformer::serve
