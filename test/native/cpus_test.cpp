#include "core/cpus.h"

#include <climits>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "check.h"

namespace bnlstm {
namespace {

namespace fs = std::filesystem;

/// A made-up /proc and /sys.
class Machine {
 public:
  Machine() {
    std::string name = (fs::temp_directory_path() / "bnlstm-cpus-XXXXXX").string();
    CHECK(mkdtemp(name.data()) != nullptr);
    root_ = name;
  }
  ~Machine() { fs::remove_all(root_); }
  Machine& With(const std::string& path, const std::string& text) {
    const fs::path file = root_ + path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return *this;
  }
  int Quota() const { return QuotaCpus(root_); }

 private:
  std::string root_;
};

TEST(CpusOfThisProcess) {
  CHECK(AffinityCpus() >= 1);
  CHECK(QuotaCpus() >= 1);
  CHECK(Cpus() >= 1);
}

TEST(CpusQuotaVersion2) {
  CHECK_EQ(Machine().Quota(), INT_MAX);
  CHECK_EQ(Machine().With("/proc/self/cgroup", "0::/\n").Quota(), INT_MAX);
  Machine nested;
  nested.With("/proc/self/cgroup", "0::/app/worker\n")
      .With("/sys/fs/cgroup/app/worker/cpu.max", "max 100000\n");
  CHECK_EQ(nested.Quota(), INT_MAX);
  nested.With("/sys/fs/cgroup/app/cpu.max", "350000 100000\n");
  CHECK_EQ(nested.Quota(), 3);
  nested.With("/sys/fs/cgroup/app/worker/cpu.max", "50000 100000\n");
  CHECK_EQ(nested.Quota(), 1);
}

TEST(CpusQuotaVersion1) {
  Machine machine;
  machine.With("/proc/self/cgroup", "4:memory:/x\n2:cpu,cpuacct:/docker/abc\n")
      .With("/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n")
      .With("/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "-1\n");
  CHECK_EQ(machine.Quota(), INT_MAX);
  machine.With("/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "400000\n");
  CHECK_EQ(machine.Quota(), 4);
  // A container that sees its own cgroup as the root of the mount.
  machine.With("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
      .With("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
  CHECK_EQ(machine.Quota(), 2);
}

}  // namespace
}  // namespace bnlstm
