#pragma once

#include "cuda/device/elements.h"
#include "cuda/launch.h"

namespace bnlstm::cuda {

/// to = from, of one size: rounded to nearest even or widened where the types differ.
inline void Convert(const Tensor& to, const Tensor& from, const Context& context) {
  const Elements target(to), source(from);
  ForEach(context, to.count(), [=] __device__(int64_t i) { target.Set(i, source.Get(i)); });
}

}  // namespace bnlstm::cuda
