#pragma once

#include "core/dtype.h"
#include "cuda/context.h"
#include "cuda/library/cublas.h"

namespace bnlstm::cuda {

/// c = a b + beta c. As cuBLAS has them, matrices lie column after column, `*_stride` elements apart
/// (a row-major matrix is its transpose): a [m][k] (stored [k][m] if transposed), b [k][n], c [m][n].
struct Gemm {
  int64_t m = 0, n = 0, k = 0;
  DType operands = DType::kF32;  // of a and b: f32, or bf16; c is f32, and so are the sums
  const void* a = nullptr;
  int64_t a_stride = 0;
  bool a_transposed = false;
  const void* b = nullptr;
  int64_t b_stride = 0;
  bool b_transposed = false;
  float* c = nullptr;
  int64_t c_stride = 0;
  float beta = 0;
};

/// A cuBLAS handle of one stream, with a workspace of its own: cuBLAS then gives the same bits from
/// run to run, and can be captured. Products of f32 are exact in their operands unless `tf32`.
class Blas {
 public:
  /// Throws kDevice where cuBLAS is not found or refuses.
  Blas(cudaStream_t stream, bool tf32);
  Blas(const Blas&) = delete;
  Blas& operator=(const Blas&) = delete;
  ~Blas();

  void Multiply(const Gemm& gemm) const;

 private:
  const Cublas& cublas_;
  cublasHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;
  bool tf32_;
};

}  // namespace bnlstm::cuda
