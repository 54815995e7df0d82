#pragma once

#include <string>
#include <vector>

#include "cuda/bench/cudnn_lstm.h"
#include "cuda/library/cudnn.h"

namespace bnlstm::cuda {

/// What cuDNN said instead of doing it. Not an Error: benchmarks go on.
struct Refusal {
  std::string what;
};

/// How numbers are held and multiplied.
struct CudnnType {
  std::string name;
  int data, math;
  size_t bytes;
  double tolerance;  // of results, relative, against the equations in double
};

/// Throws kArgument for a name that is not there.
const CudnnType& FindCudnnType(const std::string& name);
int FindCudnnAlgorithm(const std::string& name);

/// Device memory that holds numbers of one type.
class CudnnArray {
 public:
  CudnnArray() = default;
  CudnnArray(const CudnnType& type, size_t count);
  CudnnArray(CudnnArray&& other) noexcept { *this = std::move(other); }
  CudnnArray& operator=(CudnnArray&& other) noexcept;
  ~CudnnArray();

  void* data() const { return data_; }
  size_t count() const { return count_; }
  size_t bytes() const { return type_ ? count_ * type_->bytes : 0; }
  /// Uniform in -scale..scale. Beyond a million numbers they repeat.
  void FillRandom(double scale);
  /// With NaN, so that what a kernel fails to write shows.
  void Poison();
  std::vector<double> Download() const;

 private:
  const CudnnType* type_ = nullptr;
  size_t count_ = 0;
  void* data_ = nullptr;
};

/// A handle of cuDNN and the CUDA stream that it works on.
class CudnnHandle {
 public:
  CudnnHandle();
  CudnnHandle(const CudnnHandle&) = delete;
  CudnnHandle& operator=(const CudnnHandle&) = delete;
  ~CudnnHandle();

  const cudnn::Functions& functions() const { return functions_; }
  cudnn::Handle handle() const { return handle_; }
  cudnn::Dropout no_dropout() const { return dropout_; }
  cudaStream_t stream() const { return stream_; }
  /// Throws Refusal unless `status` is success. `call` names the function.
  void Check(cudnn::Status status, const char* call) const;

 private:
  void Release();

  const cudnn::Functions& functions_;
  cudaStream_t stream_ = nullptr;
  cudnn::Handle handle_ = nullptr;
  cudnn::Dropout dropout_ = nullptr;
};

/// One LSTM layer with all that its passes read and write. Sequences are [T][B][..], states [B][H].
class CudnnLayer {
 public:
  /// Throws Refusal where cuDNN does not serve the settings.
  CudnnLayer(const CudnnHandle& context, const CudnnLstmSettings& settings);
  CudnnLayer(const CudnnLayer&) = delete;
  CudnnLayer& operator=(const CudnnLayer&) = delete;
  ~CudnnLayer() { Release(); }

  /// Enqueue work; Backward needs a Forward before it, and gives all gradients anew.
  void Forward();
  void Backward();

  /// Where the matrix and the bias of a linear map begin, in numbers: 0..3 from x, 4..7 from h, for
  /// the gates i, f, g, o.
  struct Place {
    size_t matrix, bias;
  };
  Place PlaceOf(int map) const;

  CudnnArray x, h0, c0, weights, dy, dh_last, dc_last;   // read
  CudnnArray y, h_last, c_last, dx, dh0, dc0, dweights;  // written

 private:
  void Describe(const CudnnLstmSettings& settings);
  void Release();

  const CudnnHandle& context_;
  const CudnnType& type_;
  cudnn::Rnn rnn_ = nullptr;
  cudnn::RnnData x_data_ = nullptr, y_data_ = nullptr;
  cudnn::Tensor state_ = nullptr;
  size_t weight_bytes_ = 0, work_bytes_ = 0, reserve_bytes_ = 0;
  void* work_ = nullptr;
  void* reserve_ = nullptr;
};

}  // namespace bnlstm::cuda
