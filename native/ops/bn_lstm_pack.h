#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// Rearranges Wx [R][D][4H] and Wh [R][H][4H] into the engine's `packed` blob, rounded with `dtype`
/// 'bf16'. To be run whenever the weights have changed, before bnLstm and bnLstmBackward.
struct BnLstmPack {
  int64_t inputs = 0, hidden = 0, directions = 1;
  bool tokens = false;
  bool bf16 = false;  // dtype: 'f32' | 'bf16'
  Tensor wx, wh, packed;
  explicit BnLstmPack(const OpArguments& op);
};

}  // namespace bnlstm::ops
