#include "cpu/gemm.h"
#include "cpu/kernels.h"

namespace bnlstm::cpu {
namespace {

/// A tensor [rows][columns], as it lies or transposed.
Matrix AsMatrix(const Tensor& tensor, int64_t columns) {
  return {tensor.data, columns, 1, tensor.dtype};
}
Matrix Transposed(const Tensor& tensor, int64_t columns) {
  return {tensor.data, 1, columns, tensor.dtype};
}
MatrixResult AsResult(const Tensor& tensor, int64_t columns) {
  return {tensor.data, columns, tensor.dtype};
}

}  // namespace

void Run(const ops::Linear& op, const Context& context) {
  const bool rounded = op.x.dtype == DType::kBF16;
  Gemm(op.rows, op.outputs, op.inputs, AsMatrix(op.x, op.inputs), AsMatrix(op.w, op.outputs),
       op.b.f32(), AsResult(op.y, op.outputs), rounded, context);
}

void Run(const ops::LinearBackward& op, const Context& context) {
  const bool rounded = op.x.dtype == DType::kBF16;
  const Matrix dy = AsMatrix(op.dy, op.outputs);
  if (op.dx) {
    Gemm(op.rows, op.inputs, op.outputs, dy, Transposed(op.w, op.outputs), nullptr,
         AsResult(op.dx, op.inputs), rounded, context);
  }
  if (op.dw) {
    Gemm(op.inputs, op.outputs, op.rows, Transposed(op.x, op.inputs), dy, nullptr,
         AsResult(op.dw, op.outputs), rounded, context);
  }
  if (op.db) {
    const float one = 1;  // a row of ones: strides of 0
    Gemm(1, op.outputs, op.rows, {&one, 0, 0}, dy, nullptr, AsResult(op.db, op.outputs), false,
         context);
  }
}

}  // namespace bnlstm::cpu
