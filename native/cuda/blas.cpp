#include "cuda/blas.h"

#include <climits>
#include <string>

#include "core/error.h"

namespace bnlstm::cuda {
namespace {

#ifdef BNLSTM_EMULATOR
constexpr size_t kWorkspaceBytes = size_t{64} << 10;  // tests make an engine thousands of times
#else
// As much as cuBLAS itself asks for on Hopper (32 MiB), so that no fast algorithm is left out.
constexpr size_t kWorkspaceBytes = size_t{32} << 20;
#endif

constexpr int kTypeF32 = 0, kTypeBf16 = 14;  // cudaDataType_t
constexpr cublasComputeType_t kComputeF32 = 68, kComputeTf32 = 77;
constexpr cublasGemmAlgo_t kDefaultAlgorithm = -1;
constexpr cublasStatus_t kAllocationFailed = 3;

void CheckBlas(cublasStatus_t status, const char* what) {
  if (status == 0) return;
  // Whether the device is lost is not said by the status, but by whatever is asked next.
  size_t free = 0, total = 0;
  Check(cudaMemGetInfo(&free, &total), what);
  if (status == kAllocationFailed) {
    throw Error(kOutOfMemory, std::string("the GPU has not enough memory for ") + what);
  }
  throw Error(kInternal, std::string("internal error: ") + what + " gave the cuBLAS status " +
                             std::to_string(status));
}

const Cublas& Functions() {
  const CublasLibrary& library = FindCublas();
  if (!library.functions) throw Error(kDevice, library.why);
  return *library.functions;
}

int Int(int64_t size) {
  Assert(size > 0 && size <= INT_MAX, "a matrix is too large for cuBLAS");
  return static_cast<int>(size);
}

}  // namespace

Blas::Blas(cudaStream_t stream, bool tf32) : cublas_(Functions()), tf32_(tf32) {
  CheckBlas(cublas_.create(&handle_), "cublasCreate");
  try {
    CheckBlas(cublas_.set_stream(handle_, stream), "cublasSetStream");
    Check(cudaMalloc(&workspace_, kWorkspaceBytes), "cudaMalloc");
    CheckBlas(cublas_.set_workspace(handle_, workspace_, kWorkspaceBytes), "cublasSetWorkspace");
  } catch (...) {
    cudaFree(workspace_);
    cublas_.destroy(handle_);
    throw;
  }
}

Blas::~Blas() {
  cublas_.destroy(handle_);
  cudaFree(workspace_);
}

void Blas::Multiply(const Gemm& gemm) const {
  const float one = 1;
  const bool bf16 = gemm.operands == DType::kBF16;
  const int type = bf16 ? kTypeBf16 : kTypeF32;
  CheckBlas(cublas_.gemm_ex(handle_, gemm.a_transposed, gemm.b_transposed, Int(gemm.m), Int(gemm.n),
                            Int(gemm.k), &one, gemm.a, type, Int(gemm.a_stride), gemm.b, type,
                            Int(gemm.b_stride), &gemm.beta, gemm.c, kTypeF32, Int(gemm.c_stride),
                            !bf16 && tf32_ ? kComputeTf32 : kComputeF32, kDefaultAlgorithm),
            "cublasGemmEx");
}

}  // namespace bnlstm::cuda
