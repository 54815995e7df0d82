#pragma once

#include <string>

#include "cuda/runtime.h"

// cuDNN 9, which the benchmark compares with; nothing else of this package uses it. What is used of
// it is declared here: it is opened at run time, and its header need not be there when this is
// built. cudnn_abi.cpp compares with the header where there is one. Enumerations are ints, as they
// are when a function is called.
namespace bnlstm::cuda::cudnn {

using Handle = struct HandleStruct*;
using Rnn = struct RnnStruct*;
using RnnData = struct RnnDataStruct*;
using Tensor = struct TensorStruct*;
using Dropout = struct DropoutStruct*;
using Status = int;

inline constexpr Status kSuccess = 0;
inline constexpr int kLstm = 2, kDoubleBias = 2, kUnidirectional = 0, kLinearInput = 0,
                     kTraining = 1, kAddGradients = 0, kSequenceMajorUnpacked = 0;
inline constexpr unsigned kPaddedIo = 1;

/// An algorithm of the recurrence.
inline constexpr int kStandard = 0, kPersistStatic = 1, kPersistDynamic = 2,
                     kPersistStaticSmallH = 3;
inline constexpr int kFloat = 0, kHalf = 2, kBfloat16 = 9;
/// With f32 operands the default allows TF32, and kFmaMath forbids it.
inline constexpr int kDefaultMath = 0, kTensorOpMath = 1, kFmaMath = 3;

/// The functions, under their exported names without `cudnn`.
struct Functions {
  size_t (*GetVersion)();
  const char* (*GetErrorString)(Status);
  void (*GetLastErrorString)(char* message, size_t size);
  Status (*Create)(Handle*);
  Status (*Destroy)(Handle);
  Status (*SetStream)(Handle, cudaStream_t);
  Status (*CreateDropoutDescriptor)(Dropout*);
  Status (*DestroyDropoutDescriptor)(Dropout);
  Status (*SetDropoutDescriptor)(Dropout, Handle, float dropout, void* states, size_t state_bytes,
                                 unsigned long long seed);
  Status (*CreateRNNDescriptor)(Rnn*);
  Status (*DestroyRNNDescriptor)(Rnn);
  Status (*SetRNNDescriptor_v8)(Rnn, int algorithm, int cell, int bias, int direction, int input,
                                int data_type, int math_precision, int math_type,
                                int32_t input_size, int32_t hidden_size, int32_t projection_size,
                                int32_t layers, Dropout, uint32_t flags);
  Status (*BuildRNNDynamic)(Handle, Rnn, int batch);
  Status (*CreateRNNDataDescriptor)(RnnData*);
  Status (*DestroyRNNDataDescriptor)(RnnData);
  Status (*SetRNNDataDescriptor)(RnnData, int data_type, int layout, int steps, int batch,
                                 int width, const int lengths[], void* padding);
  Status (*CreateTensorDescriptor)(Tensor*);
  Status (*DestroyTensorDescriptor)(Tensor);
  Status (*SetTensorNdDescriptor)(Tensor, int data_type, int axes, const int extents[],
                                  const int strides[]);
  Status (*GetRNNWeightSpaceSize)(Handle, Rnn, size_t*);
  Status (*GetRNNTempSpaceSizes)(Handle, Rnn, int mode, RnnData x, size_t* work, size_t* reserve);
  Status (*GetRNNWeightParams)(Handle, Rnn, int32_t layer, size_t weight_bytes, const void* weights,
                               int32_t matrix, Tensor, void** matrix_address, Tensor,
                               void** bias_address);
  Status (*RNNForward)(Handle, Rnn, int mode, const int32_t device_lengths[], RnnData,
                       const void* x, RnnData, void* y, Tensor, const void* h0, void* h_last,
                       Tensor, const void* c0, void* c_last, size_t weight_bytes,
                       const void* weights, size_t work_bytes, void* work, size_t reserve_bytes,
                       void* reserve);
  Status (*RNNBackwardData_v8)(Handle, Rnn, const int32_t device_lengths[], RnnData, const void* y,
                               const void* dy, RnnData, void* dx, Tensor, const void* h0,
                               const void* dh_last, void* dh0, Tensor, const void* c0,
                               const void* dc_last, void* dc0, size_t weight_bytes,
                               const void* weights, size_t work_bytes, void* work,
                               size_t reserve_bytes, void* reserve);
  Status (*RNNBackwardWeights_v8)(Handle, Rnn, int mode, const int32_t device_lengths[], RnnData,
                                  const void* x, Tensor, const void* h0, RnnData, const void* y,
                                  size_t weight_bytes, void* dweights, size_t work_bytes,
                                  void* work, size_t reserve_bytes, void* reserve);
};

/// Whether cuDNN is there: opened once per process.
struct Library {
  const Functions* functions = nullptr;  // null: not found
  std::string path;                      // of the library that was opened
  std::string why;                       // a sentence for users where it was not
};
const Library& Find();

}  // namespace bnlstm::cuda::cudnn
