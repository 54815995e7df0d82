#include "cuda/device/elements.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"

namespace bnlstm::cuda {

void Run(const ops::Concat& op, const Context& context) {
  const Elements whole(op.whole);
  const int64_t whole_width = op.width;
  const bool backward = op.backward;
  int64_t begin = 0;
  for (size_t k = 0; k < op.widths.size(); ++k) {
    const Elements part(op.parts[k]);
    const int64_t width = op.widths[k], column = begin;
    ForEach(context, op.parts[k].count(), [=] __device__(int64_t i) {
      const int64_t in_whole = i / width * whole_width + column + i % width;
      if (backward) {
        part.Set(i, whole.Get(in_whole));
      } else {
        whole.Set(in_whole, part.Get(i));
      }
    });
    begin += width;
  }
}

}  // namespace bnlstm::cuda
