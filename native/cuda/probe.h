#pragma once

#include <string>
#include <vector>

namespace bnlstm::cuda {

/// What CUDA can do on this machine, and if nothing, why: `message` is a sentence for users.
struct Probe {
  bool built = false;  // this binary has CUDA code
  int code = 0;        // cudaError_t; 0 with at least one device, or where built is false
  std::string name;    // of that error
  std::string message;
  int device_count = 0;
  int driver_version =
      0;  // newest CUDA that the driver serves, 1000 major + 10 minor; 0: no driver
  int runtime_version = 0;
  std::vector<std::string> devices;  // names by device number
};

/// Starts the driver (about 0.1 s where there is one) but no context. Callers keep the answer.
Probe ProbeDevices();

}  // namespace bnlstm::cuda
