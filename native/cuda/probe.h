#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace bnlstm::cuda {

/// What a GPU says of itself.
struct Gpu {
  std::string name;
  int major = 0, minor = 0;  // compute capability
  size_t memory = 0;         // bytes
  int multiprocessors = 0;
};

/// What was found, with nothing concluded yet.
struct Facts {
  bool built = false;              // this binary has CUDA code
  std::vector<int> architectures;  // 10 major + minor, ascending: for which it has machine code
  bool compiles = false;           // it has code too that the drivers of newer GPUs compile
  int driver_version = 0;          // newest CUDA that the driver serves, 1000 major + 10 minor
  int runtime_version = 0;         // that the runtime in this binary needs
  bool old_driver = false;         // the runtime refuses the driver, or there is none
  bool no_device = false;
  std::string error;       // any other failure, in the runtime's words
  std::vector<Gpu> gpus;   // by device number
  std::string cublas;      // file; empty: not found
  std::string cublas_why;  // why not, and where it was looked for
};

/// A device as users name it.
struct DeviceRow {
  std::string name;
  bool available = false;
  std::string why;  // what it is, or why it cannot be used: a sentence for users
};

/// One row for each GPU; a row `cuda` where there is none.
struct Verdict {
  std::string message;  // on CUDA as a whole
  std::vector<DeviceRow> devices;
};
Verdict Explain(const Facts& facts);

/// The number of the GPU that a user means by `cuda` (the first) or `cuda:N`. Throws kDevice with the
/// reason where it cannot be used.
int Choose(const Verdict& verdict, const std::string& device);

struct Probe {
  Facts facts;
  Verdict verdict;
};

/// Found out once for the process. Starts the driver where there is one, and opens cuBLAS where there
/// is a GPU, but makes no context.
const Probe& ProbeDevices();

}  // namespace bnlstm::cuda
