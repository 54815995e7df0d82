#pragma once

#include "cpu/simd/panel.h"
#include "ops/bn_lstm.h"
#include "ops/bn_lstm_pack.h"

namespace bnlstm::cpu {

/// Where things lie in the blobs of bnLstm, in floats. The batch is innermost everywhere, padded to
/// whole vectors (`lanes`); the four gates of a unit lie together. Directions run one after the
/// other, so scratch is for one of them.
struct BnLstmLayout {
  int64_t T, B, D, H, R;
  int64_t lanes;    // B, padded
  int64_t d_lanes;  // D (or the vocabulary), padded
  int64_t h_lanes;  // H, padded
  int64_t h_panels, d_panels;
  bool normalize, tokens, sequence;

  explicit BnLstmLayout(const ops::BnLstmShape& s)
      : BnLstmLayout(s.steps, s.batch, s.inputs, s.hidden, s.directions, s.tokens) {
    normalize = s.normalize;
    sequence = s.normalize && s.sequence_inputs;
  }
  explicit BnLstmLayout(const ops::BnLstmPack& s)
      : BnLstmLayout(0, 0, s.inputs, s.hidden, s.directions, s.tokens) {}

  // packed: for the forward product, unit by unit; for the backward products (dh = dA Wh^T,
  // dx = dB Wx^T) panels of four output rows over the 4H columns in the order [unit][gate].
  int64_t wh_unit(int64_t r, int64_t j) const { return r * packed_direction() + j * H * 4; }
  int64_t wx_unit(int64_t r, int64_t j) const { return wh_unit(r, H) + j * D * 4; }
  int64_t wh_panel(int64_t r, int64_t p) const { return wx_unit(r, H) + p * 4 * H * 4; }
  int64_t wx_panel(int64_t r, int64_t p) const { return wh_panel(r, h_panels) + p * 4 * H * 4; }
  int64_t packed_direction() const {
    return H * H * 4 + H * D * 4 + (h_panels + (tokens ? 0 : d_panels)) * 4 * H * 4;
  }
  int64_t packed() const { return R * packed_direction(); }

  // saved: all that backward cannot recompute. Of each unit and step a (4 rows), x Wx (4 rows; with
  // norm 'none' only their sum, 4 rows) and c; and h_{t-1} with the hidden units in lanes.
  int64_t saved_rows() const { return normalize ? 9 : 5; }
  int64_t saved_unit(int64_t r, int64_t s, int64_t j) const {
    return r * saved_direction() + (s * H + j) * saved_rows() * lanes;
  }
  int64_t saved_h(int64_t r, int64_t s) const { return saved_unit(r, T, 0) + s * B * h_lanes; }
  int64_t saved_direction() const { return T * H * saved_rows() * lanes + T * B * h_lanes; }
  int64_t saved() const { return R * saved_direction(); }

 private:
  BnLstmLayout(int64_t steps, int64_t batch, int64_t inputs, int64_t hidden, int64_t directions,
               bool gather)
      : T(steps),
        B(batch),
        D(inputs),
        H(hidden),
        R(directions),
        lanes(RoundUp(batch, kLanes)),
        d_lanes(RoundUp(inputs, kLanes)),
        h_lanes(RoundUp(hidden, kLanes)),
        h_panels((hidden + kPanel - 1) / kPanel),
        d_panels((inputs + kPanel - 1) / kPanel),
        normalize(true),
        tokens(gather),
        sequence(false) {}
};

/// Hands out consecutive pieces of a scratch blob; run once over null to learn the size.
class Carver {
 public:
  explicit Carver(uint8_t* base) : base_(base) {}
  float* Floats(int64_t count) {
    const size_t at = bytes_;
    bytes_ += static_cast<size_t>(RoundUp(count * static_cast<int64_t>(sizeof(float)), 64));
    return base_ ? reinterpret_cast<float*>(base_ + at) : nullptr;
  }
  size_t bytes() const { return bytes_; }

 private:
  uint8_t* base_;
  size_t bytes_ = 0;
};

}  // namespace bnlstm::cpu
