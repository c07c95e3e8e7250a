// What a service says while it runs: one line an event on stderr, for people or for programs.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
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

/// Safe for concurrent calls; a line is one write. Nothing waits for whoever reads the log: a line
/// that a full pipe has no room for is dropped and counted, and the next one that fits is preceded
/// by a line that says how many were.
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

  /// Lines since the log was made.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  [[nodiscard]] std::string line_of(LogLevel level, std::string_view message,
                                    const std::vector<LogField>& fields) const;

  LogFormat format_;
  LogLevel level_;
  int descriptor_;
  mutable std::mutex mutex_;
  mutable std::atomic<std::uint64_t> dropped_{0};
  mutable std::uint64_t dropped_told_ = 0;
};

/// "00-<trace-id>-<parent-id>-<flags>" of W3C Trace Context: the trace id; empty for anything else.
[[nodiscard]] std::string trace_id_of(std::string_view traceparent);

}  // namespace deformer::serve
