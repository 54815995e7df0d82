#pragma once

#include "core/engine.h"
#include "cuda/context.h"
#include "ops/all.h"

/// The CUDA implementation of each op, in the file that has the op's name: it enqueues the op's work
/// on the context's stream and returns. What changes from step to step is read on the device, as
/// graphs replay the same arguments. The contracts are in native/ops.
namespace bnlstm::cuda {

void Run(const ops::BnLstm& op, const Context& context);
void Run(const ops::BnLstmBackward& op, const Context& context);
void Run(const ops::BnLstmPack& op, const Context& context);
OpSizes Sizes(const ops::BnLstm& op, const DeviceFacts& device);
OpSizes Sizes(const ops::BnLstmBackward& op, const DeviceFacts& device);
OpSizes Sizes(const ops::BnLstmPack& op);
/// Which plan serves the op, and why (cuda/bn_lstm_plan.h).
OpPlan Plan(const ops::BnLstm& op, const DeviceFacts& device);
OpPlan Plan(const ops::BnLstmBackward& op, const DeviceFacts& device);
/// Whether it enqueues on the context's second stream too.
bool Overlaps(const ops::BnLstm& op, const DeviceFacts& device);
bool Overlaps(const ops::BnLstmBackward& op, const DeviceFacts& device);

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

/// Bytes of workspace that an op needs while it runs, given no more than its operands' shapes.
size_t Workspace(const ops::Linear& op);
size_t Workspace(const ops::LinearBackward& op);
size_t Workspace(const ops::CrossEntropy& op);
size_t Workspace(const ops::MeanSquaredError& op);
size_t Workspace(const ops::GlobalNorm& op);
size_t Workspace(const ops::UpdateStatistics& op);

}  // namespace bnlstm::cuda
