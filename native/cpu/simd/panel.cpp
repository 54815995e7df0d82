#include "cpu/simd/panel.h"

#include "cpu/simd/clones.h"

namespace bnlstm::cpu {
namespace {

template <int kVectors>
BNLSTM_INLINE void Tile(int64_t depth, const float* w, const float* x, int64_t ldx, float* acc,
                        int64_t ldacc) {
  Vec sum[kPanel][kVectors];
  for (int g = 0; g < kPanel; ++g)
    for (int v = 0; v < kVectors; ++v) sum[g][v] = Load(acc + g * ldacc + v * kLanes);
  for (int64_t k = 0; k < depth; ++k, w += kPanel, x += ldx) {
    Vec lanes[kVectors];
    for (int v = 0; v < kVectors; ++v) lanes[v] = Load(x + v * kLanes);
    for (int g = 0; g < kPanel; ++g) {
      const Vec weight = Splat(w[g]);
      for (int v = 0; v < kVectors; ++v) sum[g][v] += weight * lanes[v];
    }
  }
  for (int g = 0; g < kPanel; ++g)
    for (int v = 0; v < kVectors; ++v) Store(acc + g * ldacc + v * kLanes, sum[g][v]);
}

}  // namespace

BNLSTM_CLONES void MultiplyPanel(int64_t depth, const float* w, const float* x, int64_t ldx,
                                 int64_t width, float* acc, int64_t ldacc) {
  // Twelve sums, three activations and a weight fill the sixteen registers of AVX2.
  constexpr int kTile = 3;
  int64_t n = 0;
  for (; n + kTile * kLanes <= width; n += kTile * kLanes)
    Tile<kTile>(depth, w, x + n, ldx, acc + n, ldacc);
  if (n + 2 * kLanes <= width) {
    Tile<2>(depth, w, x + n, ldx, acc + n, ldacc);
    n += 2 * kLanes;
  }
  if (n < width) Tile<1>(depth, w, x + n, ldx, acc + n, ldacc);
}

}  // namespace bnlstm::cpu
