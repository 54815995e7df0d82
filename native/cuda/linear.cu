#include "cuda/blas.h"
#include "cuda/convert.h"
#include "cuda/kernels.h"
#include "cuda/pieces.h"

namespace bnlstm::cuda {
namespace {

constexpr int kSumWarps = 8, kSumRows = 16 * kSumWarps;  // of a block

/// A block sums up 32 columns over kSumRows rows: a warp 16 of them, then the warps in their order.
__global__ void SumRows(Elements from, int64_t rows, int64_t columns, float* to) {
  const int64_t groups = (columns + device::kWarp - 1) / device::kWarp;
  const int64_t block = device::BlockIndex() / groups;
  const int64_t column = device::BlockIndex() % groups * device::kWarp + device::Lane();
  const int64_t begin = block * kSumRows + device::Warp() * (kSumRows / kSumWarps);
  float sum = 0;
  for (int64_t row = begin; row < begin + kSumRows / kSumWarps; ++row) {
    if (row < rows && column < columns) sum += from.Get(row * columns + column);
  }
  auto* const sums = device::SharedMemory<float>();
  sums[device::ThreadIndex()] = sum;
  device::SyncBlock();
  if (device::Warp() != 0 || column >= columns) return;
  for (int warp = 1; warp < kSumWarps; ++warp) sum += sums[warp * device::kWarp + device::Lane()];
  to[block * columns + column] = sum;
}

int64_t SumBlocks(int64_t rows) { return (rows + kSumRows - 1) / kSumRows; }

/// Operands of a product, and what it gives, where the op's own tensors are of another type.
struct LinearPieces {
  Pieces pieces;
  Tensor w, product;

  LinearPieces(const ops::Linear& op, std::byte* workspace)
      : pieces(workspace), w(op.w), product(op.y) {
    if (op.x.dtype == DType::kBF16) w = pieces.Take(DType::kBF16, op.w.shape);
    if (op.y.dtype == DType::kBF16) product = pieces.Take(DType::kF32, op.y.shape);
  }
};

struct LinearBackwardPieces {
  Pieces pieces;
  Tensor w, dy, dx;
  std::vector<Tensor> sums;  // of dy over blocks of rows, over blocks of those, down to one

  LinearBackwardPieces(const ops::LinearBackward& op, std::byte* workspace)
      : pieces(workspace), w(op.w), dy(op.dy), dx(op.dx) {
    const DType operands = op.x.dtype;
    if (op.dx && operands != DType::kF32) {
      w = pieces.Take(operands, op.w.shape);
      dx = pieces.Take(DType::kF32, op.dx.shape);
    }
    if ((op.dx || op.dw) && operands != op.dy.dtype) dy = pieces.Take(operands, op.dy.shape);
    if (!op.db) return;
    for (int64_t rows = SumBlocks(op.rows); rows > 1; rows = SumBlocks(rows)) {
      sums.push_back(pieces.Take(DType::kF32, {rows, op.outputs}));
    }
    sums.push_back(op.db);
  }
};

}  // namespace

size_t Workspace(const ops::Linear& op) { return LinearPieces(op, nullptr).pieces.bytes(); }

void Run(const ops::Linear& op, const Context& context) {
  const LinearPieces pieces(op, context.workspace);
  if (pieces.w.data != op.w.data) Convert(pieces.w, op.w, context);
  const bool rounded = op.y.dtype == DType::kBF16;
  const int64_t outputs = op.outputs;
  const Elements y(op.y);
  const float* const b = op.b.f32();
  if (b != nullptr && !rounded) {
    ForEach(context, op.y.count(), [=] __device__(int64_t i) { y.Set(i, b[i % outputs]); });
  }
  context.blas->Multiply({.m = op.outputs,
                          .n = op.rows,
                          .k = op.inputs,
                          .operands = op.x.dtype,
                          .a = pieces.w.data,
                          .a_stride = op.outputs,
                          .b = op.x.data,
                          .b_stride = op.inputs,
                          .c = pieces.product.f32(),
                          .c_stride = op.outputs,
                          .beta = b != nullptr && !rounded ? 1.0f : 0.0f});
  if (!rounded) return;
  const float* const product = pieces.product.f32();
  ForEach(context, op.y.count(), [=] __device__(int64_t i) {
    y.Set(i, b != nullptr ? product[i] + b[i % outputs] : product[i]);
  });
}

size_t Workspace(const ops::LinearBackward& op) {
  return LinearBackwardPieces(op, nullptr).pieces.bytes();
}

void Run(const ops::LinearBackward& op, const Context& context) {
  const LinearBackwardPieces pieces(op, context.workspace);
  if (pieces.dy.data != op.dy.data) Convert(pieces.dy, op.dy, context);
  if (op.dx) {
    if (pieces.w.data != op.w.data) Convert(pieces.w, op.w, context);
    context.blas->Multiply({.m = op.inputs,
                            .n = op.rows,
                            .k = op.outputs,
                            .operands = op.x.dtype,
                            .a = pieces.w.data,
                            .a_stride = op.outputs,
                            .a_transposed = true,
                            .b = pieces.dy.data,
                            .b_stride = op.outputs,
                            .c = pieces.dx.f32(),
                            .c_stride = op.inputs});
    if (pieces.dx.data != op.dx.data) Convert(op.dx, pieces.dx, context);
  }
  if (op.dw) {
    context.blas->Multiply({.m = op.outputs,
                            .n = op.inputs,
                            .k = op.rows,
                            .operands = op.x.dtype,
                            .a = pieces.dy.data,
                            .a_stride = op.outputs,
                            .b = op.x.data,
                            .b_stride = op.inputs,
                            .b_transposed = true,
                            .c = op.dw.f32(),
                            .c_stride = op.outputs});
  }
  Tensor from = op.dy;
  int64_t rows = op.rows;
  for (const Tensor& to : pieces.sums) {
    const int64_t groups = (op.outputs + device::kWarp - 1) / device::kWarp;
    constexpr int kThreads = kSumWarps * device::kWarp;
    Launch(context, {SumBlocks(rows) * groups, kThreads, kThreads * sizeof(float)}, SumRows,
           Elements(from), rows, op.outputs, to.f32());
    from = to;
    rows = SumBlocks(rows);
  }
}

}  // namespace bnlstm::cuda
