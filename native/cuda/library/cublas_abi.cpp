// Compares what cublas.h declares with NVIDIA's own header, where that is there. Both use the same
// names; the header's enumerations, which are ints in ours, get others here.
#if !defined(BNLSTM_EMULATOR) && __has_include(<cublas_v2.h>)

#define cublasStatus_t OfficialStatus
#define cublasOperation_t OfficialOperation
#define cublasComputeType_t OfficialComputeType
#define cublasGemmAlgo_t OfficialGemmAlgo
#include <cublas_v2.h>
#undef cublasStatus_t
#undef cublasOperation_t
#undef cublasComputeType_t
#undef cublasGemmAlgo_t

#include <type_traits>

#include "cuda/library/cublas.h"

namespace bnlstm::cuda {
namespace {

template <class T>
constexpr bool kPassedAsInt = std::is_enum_v<T> && sizeof(T) == sizeof(int);

template <class T>
using Passed = std::conditional_t<kPassedAsInt<T>, int, T>;

template <class Result, class... Arguments>
auto Plain(Result (*)(Arguments...)) -> Passed<Result> (*)(Passed<Arguments>...);

template <class Ours, class Official>
constexpr bool Agrees(Official*) {
  return std::is_same_v<Ours, decltype(Plain(static_cast<Official*>(nullptr)))>;
}

// The header has it once more, with the types of before CUDA 11.
using GemmEx = OfficialStatus(cublasHandle_t, OfficialOperation, OfficialOperation, int, int, int,
                              const void*, const void*, cudaDataType, int, const void*,
                              cudaDataType, int, const void*, void*, cudaDataType, int,
                              OfficialComputeType, OfficialGemmAlgo);

static_assert(Agrees<decltype(Cublas::create)>(&cublasCreate_v2));
static_assert(Agrees<decltype(Cublas::destroy)>(&cublasDestroy_v2));
static_assert(Agrees<decltype(Cublas::set_stream)>(&cublasSetStream_v2));
static_assert(Agrees<decltype(Cublas::set_workspace)>(&cublasSetWorkspace_v2));
static_assert(Agrees<decltype(Cublas::gemm_ex)>(static_cast<GemmEx*>(&cublasGemmEx)));
static_assert(CUBLAS_STATUS_SUCCESS == 0 && CUBLAS_OP_N == 0 && CUBLAS_OP_T == 1);
static_assert(CUBLAS_COMPUTE_32F == 68 && CUBLAS_COMPUTE_32F_FAST_TF32 == 77);
static_assert(CUBLAS_GEMM_DEFAULT == -1);

}  // namespace
}  // namespace bnlstm::cuda

#endif
