#include "tools/cost.h"

#include <sys/resource.h>

#include <algorithm>

#include "base/number_text.h"
#include "tools/talk.h"

namespace deformer::tools {

std::string timing_line(const StageTimes& times, double seconds) {
  const double whole = std::max(seconds, 1e-9);
  std::string line = "time " + fixed(seconds, 2) + " s";
  const auto add = [&](const char* stage, double part) {
    line += std::string(", ") + stage + " " + fixed(part, 2) + " s (" +
            fixed(100 * part / whole, 1) + " %)";
  };
  add("tokenise", times.tokenize);
  add("read", times.read);
  add("lower", times.lower);
  add("upper", times.upper);
  add("decode", times.decode);
  const double stages = times.tokenize + times.read + times.lower + times.upper + times.decode;
  add("other", std::max(seconds - stages, 0.0));
  return line;
}

std::size_t peak_rss_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace deformer::tools
