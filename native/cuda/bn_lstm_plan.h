#pragma once

#include <cstddef>
#include <string>

#include "cuda/bn_lstm_layout.h"
#include "cuda/device_facts.h"
#include "cuda/split.h"
#include "ops/bn_lstm.h"

namespace bnlstm::cuda {

// Which plan serves a BN-LSTM:
//
//     steps       for each step a product of cuBLAS and a kernel: any shape, any dtype
//     persistent  one launch for many steps, the weights in registers
//     overlapped  the same for fewer steps, on a stream of their own: what goes before and after a run of
//                 steps (products, turns, statistics of x Wx) is done beside the steps of other runs
//
// The choice is a function of the op and of the device, so that it can be told before anything runs.
// `steps` and `persistent` lay out what is saved in the same way: forward and backward may have different
// ones.

struct BnLstmChoice {
  bool persistent = false;
  bool together = false;  // two directions in one launch: the GPU holds the blocks of both
  bool overlaps = false;  // what cuda/overlap.h says; not where all is one run, or runs again
  PersistentPass pass;    // of the persistent plan
  std::string name, why;  // words for users

  /// Runs whose memory is in use at the same time.
  int64_t runs_at_once() const { return overlaps ? 2 : 1; }
};

/// Of a pass. Throws kUnsupported where the op asks for a plan that does not serve it.
BnLstmChoice ChooseForward(const ops::BnLstmOperands& op, const DeviceFacts& device);
BnLstmChoice ChooseBackward(const ops::BnLstmOperands& op, const DeviceFacts& device);

/// Bytes of the packed weights of a pass; 0 where the plan needs none.
size_t PackedBytes(const BnLstmChoice& choice, size_t value_bytes);

/// Bytes of the exchange of one run; 0 where the plan needs none. It begins with what groups add up.
size_t ExchangeBytes(const BnLstmChoice& choice, const BnLstmLayout& at);

}  // namespace bnlstm::cuda
