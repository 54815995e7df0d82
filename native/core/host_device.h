#pragma once

/// For functions of the core that kernels of the CUDA engine call too.
#ifdef __CUDACC__
#define BNLSTM_HOST_DEVICE __host__ __device__
#else
#define BNLSTM_HOST_DEVICE
#endif
