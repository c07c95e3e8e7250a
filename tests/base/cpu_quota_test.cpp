#include "base/cpu_quota.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "support/temp_dir.h"

namespace deformer::test {
namespace {

// A made-up /proc and /sys.
class CpuQuota : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = root_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  void belongs_to(const std::string& lines) const { write("proc/self/cgroup", lines); }
  void limit(const std::string& group, const std::string& text) const {
    write("sys/fs/cgroup" + group + "/cpu.max", text);
  }
  [[nodiscard]] std::optional<int> quota() const { return cpu_quota(root_.path()); }

 private:
  TempDir root_;
};

TEST_F(CpuQuota, IsAbsentWithoutControlGroups) {
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuQuota, IsAbsentWithoutALimit) {
  belongs_to("0::/\n");
  EXPECT_EQ(quota(), std::nullopt);
  limit("", "max 100000\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuQuota, IsTheContainersLimitRoundedUp) {
  belongs_to("0::/\n");
  limit("", "200000 100000\n");
  EXPECT_EQ(quota(), 2);
  limit("", "250000 100000\n");
  EXPECT_EQ(quota(), 3);
  limit("", "5000 100000\n");
  EXPECT_EQ(quota(), 1);
}

TEST_F(CpuQuota, IsTheLeastOfTheGroupsAround) {
  belongs_to("0::/user.slice/job\n");
  limit("/user.slice", "400000 100000\n");
  limit("/user.slice/job", "max 100000\n");
  EXPECT_EQ(quota(), 4);
  limit("/user.slice/job", "300000 100000\n");
  EXPECT_EQ(quota(), 3);
}

TEST_F(CpuQuota, KnowsVersion1) {
  belongs_to("5:memory:/docker/1f\n4:cpu,cpuacct:/docker/1f\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");  // the container's own, at the mount
  EXPECT_EQ(quota(), 2);
  belongs_to("4:cpuset:/\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuQuota, TakesNothingFromFilesThatSayNothing) {
  belongs_to("no colon\n:\n0::\n");
  for (const char* text : {"", "one two\n", "100000\n", "-5 100000\n", "100000 0\n", "nan nan\n"}) {
    limit("", text);
    EXPECT_EQ(quota(), std::nullopt) << text;
  }
  limit("", "1e300 1\n");
  EXPECT_GT(quota().value_or(0), 1'000'000);
}

}  // namespace
}  // namespace deformer::test
