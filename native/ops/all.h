#pragma once

#include "ops/accumulate_gradients.h"
#include "ops/adam.h"
#include "ops/add.h"
#include "ops/bn_lstm.h"
#include "ops/bn_lstm_pack.h"
#include "ops/carry_state.h"
#include "ops/cast.h"
#include "ops/commit_step.h"
#include "ops/concat.h"
#include "ops/cross_entropy.h"
#include "ops/dropout.h"
#include "ops/embedding.h"
#include "ops/fill.h"
#include "ops/global_norm.h"
#include "ops/keep_state.h"
#include "ops/last_step.h"
#include "ops/linear.h"
#include "ops/mean_squared_error.h"
#include "ops/rmsprop.h"
#include "ops/sgd.h"
#include "ops/update_statistics.h"

namespace bnlstm::ops {

/// Calls visit<Op>(name) for every op by its name: what engines make their tables of.
template <class Visit>
void ForEachOp(const Visit& visit) {
  visit.template operator()<AccumulateGradients>("accumulateGradients");
  visit.template operator()<Add>("add");
  visit.template operator()<Adam>("adam");
  visit.template operator()<AverageGradients>("averageGradients");
  visit.template operator()<BnLstm>("bnLstm");
  visit.template operator()<BnLstmBackward>("bnLstmBackward");
  visit.template operator()<BnLstmPack>("bnLstmPack");
  visit.template operator()<CarryState>("carryState");
  visit.template operator()<CarryStateBackward>("carryStateBackward");
  visit.template operator()<Cast>("cast");
  visit.template operator()<CommitStep>("commitStep");
  visit.template operator()<Concat>("concat");
  visit.template operator()<Concat>("concatBackward");
  visit.template operator()<CrossEntropy>("crossEntropy");
  visit.template operator()<CrossEntropyBackward>("crossEntropyBackward");
  visit.template operator()<Dropout>("dropout");
  visit.template operator()<Embedding>("embedding");
  visit.template operator()<EmbeddingBackward>("embeddingBackward");
  visit.template operator()<Fill>("fill");
  visit.template operator()<GlobalNorm>("globalNorm");
  visit.template operator()<KeepState>("keepState");
  visit.template operator()<LastStep>("lastStep");
  visit.template operator()<LastStepBackward>("lastStepBackward");
  visit.template operator()<Linear>("linear");
  visit.template operator()<LinearBackward>("linearBackward");
  visit.template operator()<MeanSquaredError>("meanSquaredError");
  visit.template operator()<MeanSquaredErrorBackward>("meanSquaredErrorBackward");
  visit.template operator()<RmsProp>("rmsprop");
  visit.template operator()<Sgd>("sgd");
  visit.template operator()<UpdateStatistics>("updateStatistics");
}

}  // namespace bnlstm::ops
