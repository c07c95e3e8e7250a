#include "base/cpu_quota.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>

namespace deformer {
namespace {

namespace fs = std::filesystem;

std::optional<int> processors(double quota, double period) {
  if (!(quota > 0 && period > 0)) return std::nullopt;
  const double most = std::numeric_limits<int>::max();
  return static_cast<int>(std::min(std::ceil(quota / period), most));
}

// In version 2 one file holds both numbers, "max" for no limit; in version 1 there are two, -1 for
// no limit. What is no number is none.
std::optional<int> limit_of(const fs::path& group) {
  double quota = 0;
  double period = 0;
  if (std::ifstream file(group / "cpu.max"); file) {
    file >> quota >> period;
    return processors(quota, period);
  }
  std::ifstream(group / "cpu.cfs_quota_us") >> quota;
  std::ifstream(group / "cpu.cfs_period_us") >> period;
  return processors(quota, period);
}

void take_least(std::optional<int>& least, std::optional<int> other) {
  if (other) least = std::min(least.value_or(*other), *other);
}

// Of the group and those around it. Inside a container the path may be the host's, of which only
// the end of the way, the mount itself, is there.
std::optional<int> limit_on_the_way(const fs::path& mount, const std::string& path) {
  std::optional<int> least = limit_of(mount);
  fs::path group = mount;
  for (const fs::path& part : fs::path(path).relative_path()) {
    group /= part;
    take_least(least, limit_of(group));
  }
  return least;
}

bool names_cpu(const std::string& controllers) {
  return ("," + controllers + ",").find(",cpu,") != std::string::npos;
}

}  // namespace

std::optional<int> cpu_quota(const fs::path& root) {
  std::optional<int> least;
  const fs::path mounts = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "4:cpu,cpuacct:/path"; "0::/path"
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      take_least(least, limit_on_the_way(mounts, path));
    } else if (names_cpu(controllers)) {
      take_least(least, limit_on_the_way(mounts / "cpu", path));
    }
  }
  return least;
}

}  // namespace deformer
