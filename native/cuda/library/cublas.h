#pragma once

#include <string>
#include <vector>

#include "cuda/runtime.h"

#ifdef BNLSTM_EMULATOR
#include "emulator/cublas.h"
#else

// What is used of cuBLAS, declared here: it is opened at run time, and its header need not be there
// when this is built. cublas_abi.cpp compares it with the header where there is one.
struct cublasContext;
using cublasHandle_t = cublasContext*;
using cublasStatus_t = int;       // 0: success
using cublasOperation_t = int;    // 0: as it is, 1: transposed
using cublasComputeType_t = int;  // 68: f32, 77: f32 with TF32 products
using cublasGemmAlgo_t = int;     // -1: cuBLAS chooses

#endif

namespace bnlstm::cuda {

/// The functions of cuBLAS 12 and 13 that are used, under their exported names.
struct Cublas {
  cublasStatus_t (*create)(cublasHandle_t*) = nullptr;
  cublasStatus_t (*destroy)(cublasHandle_t) = nullptr;
  cublasStatus_t (*set_stream)(cublasHandle_t, cudaStream_t) = nullptr;
  cublasStatus_t (*set_workspace)(cublasHandle_t, void*, size_t) = nullptr;
  cublasStatus_t (*gemm_ex)(cublasHandle_t, cublasOperation_t, cublasOperation_t, int m, int n,
                            int k, const void* alpha, const void* a, int a_type, int lda,
                            const void* b, int b_type, int ldb, const void* beta, void* c,
                            int c_type, int ldc, cublasComputeType_t, cublasGemmAlgo_t) = nullptr;
};

/// Whether cuBLAS is there: opened once per process.
struct CublasLibrary {
  const Cublas* functions = nullptr;  // null: not found
  std::string path;                   // of the library that was opened
  std::string why;                    // a sentence for users where it was not, with where it looked
};
const CublasLibrary& FindCublas();

}  // namespace bnlstm::cuda
