#include "ops/counted_rows.h"

namespace bnlstm::ops {

int64_t CountedRows::ReadRows(const OpArguments& op, const Tensor& predictions) {
  const Shape& shape = predictions.shape;
  Assert(predictions.present && (shape.size() == 2 || shape.size() == 3),
         op.name + " needs predictions [N][C] or [T][B][C]");
  const int64_t width = shape.back();
  batch = shape[shape.size() - 2];
  rows = shape.size() == 3 ? shape[0] * shape[1] : shape[0];
  mask = op.Optional("mask", DType::kF32, op.Find("mask").shape);
  Assert(!mask || mask.count() == rows, op.name + ": the mask has another size");
  lengths = op.Optional("lengths", DType::kI32, {batch});
  return width;
}

}  // namespace bnlstm::ops
