#pragma once

#include <vector>

namespace bnlstm::cuda {

/// The compute capabilities that nvcc compiled for, 10 major + minor, ascending.
std::vector<int> Architectures();

}  // namespace bnlstm::cuda
