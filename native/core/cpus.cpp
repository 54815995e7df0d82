#include "core/cpus.h"

#include <algorithm>
#include <climits>
#include <fstream>
#include <sstream>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace bnlstm {
namespace {

/// The quota of one cgroup as a number of CPUs, or INT_MAX. Missing files have none.
int Quota(std::istream& file, double period) {
  double quota = 0;
  if (!(file >> quota)) return INT_MAX;           // v2 says "max"
  if (period == 0) file >> period;                // v2 has both in one file
  if (quota <= 0 || period <= 0) return INT_MAX;  // v1 says -1
  return std::max(1, static_cast<int>(quota / period));
}

int QuotaV2(const std::string& directory) {
  std::ifstream file(directory + "/cpu.max");
  return Quota(file, 0);
}

int QuotaV1(const std::string& directory) {
  std::ifstream file(directory + "/cpu.cfs_quota_us"),
      period_file(directory + "/cpu.cfs_period_us");
  double period = 0;
  if (!(period_file >> period)) return INT_MAX;
  return Quota(file, period);
}

/// The tightest quota of a cgroup and all that contain it. A container often sees its own cgroup
/// mounted as the root while `path` is the host's: folders that do not exist count for nothing.
int TightestQuota(const std::string& mount, std::string path, int (*quota)(const std::string&)) {
  int cpus = quota(mount);
  while (path.size() > 1) {
    cpus = std::min(cpus, quota(mount + path));
    path.resize(path.rfind('/'));
  }
  return cpus;
}

}  // namespace

int AffinityCpus() {
#ifdef __linux__
  // The kernel refuses a mask smaller than its own.
  for (int size = 1024; size <= 1 << 20; size *= 2) {
    cpu_set_t* mask = CPU_ALLOC(size);
    const size_t bytes = CPU_ALLOC_SIZE(size);
    const int count = sched_getaffinity(0, bytes, mask) == 0 ? CPU_COUNT_S(bytes, mask) : 0;
    CPU_FREE(mask);
    if (count > 0) return count;
  }
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int QuotaCpus(const std::string& root) {
  int cpus = INT_MAX;
  std::ifstream groups(root + "/proc/self/cgroup");
  const std::string mounts = root + "/sys/fs/cgroup";
  for (std::string line; std::getline(groups, line);) {  // id:controllers:path
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) cpus = std::min(cpus, TightestQuota(mounts, path, QuotaV2));
    std::istringstream names(controllers);
    for (std::string name; std::getline(names, name, ',');) {
      if (name != "cpu") continue;
      cpus = std::min(cpus, TightestQuota(mounts + "/" + controllers, path, QuotaV1));
      cpus = std::min(cpus, TightestQuota(mounts + "/cpu", path, QuotaV1));
    }
  }
  return cpus;
}

int Cpus() {
  static const int cpus = std::min(AffinityCpus(), QuotaCpus());
  return cpus;
}

}  // namespace bnlstm
