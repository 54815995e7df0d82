#pragma once

#include <cstdint>

namespace bnlstm::cpu {

// A block is as many hidden units as a vector has lanes (the last one of a layer perhaps half as
// many): L of them. Whoever owns a block computes its units for the whole batch, so every batch
// statistic is local. Tensors of a block have a row of the batch after the other, [B][4][L] with
// gates in the order f, i, o, g, or [B][L]. Lanes beyond the hidden size compute zeros.

/// Rows of the parameters of a block, [kParameters][L]; zero in lanes beyond the hidden size and
/// with norm 'none' where they are absent.
enum Parameter { kGammaH = 0, kGammaX = 4, kBias = 8, kGammaC = 12, kBetaC, kParameters };

/// Rows of the statistics of a block at one step, [kStatistics][L]: means and biased variances.
enum Statistic { kMeanH = 0, kVarH = 4, kMeanX = 8, kVarX = 12, kMeanC = 16, kVarC, kStatistics };

/// Rows of the sums that backward keeps of a block over all steps, [kSums][L] doubles.
enum Sum { kSumBias = 0, kSumGammaH = 4, kSumGammaX = 8, kSumGammaC = 12, kSumBetaC, kSums };

/// Which rows of the batch run at a step and which enter its statistics: 1 or 0 each; null: all.
struct Rows {
  int64_t count = 0;
  const uint8_t* running = nullptr;
  const uint8_t* counted = nullptr;
  float inverse_count = 0;  // 1 / counted rows; 0 if there are none
};

/// Statistics to normalise with: the same for every row (row_stride 0), or row by row.
struct BlockStatistics {
  const float* values = nullptr;
  int64_t row_stride = 0;
};

/// What becomes of a state's previous value: kept where `keep` [B][L] has all bits set, mixed in by
/// `rate`, or neither.
struct Zoneout {
  const int32_t* keep = nullptr;
  float rate = 0;
};

/// Biased mean and variance of the counted rows of the columns of a tensor (docs/paper.md section
/// 1.1), `vectors` vectors of lanes side by side. Two-pass: the mean by differences to one of the
/// rows, then the variance about that mean, corrected for its rounding, so that a large mean costs no
/// digits of the variance. Equal rows give a variance of exactly 0 and that row as mean.
struct BlockMeasure {
  Rows rows;
  const float* values = nullptr;  // [B][vectors L], vectors is 1 or 4
  int vectors = 4;
  bool half = false;
  float* mean = nullptr;  // [vectors][L]
  float* var = nullptr;
};

/// One block at one step: gates, cell, cell statistics and output for the whole batch.
///
/// "Values" have the type of the model: f32; or bf16, in the form that the set's products read:
/// bf16 itself, or f32 that were rounded.
struct BlockForward {
  bool normalize = true, measure_cell = false, half = false;
  float eps = 0;
  Rows rows;
  const float* parameters = nullptr;
  BlockStatistics statistics;
  float* cell_statistics = nullptr;  // [2][L] mean and var, written if measure_cell
  const float* a = nullptr;          // h_{t-1} Wh
  const float* b = nullptr;          // x_t Wx
  Zoneout zoneout_c, zoneout_h;
  const float* c_prev = nullptr;
  float* c = nullptr;            // may be c_prev
  const void* h_prev = nullptr;  // values, rows h_stride apart
  void* h = nullptr;
  int64_t h_stride = 0;
  void* y = nullptr;  // another place for h, f32 or bf16, rows y_stride values apart; or null
  int64_t y_stride = 0;
  /// For backward, f32 or bf16 (then not rounded f32): the normalised a and b; with norm 'none'
  /// their sum in kept_a. Null: not wanted.
  void* kept_a = nullptr;
  void* kept_b = nullptr;
  float* gate_o = nullptr;  // scratch [B][L]
};

/// The same step backward (docs/paper.md section 1.2), from what forward kept.
struct BlockBackward {
  bool normalize = true, through = false, half = false;  // through: gradients of the statistics
  float eps = 0;
  Rows rows;
  const float* parameters = nullptr;
  BlockStatistics statistics;
  const void* kept_a = nullptr;
  const void* kept_b = nullptr;
  const float* c = nullptr;
  const float* c_prev = nullptr;
  Zoneout zoneout_c, zoneout_h;
  const void* dy = nullptr;  // f32 or bf16, rows dy_stride values apart; or null
  int64_t dy_stride = 0;
  float* dh = nullptr;  // rows dh_stride apart. In: gradient of h_t; out: what passes it by
  int64_t dh_stride = 0;
  float* dc = nullptr;     // [B][L]. In: gradient of c_t from later steps; out: of c_{t-1}
  float* dp = nullptr;     // scratch [B][4][L]
  double* sums = nullptr;  // added to
  /// Operands of the products: values [B][4][L], rows gates_stride values apart. db may be null.
  /// In a set whose values are bf16 also with pairs of rows interleaved, words [B/2][4][L] (an odd
  /// last row with zeros); elsewhere *_pairs is null.
  void* da = nullptr;
  void* db = nullptr;
  void* da_pairs = nullptr;
  void* db_pairs = nullptr;
  int64_t gates_stride = 0;
};

/// Normalises x Wx of a step as forward does, for a backward that did not keep it; into f32 or bf16.
struct BlockNormalize {
  bool half = false;
  float eps = 0;
  int64_t rows = 0;
  BlockStatistics statistics;
  const float* b = nullptr;
  void* kept_b = nullptr;
};

/// dB of one step for statistics over the whole sequence: from dP [B][4][L] and x_hat, given the
/// column sums over all steps (each times 1 / number of rows, or 0), into operands of the products.
struct BlockSequenceGradient {
  bool half = false;
  float eps = 0;
  Rows rows;  // `running`: those that the gradient of the statistics reaches
  const float* parameters = nullptr;
  BlockStatistics statistics;
  const float* mean_dp = nullptr;      // [4][L]
  const float* mean_dp_hat = nullptr;  // [4][L]
  const float* dp = nullptr;
  const void* kept_b = nullptr;
  void* db = nullptr;
  void* db_pairs = nullptr;
  int64_t gates_stride = 0;
};

}  // namespace bnlstm::cpu
