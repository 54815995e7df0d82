#pragma once

#include "cpu/engine.h"
#include "ops/all.h"

/// The CPU's implementation of each op, in the file that has the op's name. The contracts are in
/// native/ops.
namespace bnlstm::cpu {

void Run(const ops::BnLstm& op, const Context& context);
void Run(const ops::BnLstmBackward& op, const Context& context);
void Run(const ops::BnLstmPack& op, const Context& context);
OpSizes Sizes(const ops::BnLstm& op, const Kernels& kernels);
OpSizes Sizes(const ops::BnLstmBackward& op, const Kernels& kernels);
OpSizes Sizes(const ops::BnLstmPack& op, const Kernels& kernels);

void Run(const ops::Linear& op, const Context& context);
void Run(const ops::LinearBackward& op, const Context& context);
void Run(const ops::Embedding& op, const Context& context);
void Run(const ops::EmbeddingBackward& op, const Context& context);
void Run(const ops::Concat& op, const Context& context);
void Run(const ops::LastStep& op, const Context& context);
void Run(const ops::LastStepBackward& op, const Context& context);
void Run(const ops::CarryState& op, const Context& context);
void Run(const ops::CarryStateBackward& op, const Context& context);
void Run(const ops::KeepState& op, const Context& context);
void Run(const ops::Dropout& op, const Context& context);
void Run(const ops::Add& op, const Context& context);
void Run(const ops::Cast& op, const Context& context);
void Run(const ops::Fill& op, const Context& context);

void Run(const ops::CrossEntropy& op, const Context& context);
void Run(const ops::CrossEntropyBackward& op, const Context& context);
void Run(const ops::MeanSquaredError& op, const Context& context);
void Run(const ops::MeanSquaredErrorBackward& op, const Context& context);

void Run(const ops::AccumulateGradients& op, const Context& context);
void Run(const ops::AverageGradients& op, const Context& context);
void Run(const ops::GlobalNorm& op, const Context& context);
void Run(const ops::Sgd& op, const Context& context);
void Run(const ops::RmsProp& op, const Context& context);
void Run(const ops::Adam& op, const Context& context);
void Run(const ops::CommitStep& op, const Context& context);
void Run(const ops::UpdateStatistics& op, const Context& context);

}  // namespace bnlstm::cpu
