#include "cpu/bn_lstm_sequence.h"

#include <algorithm>
#include <cmath>

namespace bnlstm::cpu {

UnitParameters Direction::Parameters(int64_t j) const {
  UnitParameters p{};
  for (int64_t g = 0; g < 4; ++g) {
    const int64_t column = (r * 4 + g) * at.H + j;
    p.bias[g] = op.b.f32()[column];
    if (!at.normalize) continue;
    p.gamma_h[g] = op.gamma_h.f32()[column];
    p.gamma_x[g] = op.gamma_x.f32()[column];
  }
  if (at.normalize) p.gamma_c = op.gamma_c.f32()[r * at.H + j];
  if (op.beta_c) p.beta_c = op.beta_c.f32()[r * at.H + j];
  return p;
}

void Direction::GatherByBatch(Range steps, float* out) const {
  for (int64_t s = steps.begin; s < steps.end; ++s) {
    float* to = out + s * at.D * at.lanes;
    std::fill(to, to + at.D * at.lanes, 0.0f);
    for (int64_t n = 0; n < at.B; ++n) {
      if (op.valid_rows && s >= Length(n)) continue;
      const float* from = op.x.f32() + (Place(s, n) * at.B + n) * at.D;
      for (int64_t d = 0; d < at.D; ++d) to[d * at.lanes + n] = from[d];
    }
  }
}

void Direction::GatherByInput(Range steps, float* out) const {
  for (int64_t s = steps.begin; s < steps.end; ++s)
    for (int64_t n = 0; n < at.B; ++n) {
      float* to = out + (s * at.B + n) * at.d_lanes;
      std::fill(to, to + at.d_lanes, 0.0f);
      if (op.valid_rows && s >= Length(n)) continue;
      const float* from = op.x.f32() + (Place(s, n) * at.B + n) * at.D;
      std::copy(from, from + at.D, to);
    }
}

StepRows::StepRows(const Direction& direction)
    : direction_(direction), running_(direction.at.lanes, 0), counted_(direction.at.lanes, 0) {
  const int64_t B = direction.at.B;
  std::fill_n(running_.begin(), B, -1);
  std::fill_n(counted_.begin(), B, -1);
  rows_ = {running_.data(), counted_.data(), direction.at.lanes / kLanes,
           1.0f / static_cast<float>(B)};
}

const Rows& StepRows::At(int64_t s) {
  if (!direction_.op.lengths) return rows_;
  int64_t running = 0;
  for (int64_t n = 0; n < direction_.at.B; ++n) {
    running_[n] = s < direction_.Length(n) ? -1 : 0;
    running -= running_[n];
  }
  if (direction_.op.valid_rows) {
    counted_ = running_;
    rows_.counted = counted_.data();
    rows_.inverse_count = running > 0 ? 1.0f / static_cast<float>(running) : 0.0f;
  }
  return rows_;
}

StepNorms::StepNorms(const Direction& direction) : direction_(direction) {
  const Tensor& first = direction.op.first_step;
  if (!direction.op.population || !first) return;
  const int32_t* steps = first.i32();
  first_ = steps[0];
  by_row_ = std::any_of(steps, steps + direction.at.B, [&](int32_t k) { return k != first_; });
  if (by_row_) lanes_.assign(9 * 2 * direction.at.lanes, 0.0f);
}

Norm StepNorms::At(const Tensor& mean, const Tensor& var, int64_t s, int64_t stride, int64_t offset,
                   int slot) {
  const int64_t last = mean.shape[1] - 1;
  const float* means = mean.f32() + offset;
  const float* vars = var.f32() + offset;
  const float eps = direction_.op.eps;
  Norm norm;
  if (!by_row_ || last == 0) {
    const int64_t row = std::min(first_ + s, last) * stride;
    norm.mean = means[row];
    norm.r = 1.0f / std::sqrt(vars[row] + eps);
    return norm;
  }
  float* mean_rows = lanes_.data() + slot * 2 * direction_.at.lanes;
  float* r_rows = mean_rows + direction_.at.lanes;
  for (int64_t n = 0; n < direction_.at.B; ++n) {
    const int64_t row = std::min<int64_t>(direction_.op.first_step.i32()[n] + s, last) * stride;
    mean_rows[n] = means[row];
    r_rows[n] = 1.0f / std::sqrt(vars[row] + eps);
  }
  norm.mean_rows = mean_rows;
  norm.r_rows = r_rows;
  return norm;
}

void StepNorms::Load(int64_t s, int64_t j, Norm* a, Norm* b, Norm* c) {
  const Direction& d = direction_;
  const ops::BnLstmStatistics& stats = d.op.stats;
  const int64_t gates = 4 * d.at.H;
  for (int g = 0; g < 4; ++g) {
    a[g] = At(stats.recurrent_mean, stats.recurrent_var, s, gates,
              d.GateStatistic(stats.recurrent_mean, 0, g, j), g);
    b[g] = At(stats.input_mean, stats.input_var, s, gates,
              d.GateStatistic(stats.input_mean, 0, g, j), 4 + g);
  }
  *c = At(stats.cell_mean, stats.cell_var, s, d.at.H, d.CellStatistic(0, j), 8);
}

StepZoneout::StepZoneout(const Direction& direction) : direction_(direction) {
  if (!direction.op.sample_zoneout) return;
  if (direction.op.zoneout_c != 0) keep_c_.assign(direction.at.lanes, 0);
  if (direction.op.zoneout_h != 0) keep_h_.assign(direction.at.lanes, 0);
}

void StepZoneout::Draw(float rate, uint32_t stream, int64_t s, int64_t j,
                       std::vector<int32_t>& keep, Zoneout* zoneout) {
  const Direction& d = direction_;
  *zoneout = {};
  if (keep.empty()) {
    zoneout->rate = rate;
    return;
  }
  const Philox random{d.op.seed, d.op.stream + stream,
                      static_cast<uint32_t>(d.op.attempt.i32()[0])};
  for (int64_t n = 0; n < d.at.B; ++n) {
    const uint64_t index = static_cast<uint64_t>(s * d.at.B * d.at.R * d.at.H + d.State(n, j));
    keep[n] = random.Uniform(index) < rate ? -1 : 0;
  }
  zoneout->keep = keep.data();
}

void StepZoneout::Load(int64_t s, int64_t j, Zoneout* c, Zoneout* h) {
  Draw(direction_.op.zoneout_c, 1, s, j, keep_c_, c);
  Draw(direction_.op.zoneout_h, 2, s, j, keep_h_, h);
}

}  // namespace bnlstm::cpu
