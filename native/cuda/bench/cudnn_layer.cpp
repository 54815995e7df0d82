#ifndef BNLSTM_EMULATOR
#include "cuda/bench/cudnn_layer.h"

#include <cuda_fp16.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <random>
#include <utility>

#include "core/bf16.h"
#include "core/error.h"

namespace bnlstm::cuda {
namespace {

// Tolerances are for the small layer of the check: roundings of the type, over some steps.
const std::array<CudnnType, 4> kTypes{{
    {"f32", cudnn::kFloat, cudnn::kFmaMath, 4, 1e-4},
    {"tf32", cudnn::kFloat, cudnn::kDefaultMath, 4, 1e-2},
    {"f16", cudnn::kHalf, cudnn::kTensorOpMath, 2, 1e-2},
    {"bf16", cudnn::kBfloat16, cudnn::kTensorOpMath, 2, 5e-2},
}};

const std::array<std::string, 4> kAlgorithms{"standard", "persist-static", "persist-dynamic",
                                             "persist-static-small-h"};  // by cuDNN's number

void Encode(const CudnnType& type, float value, std::byte* to) {
  if (type.data == cudnn::kFloat) {
    std::memcpy(to, &value, 4);
  } else if (type.data == cudnn::kHalf) {
    const __half half(value);
    std::memcpy(to, &half, 2);
  } else {
    const uint16_t bits = ToBf16(value);
    std::memcpy(to, &bits, 2);
  }
}

float Decode(const CudnnType& type, const std::byte* from) {
  if (type.data == cudnn::kFloat) {
    float value;
    std::memcpy(&value, from, 4);
    return value;
  }
  if (type.data == cudnn::kHalf) {
    __half half;
    std::memcpy(&half, from, 2);
    return __half2float(half);
  }
  uint16_t bits;
  std::memcpy(&bits, from, 2);
  return FromBf16(bits);
}

void* Allocate(size_t bytes) {
  void* memory = nullptr;
  if (bytes > 0) Check(cudaMalloc(&memory, bytes), "cudaMalloc");
  return memory;
}

}  // namespace

const CudnnType& FindCudnnType(const std::string& name) {
  for (const CudnnType& type : kTypes) {
    if (type.name == name) return type;
  }
  throw Error(kArgument, "cuDNN's LSTM has no dtype '" + name + "': f32, tf32, f16 or bf16");
}

int FindCudnnAlgorithm(const std::string& name) {
  const auto found = std::find(kAlgorithms.begin(), kAlgorithms.end(), name);
  if (found != kAlgorithms.end()) return static_cast<int>(found - kAlgorithms.begin());
  throw Error(kArgument, "cuDNN's LSTM has no algorithm '" + name +
                             "': standard, persist-static, persist-dynamic or "
                             "persist-static-small-h");
}

CudnnArray::CudnnArray(const CudnnType& type, size_t count)
    : type_(&type), count_(count), data_(Allocate(count * type.bytes)) {}

CudnnArray& CudnnArray::operator=(CudnnArray&& other) noexcept {
  std::swap(type_, other.type_);
  std::swap(count_, other.count_);
  std::swap(data_, other.data_);
  return *this;
}

CudnnArray::~CudnnArray() { cudaFree(data_); }

void CudnnArray::FillRandom(double scale) {
  constexpr size_t kBlock = size_t{1} << 20;
  const size_t block = std::min(kBlock, count_);
  std::vector<std::byte> host(block * type_->bytes);
  static std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(static_cast<float>(-scale),
                                                static_cast<float>(scale));
  for (size_t i = 0; i < block; ++i) Encode(*type_, uniform(random), &host[i * type_->bytes]);
  for (size_t done = 0; done < bytes(); done += host.size()) {
    Check(cudaMemcpy(static_cast<std::byte*>(data_) + done, host.data(),
                     std::min(host.size(), bytes() - done), cudaMemcpyHostToDevice),
          "cudaMemcpy");
  }
}

void CudnnArray::Poison() { Check(cudaMemset(data_, 0xff, bytes()), "cudaMemset"); }

std::vector<double> CudnnArray::Download() const {
  std::vector<std::byte> host(bytes());
  Check(cudaMemcpy(host.data(), data_, host.size(), cudaMemcpyDeviceToHost), "cudaMemcpy");
  std::vector<double> values(count_);
  for (size_t i = 0; i < count_; ++i) values[i] = Decode(*type_, &host[i * type_->bytes]);
  return values;
}

CudnnHandle::CudnnHandle()
    : functions_([]() -> const cudnn::Functions& {
        const cudnn::Library& library = cudnn::Find();
        if (!library.functions) throw Error(kDevice, library.why);
        return *library.functions;
      }()) {
  try {
    cuda::Check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
    Check(functions_.Create(&handle_), "cudnnCreate");
    Check(functions_.SetStream(handle_, stream_), "cudnnSetStream");
    Check(functions_.CreateDropoutDescriptor(&dropout_), "cudnnCreateDropoutDescriptor");
    Check(functions_.SetDropoutDescriptor(dropout_, handle_, 0, nullptr, 0, 0),
          "cudnnSetDropoutDescriptor");
  } catch (...) {
    Release();
    throw;
  }
}

CudnnHandle::~CudnnHandle() { Release(); }

void CudnnHandle::Release() {
  if (dropout_) functions_.DestroyDropoutDescriptor(dropout_);
  if (handle_) functions_.Destroy(handle_);
  if (stream_) cudaStreamDestroy(stream_);
}

void CudnnHandle::Check(cudnn::Status status, const char* call) const {
  if (status == cudnn::kSuccess) return;
  char detail[256] = "";
  functions_.GetLastErrorString(detail, sizeof detail);
  std::string what = std::string(call) + ": " + functions_.GetErrorString(status);
  if (detail[0] != '\0') what += std::string(": ") + detail;
  throw Refusal{what};
}

CudnnLayer::CudnnLayer(const CudnnHandle& context, const CudnnLstmSettings& settings)
    : context_(context), type_(FindCudnnType(settings.dtype)) {
  try {
    Describe(settings);
    const auto state = static_cast<size_t>(settings.batch) * settings.hidden;
    const auto inputs = static_cast<size_t>(settings.steps) * settings.batch * settings.features;
    const auto outputs = static_cast<size_t>(settings.steps) * state;
    const auto given = [&](CudnnArray& array, size_t count, double scale) {
      array = CudnnArray(type_, count);
      array.FillRandom(scale);
    };
    given(x, inputs, 1);
    given(h0, state, 0.5);
    given(c0, state, 0.5);
    given(weights, weight_bytes_ / type_.bytes, 1 / std::sqrt(settings.hidden));
    given(dy, outputs, 0.5);
    given(dh_last, state, 0.5);
    given(dc_last, state, 0.5);
    const auto wanted = [&](CudnnArray& array, size_t count) {
      array = CudnnArray(type_, count);
      array.Poison();
    };
    wanted(y, outputs);
    wanted(h_last, state);
    wanted(c_last, state);
    wanted(dx, inputs);
    wanted(dh0, state);
    wanted(dc0, state);
    wanted(dweights, weights.count());
    work_ = Allocate(work_bytes_);
    reserve_ = Allocate(reserve_bytes_);
    // What was filled on the default stream is there before the layer's own begins.
    Check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  } catch (...) {
    Release();
    throw;
  }
}

void CudnnLayer::Describe(const CudnnLstmSettings& settings) {
  const int steps = settings.steps, batch = settings.batch, hidden = settings.hidden;
  const cudnn::Functions& f = context_.functions();
  const auto check = [&](cudnn::Status status, const char* call) { context_.Check(status, call); };
  const int algorithm = FindCudnnAlgorithm(settings.algorithm);
  check(f.CreateRNNDescriptor(&rnn_), "cudnnCreateRNNDescriptor");
  check(f.SetRNNDescriptor_v8(rnn_, algorithm, cudnn::kLstm, cudnn::kDoubleBias,
                              cudnn::kUnidirectional, cudnn::kLinearInput, type_.data,
                              cudnn::kFloat, type_.math, settings.features, hidden, hidden, 1,
                              context_.no_dropout(), cudnn::kPaddedIo),
        "cudnnSetRNNDescriptor");
  if (algorithm == cudnn::kPersistDynamic) {
    check(f.BuildRNNDynamic(context_.handle(), rnn_, batch), "cudnnBuildRNNDynamic");
  }
  const std::vector<int> lengths(static_cast<size_t>(batch), steps);
  const auto sequence = [&](cudnn::RnnData& data, int width) {
    check(f.CreateRNNDataDescriptor(&data), "cudnnCreateRNNDataDescriptor");
    check(f.SetRNNDataDescriptor(data, type_.data, cudnn::kSequenceMajorUnpacked, steps, batch,
                                 width, lengths.data(), nullptr),
          "cudnnSetRNNDataDescriptor");
  };
  sequence(x_data_, settings.features);
  sequence(y_data_, hidden);
  const int extents[] = {1, batch, hidden}, strides[] = {batch * hidden, hidden, 1};
  check(f.CreateTensorDescriptor(&state_), "cudnnCreateTensorDescriptor");
  check(f.SetTensorNdDescriptor(state_, type_.data, 3, extents, strides),
        "cudnnSetTensorNdDescriptor");
  check(f.GetRNNWeightSpaceSize(context_.handle(), rnn_, &weight_bytes_),
        "cudnnGetRNNWeightSpaceSize");
  check(f.GetRNNTempSpaceSizes(context_.handle(), rnn_, cudnn::kTraining, x_data_, &work_bytes_,
                               &reserve_bytes_),
        "cudnnGetRNNTempSpaceSizes");
}

void CudnnLayer::Release() {
  const cudnn::Functions& f = context_.functions();
  cudaFree(work_);
  cudaFree(reserve_);
  if (state_) f.DestroyTensorDescriptor(state_);
  if (x_data_) f.DestroyRNNDataDescriptor(x_data_);
  if (y_data_) f.DestroyRNNDataDescriptor(y_data_);
  if (rnn_) f.DestroyRNNDescriptor(rnn_);
}

void CudnnLayer::Forward() {
  context_.Check(context_.functions().RNNForward(
                     context_.handle(), rnn_, cudnn::kTraining, nullptr, x_data_, x.data(), y_data_,
                     y.data(), state_, h0.data(), h_last.data(), state_, c0.data(), c_last.data(),
                     weight_bytes_, weights.data(), work_bytes_, work_, reserve_bytes_, reserve_),
                 "cudnnRNNForward");
}

void CudnnLayer::Backward() {
  context_.Check(
      context_.functions().RNNBackwardData_v8(
          context_.handle(), rnn_, nullptr, y_data_, y.data(), dy.data(), x_data_, dx.data(),
          state_, h0.data(), dh_last.data(), dh0.data(), state_, c0.data(), dc_last.data(),
          dc0.data(), weight_bytes_, weights.data(), work_bytes_, work_, reserve_bytes_, reserve_),
      "cudnnRNNBackwardData");
  // It can only add to what is there.
  Check(cudaMemsetAsync(dweights.data(), 0, weight_bytes_, context_.stream()), "cudaMemsetAsync");
  context_.Check(context_.functions().RNNBackwardWeights_v8(
                     context_.handle(), rnn_, cudnn::kAddGradients, nullptr, x_data_, x.data(),
                     state_, h0.data(), y_data_, y.data(), weight_bytes_, dweights.data(),
                     work_bytes_, work_, reserve_bytes_, reserve_),
                 "cudnnRNNBackwardWeights");
}

CudnnLayer::Place CudnnLayer::PlaceOf(int map) const {
  const cudnn::Functions& f = context_.functions();
  cudnn::Tensor shapes[2] = {};
  void *matrix = nullptr, *bias = nullptr;
  for (cudnn::Tensor& shape : shapes) {
    context_.Check(f.CreateTensorDescriptor(&shape), "cudnnCreateTensorDescriptor");
  }
  const cudnn::Status status =
      f.GetRNNWeightParams(context_.handle(), rnn_, 0, weight_bytes_, weights.data(), map,
                           shapes[0], &matrix, shapes[1], &bias);
  for (cudnn::Tensor shape : shapes) f.DestroyTensorDescriptor(shape);
  context_.Check(status, "cudnnGetRNNWeightParams");
  const auto offset = [&](const void* address) {
    return static_cast<size_t>(static_cast<const std::byte*>(address) -
                               static_cast<const std::byte*>(weights.data())) /
           type_.bytes;
  };
  return {offset(matrix), offset(bias)};
}

}  // namespace bnlstm::cuda
#endif
