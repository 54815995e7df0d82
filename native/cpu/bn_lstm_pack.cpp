#include "core/thread_pool.h"
#include "cpu/bn_lstm_layout.h"
#include "cpu/kernels.h"

namespace bnlstm::cpu {
namespace {

/// out[4H][4] of panel p: rows 4p .. 4p+3 of w [rows][4H], zero beyond the last, with the columns
/// in the order [unit][gate].
void PackPanel(const float* w, int64_t rows, int64_t hidden, int64_t p, float* out) {
  for (int64_t j = 0; j < hidden; ++j)
    for (int64_t g = 0; g < 4; ++g)
      for (int64_t q = 0; q < kPanel; ++q) {
        const int64_t row = p * kPanel + q;
        *out++ = row < rows ? w[row * 4 * hidden + g * hidden + j] : 0.0f;
      }
}

/// out[rows][4] of unit j: its four gate columns of w [rows][4H].
void PackUnit(const float* w, int64_t rows, int64_t hidden, int64_t j, float* out) {
  for (int64_t k = 0; k < rows; ++k)
    for (int64_t g = 0; g < 4; ++g) *out++ = w[(k * 4 + g) * hidden + j];
}

}  // namespace

OpSizes Sizes(const ops::BnLstmPack& op) {
  return {.packed = static_cast<size_t>(BnLstmLayout(op).packed()) * sizeof(float)};
}

void Run(const ops::BnLstmPack& op, const Context& context) {
  const BnLstmLayout at(op);
  float* packed = op.packed.f32();
  const double moved = 8.0 * static_cast<double>(at.packed());
  ThreadPool::Shared().Run(context.ThreadsFor(moved), [&](Team& team) {
    const Range units = Share(at.H, team), h_panels = Share(at.h_panels, team),
                d_panels = Share(at.d_panels, team);
    for (int64_t r = 0; r < at.R; ++r) {
      const float* wx = op.wx.f32() + r * at.D * 4 * at.H;
      const float* wh = op.wh.f32() + r * at.H * 4 * at.H;
      for (int64_t j = units.begin; j < units.end; ++j) {
        PackUnit(wh, at.H, at.H, j, packed + at.wh_unit(r, j));
        PackUnit(wx, at.D, at.H, j, packed + at.wx_unit(r, j));
      }
      for (int64_t p = h_panels.begin; p < h_panels.end; ++p)
        PackPanel(wh, at.H, at.H, p, packed + at.wh_panel(r, p));
      for (int64_t p = d_panels.begin; p < d_panels.end && !at.tokens; ++p)
        PackPanel(wx, at.D, at.H, p, packed + at.wx_panel(r, p));
    }
  });
}

}  // namespace bnlstm::cpu
