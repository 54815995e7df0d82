#pragma once

#include <cstdint>

#include "cpu/simd/vector.h"

namespace bnlstm::cpu {

/// Which rows run at a step and which enter its statistics, as lane masks (all ones or zero).
/// Padding lanes are rows that neither run nor count.
struct Rows {
  const int32_t* running;
  const int32_t* counted;
  int64_t vectors;      // of kLanes rows
  float inverse_count;  // 1 / counted rows; 0 if there are none
};

/// One normalised column at one step: x_hat = (x - mean) r. The same for every row, or, where rows
/// stand at different steps of the population tables, given row by row.
struct Norm {
  float mean = 0, r = 1;
  const float* mean_rows = nullptr;
  const float* r_rows = nullptr;
};

/// What becomes of a state's previous value: kept by a zoneout mask, mixed in by `rate`, or neither.
struct Zoneout {
  const int32_t* keep = nullptr;
  float rate = 0;
};

/// The parameters of one hidden unit. Gates in the order f, i, o, g.
struct UnitParameters {
  float gamma_h[4], gamma_x[4], bias[4], gamma_c, beta_c;
};

/// Biased mean and variance of the counted rows of a column (docs/paper.md section 1.1). Two-pass,
/// the second about the first's rounded mean and corrected for it, so that a large mean costs no
/// digits of the variance. Equal rows give a variance of exactly 0 and that row as mean.
void BatchStatistics(const float* column, const Rows& rows, float* mean, float* var);

/// One unit at one step: gates, cell, cell statistics and output for the whole batch.
struct UnitForward {
  bool normalize, batch_statistics;
  float eps;
  Rows rows;
  UnitParameters p;
  int64_t stride;                     // floats between the four rows of a and of b
  float* a;                           // [4] rows: h_{t-1} Wh; with norm 'none' it becomes a + b
  const float* b;                     // [4] rows: x_t Wx
  Norm norm_a[4], norm_b[4], norm_c;  // norm_c is written with batch statistics
  float* cell_mean;                   // batch statistics of c, written
  float* cell_var;
  Zoneout zoneout_c, zoneout_h;
  const float* h_prev;
  const float* c_prev;
  float* c;  // may be c_prev
  float* h;
  float* gate_o;  // scratch, one row
};
void RunUnit(UnitForward& unit);

/// The same step backward. Recomputes the gates from a, b, c and the statistics.
struct UnitBackward {
  bool normalize, batch_statistics, sequence_inputs;
  Rows rows;
  UnitParameters p;
  int64_t stride;  // floats between the four rows of a, b, da and db
  const float* a;
  const float* b;
  const float* c;
  const float* c_prev;
  Norm norm_a[4], norm_b[4], norm_c;
  Zoneout zoneout_c, zoneout_h;
  float* dh;  // in: the whole gradient of h_t; out: what passes by this step to h_{t-1}
  float* dc;  // in: gradient of c_t from later steps; out: gradient of c_{t-1}
  float* da;  // [4] rows, out; db [4] rows: with sequence_inputs left at dP
  float* db;
  double* sums;  // running column sums over the steps, kUnitSums of them
};
/// Slots of UnitBackward::sums: db [4], dgamma_h [4], dgamma_x [4], dgamma_c, dbeta_c.
enum UnitSum {
  kSumBias = 0,
  kSumGammaH = 4,
  kSumGammaX = 8,
  kSumGammaC = 12,
  kSumBetaC,
  kUnitSums
};
void RunUnit(UnitBackward& unit);

/// dB of one step and column for statistics over the whole sequence: from dP in place, given the
/// column sums over all steps. `scale` is gamma r.
void NormalizeInputGradient(const float* b, const Norm& norm, const Rows& rows, float scale,
                            float sum_dp, float sum_dp_hat, float* dp);

}  // namespace bnlstm::cpu
