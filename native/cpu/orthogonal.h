#pragma once

#include <cstdint>

#include "core/engine.h"
#include "core/philox.h"

namespace bnlstm::cpu {

/// An orthogonal matrix to be drawn.
struct Orthogonal {
  int64_t rows = 0, columns = 0;
  double scale = 1;
  Philox random;
};

/// Fills values [rows][columns] with orthonormal rows (if it is wide) or columns (if it is tall),
/// times `scale`: Gram-Schmidt in f64 on a Gaussian matrix. Lengths are positive, as in a QR
/// factorisation with R's diagonal made positive, so the result is uniform over orthogonal matrices.
///
/// Not an op: initial weights are those of the seed on every device, so they are drawn here for all
/// of them, with the same bits on every machine and for any number of threads. Throws
/// std::bad_alloc; returns early, leaving anything in `values`, once it is cancelled.
void FillOrthogonal(const Orthogonal& matrix, float* values, const RunContext& run);

}  // namespace bnlstm::cpu
