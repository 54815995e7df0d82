#include <cmath>
#include <vector>

#include "core/bf16.h"
#include "emulator/cublas.h"
#include "emulator_fixture.h"
#include "random.h"

namespace bnlstm {
namespace {

constexpr int kF32 = 0, kBF16 = 14, kComputeF32 = 68, kComputeTF32 = 77;

class Handle {
 public:
  explicit Handle(cudaStream_t stream) {
    CHECK_EQ(emulator::cublasCreate(&handle_), 0);
    CHECK_EQ(emulator::cublasSetStream(handle_, stream), 0);
  }
  ~Handle() { emulator::cublasDestroy(handle_); }
  operator cublasHandle_t() const { return handle_; }

 private:
  cublasHandle_t handle_ = nullptr;
};

/// A column-major matrix whose columns are `stride` apart, with no more memory than that takes.
struct Matrix {
  Matrix(Random& random, int rows, int columns, bool bf16)
      : stride(rows + 3),
        f32(static_cast<size_t>(stride * (columns - 1) + rows)),
        halves(static_cast<size_t>(stride * (columns - 1) + rows)),
        bf16(bf16) {
    for (int j = 0; j < columns; ++j) {
      for (int i = 0; i < rows; ++i) {
        const size_t at = static_cast<size_t>(j * stride + i);
        halves[at] = ToBf16(random.Normal());
        f32[at] = bf16 ? FromBf16(halves[at]) : random.Normal();
      }
    }
  }
  double Get(int i, int j) const { return f32[static_cast<size_t>(j * stride + i)]; }
  const void* data() const {
    return bf16 ? static_cast<void*>(halves.data()) : static_cast<void*>(f32.data());
  }

