#pragma once

#include "core/op.h"
#include "ops/statistics.h"

namespace bnlstm::ops {

/// Which of an engine's ways serves a BN-LSTM: each step by launches of its own; many steps by one; or so,
/// with what goes before and after other steps beside them.
enum class BnLstmPlan { kAuto, kSteps, kPersistent, kOverlapped };

/// The batch-normalised LSTM over a whole sequence, one or two directions (Cooijmans et al. 2016,
/// eq. 6-8). Gate blocks of every 4H axis are in the paper's order f, i, o, g.
///
///     a = h_{t-1} Wh     p = gammaH BN(a) + gammaX BN(x_t Wx) + b
///     c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g)
///     h_t = sigmoid(o) tanh(gammaC BN(c_t) + betaC)
///
/// With `norm: 'none'` every BN is the identity and the gammas are absent: the plain LSTM, with the
/// authors' betaC where it is given.
///
/// T steps, B rows, D input size (or V vocabulary), H hidden size, R directions. Direction 1 runs
/// backwards over the unpadded part: at its step s, row n reads x[len-1-s] for s < len and x[s]
/// beyond; its outputs are put back in the order of x. Statistics are indexed by s.
///
/// Operands shared by `bnLstm` and `bnLstmBackward`:
///   x [T][B][D], or tokens [T][B] i32 (a gather of rows of Wx; every id in [0, V))
///   packed             u8, as bnLstmPack left it with the same `dtype`
///   b [R][4H], gammaX [R][4H], gammaH [R][4H], gammaC [R][H], betaC [R][H] (optional with 'none')
///   h0, c0             [R*H] (`initialState: 'learned'`, repeated over the rows) or
///                      [B][R*H] (`'rows'`)
///   lengths [B] i32    optional, 0 <= length <= T: a row that has ended keeps its h and c
///   firstStep [B] i32  optional (absent: 0), not negative: population statistics of row n at step s are those of
///                      table row min(firstStep[n] + s, S-1)
///   attempt [1] i32    the attempted training step, if `noise` or sampled zoneout is used
///   Statistics, a mean and a biased variance each: recurrentMean, recurrentVar, inputMean,
///   inputVar [R][S][4H], cellMean, cellVar [R][S][H]; with `inputStatistics: 'sequence'`
///   inputMean and inputVar are [R][1][4H].
///     statistics 'batch': outputs of the forward op, S = T; where no row runs, mean = var = 0.
///     statistics 'population': inputs, S = rows of the tables; constants in backward.
///
/// Forward writes (each but `saved` and `scratch` optional):
///   y [T][B][R*H], hT [B][R*H], cT [B][R*H], cAll [T][B][R*H] (not differentiable)
///   saved u8 (its absence tells that no backward follows), scratch u8
///
/// Backward reads saved and dy, dhT, dcT (any may be absent: zero), and writes:
///   dwx [R][D][4H], dwh [R][H][4H], db, dgammaX, dgammaH, dgammaC, dbetaC (as the parameters),
///   dh0, dc0 (as h0, c0), dx [T][B][D] (optional; zero in padding with 'valid'), scratch u8.
///   All are overwritten, never added to. dh0 and dc0 are gradients of h0 before noise.
///
/// `dtype` 'f32' (default) or 'bf16' is the type of x, y, hT, dx, dy and dhT; every other operand is
/// f32. In a bf16 model these are rounded, to nearest even, and nothing else is:
///   Wx and Wh when they are packed; h0 after noise; h_t after zoneout and freezing, which the next
///   step (as operand and as previous value), y and hT then see; what is kept of a and x Wx for
///   backward (the normalised values; with norm 'none' their sum without b), from which backward
///   recomputes the gates and takes x_hat; dA and dB as operands of the products for dh, dx, dWh and
///   dWx, not in db and the dgammas; dx once, directions summed. Products accumulate in f32. Below
/// 1.2e-38 (denormals) engines may round to zero.
///
/// `recompute` steps to a chunk (default 0: everything is kept): `saved` holds h and c before each
/// chunk, and backward runs each chunk's steps again. The engine may take longer chunks than asked.
/// The same bits in less memory and, by one forward pass more, more time.
///
/// `recomputeInputs` (default false): `saved` leaves out what is kept of x Wx, which backward multiplies
/// and normalises again; the same bits. It asks for nothing more where steps run again, nor with norm
/// 'none', where only the sum of both products is kept. An engine may keep more than asked.
///
/// `plan` 'auto' (default), 'steps', 'persistent' or 'overlapped': which of the engine's ways must serve
/// the op, the same for forward and backward, since `saved` is the plan's. 'auto' is the engine's choice.
/// Where the engine has no such way, or it does not serve the op's shape, Sizes, Plan and Compile throw
/// kUnsupported and tell what there is. Plans may differ in their last bits.
///
/// Rows that have ended: `lengthStatistics: 'valid'` leaves them out of the statistics, 'all' keeps
/// them in (the authors' Attentive Reader). inputStatistics 'sequence' always leaves padding out.
/// With 'valid' the padding of x is never read into a result. With one running row its normalised
/// values are 0.
///
/// Randomness (Philox; stream = stream option + 0 noise, 1 zoneoutC, 2 zoneoutH): `noise` adds
/// noise * Normal(n*R*H + r*H + j) to h0 of row n. Zoneout (Krueger et al. 2017) keeps the previous
/// value where Uniform((t*B + n)*R*H + r*H + j) < rate, t being the direction's step s: c_t first,
/// so that BN and h see the kept c_t; then h_t. `zoneout: 'expect'` mixes with weight `rate`
/// instead. Ended rows are frozen after zoneout.
///
/// Inputs and outputs never alias.
struct BnLstmShape {
  int64_t steps = 0, batch = 0, inputs = 0, hidden = 0, directions = 1, table_steps = 0;
  bool tokens = false;
  bool normalize = true;         // norm: 'batch' | 'none'
  bool population = false;       // statistics: 'batch' | 'population'
  bool sequence_inputs = false;  // inputStatistics: 'step' | 'sequence'
  bool valid_rows = true;        // lengthStatistics: 'valid' | 'all'
  bool learned_state = true;     // initialState: 'learned' | 'rows'
  bool sample_zoneout = false;   // zoneout: 'sample' | 'expect'
  bool bf16 = false;             // dtype: 'f32' | 'bf16'
  int64_t recompute = 0;         // steps of a chunk that backward runs again; 0: keep everything
  bool recompute_inputs = false;
  BnLstmPlan plan = BnLstmPlan::kAuto;
  float eps = 1e-5f, noise = 0, zoneout_c = 0, zoneout_h = 0;
  uint64_t seed = 0;  // seedLow + 2^32 seedHigh
  uint32_t stream = 0;

  explicit BnLstmShape(const OpArguments& op);
};

struct BnLstmOperands : BnLstmShape {
  Tensor x, tokens_in, packed, b, gamma_x, gamma_h, gamma_c, beta_c, h0, c0, lengths, first_step,
      attempt;
  BnLstmStatistics stats;

  explicit BnLstmOperands(const OpArguments& op);
};

struct BnLstm : BnLstmOperands {
  Tensor y, h_last, c_last, c_all, saved, scratch;
  explicit BnLstm(const OpArguments& op);
};

struct BnLstmBackward : BnLstmOperands {
  Tensor saved, dy, dh_last, dc_last;
  Tensor dwx, dwh, db, dgamma_x, dgamma_h, dgamma_c, dbeta_c, dh0, dc0, dx, scratch;
  explicit BnLstmBackward(const OpArguments& op);
};

}  // namespace bnlstm::ops
