#pragma once

#include <cstddef>

#include "emulator/runtime.h"

// As native/cuda/library/cublas.h declares them of cuBLAS.
struct cublasContext;
using cublasHandle_t = cublasContext*;
using cublasStatus_t = int;
using cublasOperation_t = int;
using cublasComputeType_t = int;
using cublasGemmAlgo_t = int;

namespace bnlstm::emulator {

cublasStatus_t cublasCreate(cublasHandle_t* handle);
cublasStatus_t cublasDestroy(cublasHandle_t handle);
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream);
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void* workspace, size_t bytes);

/// f32 sums in the order of k; operands both f32 (rounded to TF32 if the compute type says so) or
/// both bf16; c is f32. What a workspace holds is lost, as with cuBLAS.
cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t a_operation,
                            cublasOperation_t b_operation, int m, int n, int k, const void* alpha,
                            const void* a, int a_type, int lda, const void* b, int b_type, int ldb,
                            const void* beta, void* c, int c_type, int ldc,
                            cublasComputeType_t compute_type, cublasGemmAlgo_t algorithm);

}  // namespace bnlstm::emulator
