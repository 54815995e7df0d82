#include "cuda/device/elements.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"

namespace bnlstm::cuda {

void Run(const ops::Add& op, const Context& context) {
  const Elements a(op.a), b(op.b), y(op.y);
  ForEach(context, op.y.count(), [=] __device__(int64_t i) { y.Set(i, a.Get(i) + b.Get(i)); });
}

}  // namespace bnlstm::cuda
