#include "serve/log.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

namespace deformer::serve {
namespace {

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// A word as it is; anything else quoted, so that a line stays one line.
std::string plain_text(const std::string& text) {
  const bool word = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
  });
  return word ? text : json_text(text);
}

std::string utc_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::time_t seconds = ms / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text.data() + size, text.size() - size, ".%03dZ", static_cast<int>(ms % 1000));
  return text.data();
}

// False when there is no room now. A pipe that is ready has room for PIPE_BUF bytes, and takes so
// many as a whole; the descriptor's own mode is left alone, because others share it. A log that
// cannot be written is no reason to stop.
bool append(int descriptor, const std::string& line) {
  pollfd ready{.fd = descriptor, .events = POLLOUT, .revents = 0};
  if (line.size() > PIPE_BUF || ::poll(&ready, 1, 0) < 1) return false;
  return ::write(descriptor, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

}  // namespace

std::string Log::line_of(LogLevel level, std::string_view message,
                         const std::vector<LogField>& fields) const {
  const bool json = format_ == LogFormat::kJson;
  const char* const name = level == LogLevel::kError ? "error" : "info";
  std::string line = json ? R"({"time":")" + utc_now() + R"(","level":")" + name +
                                R"(","message":)" + json_text(message)
                          : utc_now() + " " + name + " " + std::string(message);
  for (const LogField& field : fields) {
    if (json) {
      line += ",\"" + std::string(field.name) +
              "\":" + (field.raw ? field.value : json_text(field.value));
    } else {
      line +=
          " " + std::string(field.name) + "=" + (field.raw ? field.value : plain_text(field.value));
    }
  }
  line += json ? "}\n" : "\n";
  return line;
}

void Log::write(LogLevel level, std::string_view message,
                const std::vector<LogField>& fields) const {
  if (level > level_) return;
  const std::string line = line_of(level, message, fields);
  const std::scoped_lock lock(mutex_);
  const std::uint64_t lost = dropped_ - dropped_told_;
  if (lost > 0 && append(descriptor_, line_of(LogLevel::kError, "log lines dropped",
                                              {{"lines", std::to_string(lost), true}}))) {
    dropped_told_ += lost;
  }
  if (!append(descriptor_, line)) ++dropped_;
}

std::string trace_id_of(std::string_view traceparent) {
  constexpr std::size_t kVersion = 3;
  constexpr std::size_t kTraceId = 32;
  if (traceparent.size() < 55 || traceparent.size() > 512 || traceparent[2] != '-' ||
      traceparent[kVersion + kTraceId] != '-') {
    return "";
  }
  const std::string_view id = traceparent.substr(kVersion, kTraceId);
  const bool hexadecimal = id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  const bool zero = id.find_first_not_of('0') == std::string_view::npos;
  return hexadecimal && !zero ? std::string(id) : "";
}

}  // namespace deformer::serve
