#include "cpu/gemm.h"
#include "cpu/kernels.h"

namespace bnlstm::cpu {

void Run(const ops::Linear& op, const Context& context) {
  Gemm(op.rows, op.outputs, op.inputs, {op.x.f32(), op.inputs, 1}, {op.w.f32(), op.outputs, 1},
       op.b.f32(), op.y.f32(), op.outputs, context);
}

void Run(const ops::LinearBackward& op, const Context& context) {
  const Matrix dy{op.dy.f32(), op.outputs, 1};
  if (op.dx) {
    Gemm(op.rows, op.inputs, op.outputs, dy, {op.w.f32(), 1, op.outputs}, nullptr, op.dx.f32(),
         op.inputs, context);
  }
  if (op.dw) {
    Gemm(op.inputs, op.outputs, op.rows, {op.x.f32(), 1, op.inputs}, dy, nullptr, op.dw.f32(),
         op.outputs, context);
  }
  if (op.db) {
    const float one = 1;  // a row of ones: strides of 0
    Gemm(1, op.outputs, op.rows, {&one, 0, 0}, dy, nullptr, op.db.f32(), op.outputs, context);
  }
}

}  // namespace bnlstm::cpu
