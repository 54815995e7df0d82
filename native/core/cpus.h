#pragma once

#include <string>

namespace bnlstm {

/// CPUs in this thread's affinity mask (all of the machine where there is no such thing).
int AffinityCpus();

/// CPUs' worth of time that the cgroups of this process grant it, rounded down but at least 1;
/// INT_MAX without a quota. Reads /proc and /sys (cgroup v1 and v2) below `root`.
int QuotaCpus(const std::string& root = "");

/// CPUs that threads of this process can really run on at once, found once.
int Cpus();

}  // namespace bnlstm
