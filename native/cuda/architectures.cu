#include "cuda/architectures.h"

namespace bnlstm::cuda {

std::vector<int> Architectures() {
  std::vector<int> architectures;
#ifdef __CUDA_ARCH_LIST__  // not of the emulator
  for (const int each : {__CUDA_ARCH_LIST__}) architectures.push_back(each / 10);
#endif
  return architectures;
}

}  // namespace bnlstm::cuda
