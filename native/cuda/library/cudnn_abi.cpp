// Compares the declarations of cudnn.h with those of cuDNN itself, where its header is installed.
#if !defined(BNLSTM_EMULATOR) && __has_include(<cudnn.h>)
#include <cudnn.h>

#include <type_traits>

#include "cuda/library/cudnn.h"

namespace bnlstm::cuda::cudnn {
namespace {

/// How a type is passed: every pointer alike, enumerations as ints.
template <class T>
using Passed =
    std::conditional_t<std::is_pointer_v<T>, void*, std::conditional_t<std::is_enum_v<T>, int, T>>;

template <class Result, class... Arguments>
auto Plain(Result (*)(Arguments...)) -> Passed<Result> (*)(Passed<Arguments>...);

template <class A, class B>
constexpr bool kAgree = std::is_same_v<decltype(Plain(A{})), decltype(Plain(B{}))>;
static_assert(!kAgree<int (*)(int), int (*)(float)> && !kAgree<int (*)(int), int (*)(void*)> &&
              !kAgree<int (*)(int), int (*)()> && !kAgree<int (*)(int), int (*)(size_t)>);

#define BNLSTM_AGREES(name) \
  static_assert(kAgree<decltype(Functions::name), decltype(&::cudnn##name)>)
BNLSTM_AGREES(GetVersion);
BNLSTM_AGREES(GetErrorString);
BNLSTM_AGREES(GetLastErrorString);
BNLSTM_AGREES(Create);
BNLSTM_AGREES(Destroy);
BNLSTM_AGREES(SetStream);
BNLSTM_AGREES(CreateDropoutDescriptor);
BNLSTM_AGREES(DestroyDropoutDescriptor);
BNLSTM_AGREES(SetDropoutDescriptor);
BNLSTM_AGREES(CreateRNNDescriptor);
BNLSTM_AGREES(DestroyRNNDescriptor);
BNLSTM_AGREES(SetRNNDescriptor_v8);
BNLSTM_AGREES(BuildRNNDynamic);
BNLSTM_AGREES(CreateRNNDataDescriptor);
BNLSTM_AGREES(DestroyRNNDataDescriptor);
BNLSTM_AGREES(SetRNNDataDescriptor);
BNLSTM_AGREES(CreateTensorDescriptor);
BNLSTM_AGREES(DestroyTensorDescriptor);
BNLSTM_AGREES(SetTensorNdDescriptor);
BNLSTM_AGREES(GetRNNWeightSpaceSize);
BNLSTM_AGREES(GetRNNTempSpaceSizes);
BNLSTM_AGREES(GetRNNWeightParams);
BNLSTM_AGREES(RNNForward);
BNLSTM_AGREES(RNNBackwardData_v8);
BNLSTM_AGREES(RNNBackwardWeights_v8);

static_assert(kSuccess == CUDNN_STATUS_SUCCESS && kLstm == CUDNN_LSTM &&
              kDoubleBias == CUDNN_RNN_DOUBLE_BIAS && kUnidirectional == CUDNN_UNIDIRECTIONAL &&
              kLinearInput == CUDNN_LINEAR_INPUT && kTraining == CUDNN_FWD_MODE_TRAINING &&
              kAddGradients == CUDNN_WGRAD_MODE_ADD &&
              kSequenceMajorUnpacked == CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED &&
              kPaddedIo == CUDNN_RNN_PADDED_IO_ENABLED);
static_assert(kStandard == CUDNN_RNN_ALGO_STANDARD &&
              kPersistStatic == CUDNN_RNN_ALGO_PERSIST_STATIC &&
              kPersistDynamic == CUDNN_RNN_ALGO_PERSIST_DYNAMIC &&
              kPersistStaticSmallH == CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H);
static_assert(kFloat == CUDNN_DATA_FLOAT && kHalf == CUDNN_DATA_HALF &&
              kBfloat16 == CUDNN_DATA_BFLOAT16 && kDefaultMath == CUDNN_DEFAULT_MATH &&
              kTensorOpMath == CUDNN_TENSOR_OP_MATH && kFmaMath == CUDNN_FMA_MATH);

}  // namespace
}  // namespace bnlstm::cuda::cudnn
#endif
