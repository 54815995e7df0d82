#include "ops/bn_lstm_pack.h"

#include "ops/blob.h"

namespace bnlstm::ops {

BnLstmPack::BnLstmPack(const OpArguments& op) {
  tokens = op.Flag("tokens");
  bf16 = IsBf16(op);
  const Tensor weights = op.Find("wh");
  Assert(weights.present && weights.shape.size() == 3, "bnLstmPack needs wh [R][H][4H]");
  directions = weights.shape[0];
  hidden = weights.shape[1];
  wh = op.Required("wh", DType::kF32, {directions, hidden, 4 * hidden});
  const Tensor input_weights = op.Find("wx");
  Assert(input_weights.present && input_weights.shape.size() == 3,
         "bnLstmPack needs wx [R][D][4H]");
  inputs = input_weights.shape[1];
  wx = op.Required("wx", DType::kF32, {directions, inputs, 4 * hidden});
  packed = Blob(op, "packed");
}

}  // namespace bnlstm::ops
