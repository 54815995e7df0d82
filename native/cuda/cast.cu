#include "cuda/convert.h"
#include "cuda/kernels.h"

namespace bnlstm::cuda {

void Run(const ops::Cast& op, const Context& context) { Convert(op.y, op.x, context); }

}  // namespace bnlstm::cuda
