#include "cpu/orthogonal.h"

#include <algorithm>

#include "core/thread_pool.h"
#include "cpu/gram_schmidt.h"
#include "cpu/parallel.h"
#include "cpu/simd/kernels.h"

namespace bnlstm::cpu {
namespace {

constexpr double kDraw = 100;  // operations, of one normal number

void DrawNormals(const Vectors& vectors, const Philox& random, const Context& context) {
  const int64_t length = vectors.length();
  ParallelFor(context, vectors.count(), kDraw * static_cast<double>(length), [&](Range range) {
    for (int64_t k = range.begin; k < range.end && !context.Cancelled(); ++k) {
      for (int64_t i = 0; i < length; ++i) {
        vectors.Row(k)[i] = random.Normal(static_cast<uint64_t>(k * length + i));
      }
    }
  });
}

void CopyRows(const Vectors& vectors, double scale, float* values, const Context& context) {
  const int64_t length = vectors.length();
  ParallelFor(context, vectors.count(), kMove * static_cast<double>(length), [&](Range range) {
    for (int64_t k = range.begin; k < range.end; ++k) {
      const double* const v = vectors.Row(k);
      for (int64_t i = 0; i < length; ++i) {
        values[k * length + i] = static_cast<float>(scale * v[i]);
      }
    }
  });
}

void CopyColumns(const Vectors& vectors, double scale, float* values, const Context& context) {
  constexpr int64_t kTogether = 16;  // elements of a vector: whole cache lines are read
  const int64_t count = vectors.count(), length = vectors.length();
  ParallelFor(context, length, kMove * static_cast<double>(count), [&](Range range) {
    for (int64_t begin = range.begin; begin < range.end; begin += kTogether) {
      const int64_t end = std::min(begin + kTogether, range.end);
      for (int64_t k = 0; k < count; ++k) {
        const double* const v = vectors.Row(k);
        for (int64_t i = begin; i < end; ++i) {
          values[i * count + k] = static_cast<float>(scale * v[i]);
        }
      }
    }
  });
}

}  // namespace

void FillOrthogonal(const Orthogonal& matrix, float* values, const RunContext& run) {
  const bool chosen = run.threads > 0;
  const int threads = chosen ? run.threads : ThreadPool::Available();
  const Context context{kKernels, threads, chosen, run.cancelled};
  const auto [count, length] = std::minmax(matrix.rows, matrix.columns);
  const Vectors vectors(count, length);
  DrawNormals(vectors, matrix.random, context);
  Orthonormalize(vectors, context);
  if (context.Cancelled()) return;
  if (matrix.rows <= matrix.columns) {
    CopyRows(vectors, matrix.scale, values, context);
  } else {
    CopyColumns(vectors, matrix.scale, values, context);
  }
}

}  // namespace bnlstm::cpu
