// What the tool says to people, on stderr; results never go there.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace deformer::tools {

/// One progress line of at most `columns` characters, e.g.
/// "answer [####------]  4,230 of 10,570 questions, 57.1/s, 1:51 left". `total` 0 = not known.
struct ProgressState {
  std::string_view verb;
  std::string_view unit;
  std::size_t done = 0;
  std::size_t total = 0;
  double seconds = 0;
  std::string_view details = {};  ///< in place of rate and time left, when not empty
};
[[nodiscard]] std::string progress_line(const ProgressState& state, std::size_t columns);

/// "7 s", "1:51", "2:03:20".
[[nodiscard]] std::string duration(double seconds);

/// Whether, and how, the tool talks.
class Talk {
 public:
  explicit Talk(bool quiet) : quiet_(quiet) {}

  /// "deformer: MESSAGE" unless quiet.
  void note(std::string_view message) const;
  /// The same for what an option asked for by name: also when quiet.
  static void tell(std::string_view message);
  /// True when a progress line makes sense: stderr is a terminal and the tool is not quiet.
  [[nodiscard]] bool shows_progress() const;

 private:
  bool quiet_;
};

/// A progress line that is redrawn in place, at most ten times a second, and wiped at the end. Does
/// nothing unless `talk` shows progress.
class Progress {
 public:
  Progress(const Talk& talk, std::string verb, std::string unit, std::size_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::size_t done, std::string_view details = {});

 private:
  using Clock = std::chrono::steady_clock;

  bool shown_;
  bool drawn_ = false;
  std::string verb_;
  std::string unit_;
  std::size_t total_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_draw_;
};

}  // namespace deformer::tools
