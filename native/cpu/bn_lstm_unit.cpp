// The arithmetic of one hidden unit at one step, the whole batch in vector lanes: docs/paper.md
// sections 1.1 and 1.2 line by line. Every reduction over the batch ends here; nothing crosses
// units.
#include "cpu/bn_lstm_unit.h"

#include <cmath>

#include "cpu/simd/clones.h"

namespace bnlstm::cpu {
namespace {

BNLSTM_INLINE Vec Hat(const Norm& norm, int64_t v, Vec x) {
  if (norm.mean_rows)
    return (x - Load(norm.mean_rows + v * kLanes)) * Load(norm.r_rows + v * kLanes);
  return (x - Splat(norm.mean)) * Splat(norm.r);
}

BNLSTM_INLINE Vec Scale(const Norm& norm, int64_t v) {
  return norm.mean_rows ? Load(norm.r_rows + v * kLanes) : Splat(norm.r);
}

/// The state after zoneout and after freezing the rows that have ended.
BNLSTM_INLINE Vec Settle(const Zoneout& zoneout, const Rows& rows, int64_t v, Vec previous,
                         Vec next) {
  if (zoneout.keep)
    next = Select(Load(zoneout.keep + v * kLanes), previous, next);
  else if (zoneout.rate != 0)
    next = previous * zoneout.rate + next * (1.0f - zoneout.rate);
  return Select(Load(rows.running + v * kLanes), next, previous);
}

/// Splits a state's gradient: returns what reaches the new value, leaves in `gradient` what passes
/// to the previous one.
BNLSTM_INLINE Vec Unsettle(const Zoneout& zoneout, const Rows& rows, int64_t v, Vec& gradient) {
  const IVec running = Load(rows.running + v * kLanes);
  Vec fresh = Keep(running, gradient);
  Vec past = Keep(~running, gradient);
  if (zoneout.keep) {
    const IVec keep = Load(zoneout.keep + v * kLanes);
    past += Keep(keep, fresh);
    fresh = Keep(~keep, fresh);
  } else if (zoneout.rate != 0) {
    past += fresh * zoneout.rate;
    fresh = fresh * (1.0f - zoneout.rate);
  }
  gradient = past;
  return fresh;
}

BNLSTM_INLINE void Statistics(const float* column, const Rows& rows, float* mean, float* var) {
  Vec sum = Splat(0);
  for (int64_t v = 0; v < rows.vectors; ++v)
    sum += Keep(Load(rows.counted + v * kLanes), Load(column + v * kLanes));
  const float first = Sum(sum) * rows.inverse_count;
  Vec rest = Splat(0), squares = Splat(0);
  for (int64_t v = 0; v < rows.vectors; ++v) {
    const Vec d = Keep(Load(rows.counted + v * kLanes), Load(column + v * kLanes) - Splat(first));
    rest += d;
    squares += d * d;
  }
  const float shift = Sum(rest) * rows.inverse_count;
  const float spread = Sum(squares) * rows.inverse_count - shift * shift;
  *mean = first + shift;
  *var = spread < 0 ? 0 : spread;  // a NaN stays
}

/// Pre-activation p of gate g.
template <class Unit>
BNLSTM_INLINE Vec PreActivation(const Unit& u, int g, int64_t v) {
  const Vec a = Load(u.a + g * u.stride + v * kLanes);
  if (!u.normalize) return a + Splat(u.p.bias[g]);
  const Vec b = Load(u.b + g * u.stride + v * kLanes);
  return Hat(u.norm_a[g], v, a) * u.p.gamma_h[g] + Hat(u.norm_b[g], v, b) * u.p.gamma_x[g] +
         Splat(u.p.bias[g]);
}

}  // namespace

BNLSTM_CLONES void BatchStatistics(const float* column, const Rows& rows, float* mean, float* var) {
  Statistics(column, rows, mean, var);
}

BNLSTM_CLONES void RunUnit(UnitForward& u) {
  for (int64_t v = 0; v < u.rows.vectors; ++v) {
    if (!u.normalize)
      for (int g = 0; g < 4; ++g) {
        float* a = u.a + g * u.stride + v * kLanes;
        Store(a, Load(a) + Load(u.b + g * u.stride + v * kLanes));
      }
    const Vec f = Sigmoid(PreActivation(u, 0, v)), i = Sigmoid(PreActivation(u, 1, v));
    const Vec o = Sigmoid(PreActivation(u, 2, v)), g = Tanh(PreActivation(u, 3, v));
    const Vec previous = Load(u.c_prev + v * kLanes);
    Store(u.c + v * kLanes, Settle(u.zoneout_c, u.rows, v, previous, f * previous + i * g));
    Store(u.gate_o + v * kLanes, o);
  }
  if (u.normalize && u.batch_statistics) {
    Statistics(u.c, u.rows, u.cell_mean, u.cell_var);
    u.norm_c.mean = *u.cell_mean;
    u.norm_c.r = 1.0f / std::sqrt(*u.cell_var + u.eps);
  }
  for (int64_t v = 0; v < u.rows.vectors; ++v) {
    const Vec c = Load(u.c + v * kLanes);
    const Vec z = (u.normalize ? Hat(u.norm_c, v, c) * u.p.gamma_c : c) + Splat(u.p.beta_c);
    const Vec h = Load(u.gate_o + v * kLanes) * Tanh(z);
    Store(u.h + v * kLanes, Settle(u.zoneout_h, u.rows, v, Load(u.h_prev + v * kLanes), h));
  }
}

BNLSTM_CLONES void RunUnit(UnitBackward& u) {
  const bool through = u.normalize && u.batch_statistics;  // gradients flow through statistics
  // docs/paper.md section 1.2, steps 1-3. The rows f and o of da hold dz and dP_o until later.
  Vec c0 = Splat(0), c1 = Splat(0);
  for (int64_t v = 0; v < u.rows.vectors; ++v) {
    Vec dh = Load(u.dh + v * kLanes);
    const Vec fresh = Unsettle(u.zoneout_h, u.rows, v, dh);
    Store(u.dh + v * kLanes, dh);
    const Vec c = Load(u.c + v * kLanes);
    const Vec hat = u.normalize ? Hat(u.norm_c, v, c) : c;
    const Vec y = Tanh((u.normalize ? hat * u.p.gamma_c : hat) + Splat(u.p.beta_c));
    const Vec o = Sigmoid(PreActivation(u, 2, v));
    const Vec dz = Keep(Load(u.rows.running + v * kLanes), fresh * o * (1.0f - y * y));
    const Vec d_o = Keep(Load(u.rows.running + v * kLanes), fresh * y * o * (1.0f - o));
    c0 += dz;
    c1 += dz * hat;
    Store(u.da + v * kLanes, dz);
    Store(u.da + 2 * u.stride + v * kLanes, d_o);
  }
  const float sum_dz = Sum(c0), sum_dz_hat = Sum(c1);
  u.sums[kSumBetaC] += sum_dz;
  u.sums[kSumGammaC] += sum_dz_hat;
  // Steps 4-6.
  const float part0 = through ? sum_dz * u.rows.inverse_count : 0;
  const float part1 = through ? sum_dz_hat * u.rows.inverse_count : 0;
  Vec s0[4], s1h[4], s1x[4];
  for (int g = 0; g < 4; ++g) s0[g] = s1h[g] = s1x[g] = Splat(0);
  for (int64_t v = 0; v < u.rows.vectors; ++v) {
    const IVec running = Load(u.rows.running + v * kLanes);
    const IVec counted = Load(u.rows.counted + v * kLanes);
    const Vec dz = Load(u.da + v * kLanes);
    Vec dc = Load(u.dc + v * kLanes);
    if (u.normalize) {
      Vec inner = dz;
      if (through) inner -= Keep(counted, part0 + Hat(u.norm_c, v, Load(u.c + v * kLanes)) * part1);
      dc += inner * Scale(u.norm_c, v) * u.p.gamma_c;
    } else {
      dc += dz;
    }
    const Vec fresh = Unsettle(u.zoneout_c, u.rows, v, dc);
    const Vec f = Sigmoid(PreActivation(u, 0, v)), i = Sigmoid(PreActivation(u, 1, v));
    const Vec g = Tanh(PreActivation(u, 3, v));
    dc += Keep(running, fresh * f);
    Store(u.dc + v * kLanes, dc);
    const Vec previous = Load(u.c_prev + v * kLanes);
    const Vec dp[4] = {
        Keep(running, fresh * previous * f * (1.0f - f)), Keep(running, fresh * g * i * (1.0f - i)),
        Load(u.da + 2 * u.stride + v * kLanes), Keep(running, fresh * i * (1.0f - g * g))};
    for (int gate = 0; gate < 4; ++gate) {
      const int64_t at = gate * u.stride + v * kLanes;
      Store(u.da + at, dp[gate]);
      s0[gate] += dp[gate];
      if (!u.normalize) continue;
      s1h[gate] += dp[gate] * Hat(u.norm_a[gate], v, Load(u.a + at));
      s1x[gate] += Keep(running, dp[gate] * Hat(u.norm_b[gate], v, Load(u.b + at)));
    }
  }
  // Step 7.
  for (int gate = 0; gate < 4; ++gate) {
    const float sum0 = Sum(s0[gate]), sum1h = Sum(s1h[gate]), sum1x = Sum(s1x[gate]);
    u.sums[kSumBias + gate] += sum0;
    u.sums[kSumGammaH + gate] += sum1h;
    u.sums[kSumGammaX + gate] += sum1x;
    const float n = through ? u.rows.inverse_count : 0;
    const Vec mean0 = Splat(sum0 * n), mean1h = Splat(sum1h * n), mean1x = Splat(sum1x * n);
    for (int64_t v = 0; v < u.rows.vectors; ++v) {
      const int64_t at = gate * u.stride + v * kLanes;
      const IVec counted = Load(u.rows.counted + v * kLanes);
      const Vec dp = Load(u.da + at);
      if (!u.normalize) {
        Store(u.db + at, dp);
        continue;
      }
      const Norm &a = u.norm_a[gate], &b = u.norm_b[gate];
      const Vec from_a = mean0 + Hat(a, v, Load(u.a + at)) * mean1h;
      Store(u.da + at, (dp - Keep(counted, from_a)) * Scale(a, v) * u.p.gamma_h[gate]);
      if (u.sequence_inputs) {
        Store(u.db + at, dp);
        continue;
      }
      const Vec from_b = mean0 + Hat(b, v, Load(u.b + at)) * mean1x;
      Store(u.db + at, (dp - Keep(counted, from_b)) * Scale(b, v) * u.p.gamma_x[gate]);
    }
  }
}

BNLSTM_CLONES void NormalizeInputGradient(const float* b, const Norm& norm, const Rows& rows,
                                          float scale, float sum_dp, float sum_dp_hat, float* dp) {
  const Vec mean0 = Splat(sum_dp * rows.inverse_count);
  const Vec mean1 = Splat(sum_dp_hat * rows.inverse_count);
  for (int64_t v = 0; v < rows.vectors; ++v) {
    const Vec through = mean0 + Hat(norm, v, Load(b + v * kLanes)) * mean1;
    const Vec inner = Load(dp + v * kLanes) - Keep(Load(rows.running + v * kLanes), through);
    Store(dp + v * kLanes, inner * scale);
  }
}

}  // namespace bnlstm::cpu