  int stride;
  EmulatorArray<float> f32;
  EmulatorArray<uint16_t> halves;
  bool bf16;
};

void CheckProduct(Random& random, bool a_transposed, bool b_transposed, bool bf16, float beta,
                  int compute) {
  const int m = 5, n = 4, k = 70;
  const EmulatorStream stream;
  const Handle handle(stream);
  const Matrix a(random, a_transposed ? k : m, a_transposed ? m : k, bf16);
  const Matrix b(random, b_transposed ? n : k, b_transposed ? k : n, bf16);
  const Matrix c(random, m, n, false);
  std::vector<double> before;
  for (int j = 0; j < n; ++j) {
    for (int i = 0; i < m; ++i) before.push_back(c.Get(i, j));
  }
  if (beta == 0) c.f32.Fill(std::nanf(""));
  const float alpha = 1;
  const int type = bf16 ? kBF16 : kF32;
  CHECK_EQ(emulator::cublasGemmEx(handle, a_transposed, b_transposed, m, n, k, &alpha, a.data(),
                                  type, a.stride, b.data(), type, b.stride, &beta, c.f32.data(),
                                  kF32, c.stride, compute, -1),
           0);
  stream.Synchronize();
  double largest = 0;
  for (int j = 0; j < n; ++j) {
    for (int i = 0; i < m; ++i) {
      double sum = beta * (beta == 0 ? 0 : before[static_cast<size_t>(j * m + i)]);
      for (int x = 0; x < k; ++x) {
        sum +=
            (a_transposed ? a.Get(x, i) : a.Get(i, x)) * (b_transposed ? b.Get(j, x) : b.Get(x, j));
      }
      const double error = std::fabs(c.Get(i, j) - sum);
      CHECK(error < (compute == kComputeTF32 ? 3e-2 : 2e-5));
      largest = std::max(largest, error);
    }
    // Between the columns all is as it was: poison.
    if (j + 1 < n) CHECK(std::isnan(c.Get(m, j)));
  }
  if (compute == kComputeTF32) CHECK(largest > 2e-5);
}

TEST(EmulatorProducts) {
  Random random(2);
  for (const bool a_transposed : {false, true}) {
    for (const bool b_transposed : {false, true}) {
      for (const float beta : {0.0f, 1.0f, -0.5f}) {
        CheckProduct(random, a_transposed, b_transposed, false, beta, kComputeF32);
        CheckProduct(random, a_transposed, b_transposed, true, beta, kComputeF32);
        CheckProduct(random, a_transposed, b_transposed, false, beta, kComputeTF32);
      }
    }
  }
}

TEST(EmulatorProductsAreCaptured) {
  const EmulatorStream stream;
  const Handle handle(stream);
  const EmulatorArray<float> a(1), b(1), c(1);
  a.Fill(2);
  b.Fill(3);
  c.Fill(0);
  float alpha = 1, beta = 1;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  CHECK_EQ(emulator::cublasGemmEx(handle, 0, 0, 1, 1, 1, &alpha, a.data(), kF32, 1, b.data(), kF32,
                                  1, &beta, c.data(), kF32, 1, kComputeF32, -1),
           0);
  CHECK_CUDA(cudaStreamEndCapture(stream, &graph));
  CHECK_CUDA(cudaGraphInstantiate(&exec, graph, 0));
  alpha = beta = 100;  // were read by the call
  for (int i = 0; i < 2; ++i) CHECK_CUDA(cudaGraphLaunch(exec, stream));
  stream.Synchronize();
  CHECK_EQ(c[0], 12.0f);
  CHECK_CUDA(cudaGraphExecDestroy(exec));
  CHECK_CUDA(cudaGraphDestroy(graph));
}

TEST(EmulatorProductsSpoilTheWorkspace) {
  const EmulatorStream stream;
  const Handle handle(stream);
  const EmulatorArray<float> one(1), workspace(64);
  one.Fill(1);
  workspace.Fill(1);
  const float factor = 1;
  CHECK_EQ(emulator::cublasSetWorkspace(handle, workspace.data(), workspace.bytes()), 0);
  CHECK_EQ(emulator::cublasSetWorkspace(handle, workspace.data(), workspace.bytes() + 1), 7);
  CHECK_EQ(emulator::cublasGemmEx(handle, 0, 0, 1, 1, 1, &factor, one.data(), kF32, 1, one.data(),
                                  kF32, 1, &factor, one.data(), kF32, 1, kComputeF32, -1),
           0);
  stream.Synchronize();
  for (size_t i = 0; i < 64; ++i) CHECK(std::isnan(workspace[i]));
}

TEST(EmulatorProductsCheckTheirArguments) {
  const EmulatorSettings restore;
  const EmulatorStream stream;
  const Handle handle(stream);
  const EmulatorArray<float> x(64);
  const float one = 1;
  const auto call = [&](int a_operation, int b_operation, int a_type, int compute, int lda, int ldb,
                        int ldc) {
    return emulator::cublasGemmEx(handle, a_operation, b_operation, 2, 3, 4, &one, x.data(), a_type,
                                  lda, x.data(), kF32, ldb, &one, x.data(), kF32, ldc, compute, -1);
  };
  constexpr int kInvalid = 7, kNotSupported = 15, kExecutionFailed = 13;
  CHECK_EQ(call(0, 0, kF32, kComputeF32, 1, 4, 2), kInvalid);
  CHECK_EQ(call(1, 0, kF32, kComputeF32, 3, 4, 2), kInvalid);
  CHECK_EQ(call(0, 0, kF32, kComputeF32, 2, 3, 2), kInvalid);
  CHECK_EQ(call(0, 1, kF32, kComputeF32, 2, 2, 2), kInvalid);
  CHECK_EQ(call(0, 0, kF32, kComputeF32, 2, 4, 1), kInvalid);
  CHECK_EQ(call(2, 0, kF32, kComputeF32, 4, 4, 2), kInvalid);
  CHECK_EQ(call(0, 0, kBF16, kComputeF32, 2, 4, 2), kNotSupported);
  CHECK_EQ(call(0, 0, kF32, 64, 2, 4, 2), kNotSupported);
  CHECK_EQ(call(0, 0, kF32, kComputeF32, 2, 4, 2), 0);
  emulator::FailCall(1, cudaErrorLaunchFailure);
  CHECK_EQ(call(0, 0, kF32, kComputeF32, 2, 4, 2), kExecutionFailed);
}

}  // namespace
}  // namespace bnlstm
