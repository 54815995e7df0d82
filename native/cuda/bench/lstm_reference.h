#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

namespace bnlstm::cuda {

/// A plain LSTM in double, forward and all gradients: what cuDNN's results are held against, so that
/// nobody times a layer that was set up wrongly. Gates are in cuDNN's order i, f, g, o; x [T][B][D],
/// h and c [T+1][B][H], y and dy [T][B][H], w[q] [H][D], r[q] [H][H], b[q] [H].
struct LstmReference {
  using Values = std::vector<double>;
  size_t steps, batch, features, hidden;
  Values x, h0, c0, w[4], r[4], b[4], dy, dh_last, dc_last;  // given
  Values h, c, dx, dh0, dc0, dw[4], dr[4], db[4];            // results

  void Run() {
    const size_t state = batch * hidden;
    h = h0, c = c0;
    h.resize((steps + 1) * state), c.resize((steps + 1) * state);
    Values gate[4];
    for (Values& each : gate) each.resize(steps * state);
    for (size_t t = 0; t < steps; ++t) Forward(t, gate);
    dx.assign(steps * batch * features, 0);
    dh0 = dh_last, dc0 = dc_last;
    for (int q = 0; q < 4; ++q) {
      dw[q].assign(hidden * features, 0), dr[q].assign(hidden * hidden, 0);
      db[q].assign(hidden, 0);
    }
    for (size_t t = steps; t-- > 0;) Backward(t, gate);
  }

 private:
  void Forward(size_t t, Values (&gate)[4]) {
    const size_t state = batch * hidden;
    for (size_t n = 0; n < batch; ++n) {
      const double* const xt = &x[(t * batch + n) * features];
      const double* const ht = &h[t * state + n * hidden];
      for (size_t u = 0; u < hidden; ++u) {
        const size_t e = t * state + n * hidden + u;
        for (int q = 0; q < 4; ++q) {
          double a = b[q][u];
          for (size_t k = 0; k < features; ++k) a += w[q][u * features + k] * xt[k];
          for (size_t k = 0; k < hidden; ++k) a += r[q][u * hidden + k] * ht[k];
          gate[q][e] = q == 2 ? std::tanh(a) : 1 / (1 + std::exp(-a));
        }
        c[state + e] = gate[1][e] * c[e] + gate[0][e] * gate[2][e];
        h[state + e] = gate[3][e] * std::tanh(c[state + e]);
      }
    }
  }

  void Backward(size_t t, const Values (&gate)[4]) {
    const size_t state = batch * hidden;
    Values carried(state, 0);
    for (size_t n = 0; n < batch; ++n) {
      const double* const xt = &x[(t * batch + n) * features];
      const double* const ht = &h[t * state + n * hidden];
      double* const dxt = &dx[(t * batch + n) * features];
      for (size_t u = 0; u < hidden; ++u) {
        const size_t s = n * hidden + u, e = t * state + s;
        const double i = gate[0][e], f = gate[1][e], g = gate[2][e], o = gate[3][e];
        const double v = std::tanh(c[state + e]);
        const double dh = dh0[s] + dy[e], dc = dc0[s] + dh * o * (1 - v * v);
        const double da[4] = {dc * g * i * (1 - i), dc * c[e] * f * (1 - f), dc * i * (1 - g * g),
                              dh * v * o * (1 - o)};
        dc0[s] = dc * f;
        for (int q = 0; q < 4; ++q) {
          db[q][u] += da[q];
          for (size_t k = 0; k < features; ++k) {
            dw[q][u * features + k] += da[q] * xt[k];
            dxt[k] += da[q] * w[q][u * features + k];
          }
          for (size_t k = 0; k < hidden; ++k) {
            dr[q][u * hidden + k] += da[q] * ht[k];
            carried[n * hidden + k] += da[q] * r[q][u * hidden + k];
          }
        }
      }
    }
    dh0 = carried;
  }
};

}  // namespace bnlstm::cuda
