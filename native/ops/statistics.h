#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// A mean and a biased variance per time step of what the three normalisations of a BN-LSTM see.
struct BnLstmStatistics {
  Tensor recurrent_mean, recurrent_var, input_mean, input_var, cell_mean, cell_var;
};

}  // namespace bnlstm::ops
