// How many processors a container leaves to this process.
#pragma once

#include <filesystem>
#include <optional>

namespace deformer {

/// Processors' worth of time that the process's control group may use (`cpu.max`;
/// `cpu.cfs_quota_us` of version 1), rounded up: the least of its own limit and those of the groups
/// around it. Absent where there is none. `root`: where /proc and /sys are looked for, by tests.
[[nodiscard]] std::optional<int> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace deformer
