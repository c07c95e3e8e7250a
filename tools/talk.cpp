#include "tools/talk.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "base/number_text.h"
#include "base/quote.h"

namespace deformer::tools {
namespace {

constexpr std::size_t kBarCells = 24;
constexpr std::chrono::milliseconds kRedrawInterval{100};

// A single write, so that lines of several processes do not mix.
void write_stderr(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

std::size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string bar(std::size_t done, std::size_t total) {
  const std::size_t filled = std::min(done, total) * kBarCells / total;
  std::string cells = "[";
  cells.append(filled, '#').append(kBarCells - filled, '-');
  return cells + "] ";
}

}  // namespace

std::string duration(double seconds) {
  const auto whole = static_cast<long long>(std::llround(std::clamp(seconds, 0.0, 1e9)));
  if (whole < 60) return fixed(static_cast<double>(whole), 0) + " s";
  const long long hours = whole / 3600;
  std::string text(48, '\0');
  const int size =
      hours == 0 ? std::snprintf(text.data(), text.size(), "%lld:%02lld", whole / 60, whole % 60)
                 : std::snprintf(text.data(), text.size(), "%lld:%02lld:%02lld", hours,
                                 whole / 60 % 60, whole % 60);
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string progress_line(const ProgressState& state, std::size_t columns) {
  std::string counts = grouped(state.done);
  if (state.total > 0) counts.append(" of ").append(grouped(state.total));
  counts.append(" ").append(state.unit);
  if (!state.details.empty()) {
    counts.append(", ").append(state.details);
  } else if (state.seconds > 0 && state.done > 0) {
    const double rate = static_cast<double>(state.done) / state.seconds;
    counts.append(", ").append(fixed(rate, rate < 100 ? 1 : 0)).append("/s");
    if (state.total >= state.done) {
      const double left = static_cast<double>(state.total - state.done) / rate;
      counts.append(", ").append(duration(left)).append(" left");
    }
  }
  std::string line(state.verb);
  line += ' ';
  if (state.total > 0 && line.size() + kBarCells + 3 + counts.size() <= columns) {
    line += bar(state.done, state.total);
  }
  return (line + counts).substr(0, columns);
}

void Talk::note(std::string_view message) const {
  if (!quiet_) tell(message);
}

void Talk::tell(std::string_view message) {
  write_stderr("deformer: " + one_line(message) + "\n");
}

bool Talk::shows_progress() const {
  return !quiet_ && ::isatty(STDERR_FILENO) == 1;
}

Progress::Progress(const Talk& talk, std::string verb, std::string unit, std::size_t total)
    : shown_(talk.shows_progress()),
      verb_(std::move(verb)),
      unit_(std::move(unit)),
      total_(total) {}

Progress::~Progress() {
  if (drawn_) write_stderr("\r\x1b[K");
}

void Progress::update(std::size_t done, std::string_view details) {
  const Clock::time_point now = Clock::now();
  if (!shown_ || (drawn_ && now - last_draw_ < kRedrawInterval && done != total_)) return;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  // The last column stays free: some terminals wrap when it is written.
  const std::size_t columns = terminal_columns() - 1;
  std::string line(1, '\r');
  line.append(progress_line({verb_, unit_, done, total_, seconds, details}, columns))
      .append("\x1b[K");
  write_stderr(line);
  last_draw_ = now;
  drawn_ = true;
}

}  // namespace deformer::tools
