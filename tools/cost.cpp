#include "tools/cost.h"

#include <sys/resource.h>

#include "base/number_text.h"

namespace deformer::tools {

RunCost run_cost(std::size_t items, double seconds) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return {items, seconds, static_cast<std::size_t>(usage.ru_maxrss) * 1024};
}

std::string cost_line(const RunCost& cost, const std::string& verb, const std::string& item) {
  return verb + " " + grouped(cost.items) + " " + item + "s in " + fixed(cost.seconds, 1) + " s, " +
         fixed(cost.ms_per_item(), 2) + " ms per " + item + "; peak memory " +
         grouped(cost.peak_rss_bytes >> 20) + " MiB\n";
}

}  // namespace deformer::tools
