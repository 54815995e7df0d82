#include "emulator/cublas.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/bf16.h"
#include "emulator/state.h"

struct cublasContext {
  cudaStream_t stream = nullptr;
  void* workspace = nullptr;
  size_t workspace_bytes = 0;
};

namespace bnlstm::emulator {
namespace {

enum Status {
  kSuccess = 0,
  kNotInitialized = 1,
  kAllocationFailed = 3,
  kInvalidValue = 7,
  kExecutionFailed = 13,
  kNotSupported = 15
};
constexpr int kF32 = 0, kBF16 = 14;
constexpr int kComputeF32 = 68, kComputeTF32 = 77;

/// An operand, of `rows` rows and `columns` columns once it is transposed, if it is to be.
struct Operand {
  const void* data;
  int stride;  // from column to column as they are stored
  bool transposed, bf16, tf32;
  int rows, columns;

  int stored_rows() const { return transposed ? columns : rows; }
  float Get(int row, int column) const {
    const int64_t i = transposed ? column + int64_t{row} * stride : row + int64_t{column} * stride;
    if (bf16) return FromBf16(static_cast<const uint16_t*>(data)[i]);
    const float value = static_cast<const float*>(data)[i];
    return tf32 ? RoundToTf32(value) : value;
  }
  /// To 10 bits after the first; a NaN or an infinity as it is.
  static float RoundToTf32(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    if ((bits & 0x7f800000u) == 0x7f800000u) return value;
    return std::bit_cast<float>((bits + 0x1000u) & ~0x1fffu);
  }
};

struct Product {
  Operand a, b;
  float alpha, beta;
  float* c;
  int c_stride;

  void Run() const {
    const int m = a.rows, n = b.columns, inner = a.columns;
    std::vector<float> packed(static_cast<size_t>(m) * static_cast<size_t>(inner));
    for (int k = 0; k < inner; ++k) {
      for (int i = 0; i < m; ++i) packed[static_cast<size_t>(int64_t{k} * m + i)] = a.Get(i, k);
    }
    std::vector<float> sums(static_cast<size_t>(m));
    for (int j = 0; j < n; ++j) {
      std::fill(sums.begin(), sums.end(), 0.0f);
      for (int k = 0; k < inner; ++k) {
        const float factor = b.Get(k, j);
        const float* const column = packed.data() + int64_t{k} * m;
        for (int i = 0; i < m; ++i) sums[static_cast<size_t>(i)] += column[i] * factor;
      }
      float* const to = c + int64_t{j} * c_stride;
      for (int i = 0; i < m; ++i) {
        const float sum = alpha * sums[static_cast<size_t>(i)];
        // c is not read, and may be anything, where beta is 0.
        to[i] = beta == 0 ? sum : sum + beta * to[i];
      }
    }
  }
};

cublasStatus_t StatusOf(cudaError_t error) {
  if (error == cudaErrorMemoryAllocation) return kAllocationFailed;
  return error == cudaSuccess ? kSuccess : kExecutionFailed;
}

bool IsOperation(cublasOperation_t operation) { return operation == 0 || operation == 1; }

}  // namespace

cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  const cudaError_t error = Call([&](State&) {
    *handle = new cublasContext;
    return cudaSuccess;
  });
  const cublasStatus_t status = StatusOf(error);
  return status == kExecutionFailed ? kNotInitialized : status;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle) {
  if (handle == nullptr) return kNotInitialized;
  delete handle;
  return kSuccess;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
  if (handle == nullptr) return kNotInitialized;
  // As cuBLAS does: the workspace is again its own.
  *handle = {.stream = stream};
  return StatusOf(Call([](State&) { return cudaSuccess; }));
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void* workspace, size_t bytes) {
  if (handle == nullptr) return kNotInitialized;
  bool valid = true;
  const cudaError_t error = Call([&](State& state) {
    Heap::Place place;
    valid = reinterpret_cast<uintptr_t>(workspace) % 256 == 0 &&
            state.heap.Locate(workspace, bytes, &place) && place == Heap::Place::kDevice;
    return cudaSuccess;
  });
  if (!valid) return kInvalidValue;
  handle->workspace = workspace;
  handle->workspace_bytes = bytes;
  return StatusOf(error);
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t a_operation,
                            cublasOperation_t b_operation, int m, int n, int k, const void* alpha,
                            const void* a, int a_type, int lda, const void* b, int b_type, int ldb,
                            const void* beta, void* c, int c_type, int ldc,
                            cublasComputeType_t compute_type, cublasGemmAlgo_t algorithm) {
  if (handle == nullptr) return kNotInitialized;
  if (alpha == nullptr || beta == nullptr || m < 0 || n < 0 || k < 0) return kInvalidValue;
  if (!IsOperation(a_operation) || !IsOperation(b_operation)) return kInvalidValue;
  const bool operands = a_type == b_type && (a_type == kF32 || a_type == kBF16);
  const bool compute =
      compute_type == kComputeF32 || (compute_type == kComputeTF32 && a_type == kF32);
  if (!operands || c_type != kF32 || !compute || algorithm != -1) return kNotSupported;
  const bool bf16 = a_type == kBF16, tf32 = compute_type == kComputeTF32;
  const Product product{{a, lda, a_operation == 1, bf16, tf32, m, k},
                        {b, ldb, b_operation == 1, bf16, tf32, k, n},
                        *static_cast<const float*>(alpha),
                        *static_cast<const float*>(beta),
                        static_cast<float*>(c),
                        ldc};
  if (lda < std::max(1, product.a.stored_rows()) || ldb < std::max(1, product.b.stored_rows()) ||
      ldc < std::max(1, m)) {
    return kInvalidValue;
  }
  if (m == 0 || n == 0) return kSuccess;
  constexpr size_t kSpoiled = 4096;  // enough to see that the workspace is used twice
  void* const workspace = handle->workspace;
  const size_t spoiled = std::min(handle->workspace_bytes, kSpoiled);
  return StatusOf(Enqueue(handle->stream, [=] {
    if (spoiled > 0) std::memset(workspace, 0xff, spoiled);
    product.Run();
  }));
}

}  // namespace bnlstm::emulator
