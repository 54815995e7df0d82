#include "cuda/device/elements.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"

namespace bnlstm::cuda {
namespace {

/// Where the last steps of the rows lie in a sequence [T][B][D].
struct LastSteps {
  const int32_t* lengths;  // null if there are none
  int64_t steps, batch;

  template <class Op>
  explicit LastSteps(const Op& op) : lengths(op.lengths.i32()), steps(op.steps), batch(op.batch) {}
  __device__ int64_t Of(int64_t row) const {
    return (lengths != nullptr ? lengths[row] : steps) - 1;
  }
};

}  // namespace

void Run(const ops::LastStep& op, const Context& context) {
  const Elements x(op.x), y(op.y);
  const LastSteps last(op);
  const int64_t width = op.width;
  ForEach(context, op.y.count(), [=] __device__(int64_t i) {
    y.Set(i, x.Get(last.Of(i / width) * last.batch * width + i));
  });
}

void Run(const ops::LastStepBackward& op, const Context& context) {
  const Elements dy(op.dy), dx(op.dx);
  const LastSteps last(op);
  const int64_t width = op.width, step_size = op.batch * op.width;
  ForEach(context, op.dx.count(), [=] __device__(int64_t i) {
    const int64_t step = i / step_size, in_step = i % step_size;
    dx.Set(i, step == last.Of(in_step / width) ? dy.Get(in_step) : 0.0f);
  });
}

}  // namespace bnlstm::cuda
