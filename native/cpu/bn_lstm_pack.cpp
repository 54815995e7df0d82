#include <algorithm>

#include "core/thread_pool.h"
#include "cpu/bn_lstm_layout.h"
#include "cpu/kernels.h"

namespace bnlstm::cpu {
namespace {

/// Weights w [rows][4][H] of one direction, packed as the layout says.
template <class Words>
class Packer {
 public:
  Packer(const BnLstmLayout& at, const float* w, int64_t rows) : at_(at), w_(w), rows_(rows) {}

  /// out [depth][4][width] of block b.
  void Block(int64_t b, int64_t depth, float* out) const {
    const int64_t width = at_.units.width(b), valid = at_.units.valid(b);
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t g = 0; g < 4; ++g, out += width) {
        const int64_t row = k * Words::kPerWord;
        const float* const low = Row(row, g, at_.units.first(b));
        const float* const high =
            Words::kPerWord == 2 ? Row(row + 1, g, at_.units.first(b)) : zeros_;
        for (int64_t lane = 0; lane < valid; ++lane) out[lane] = Words::Word(low[lane], high[lane]);
        std::fill(out + valid, out + width, 0.0f);
      }
  }

  /// Column block b of the transposed weights, out [gates depth][width], rows `stride` apart.
  void Transposed(const Blocks& columns, int64_t b, int64_t stride, float* out) const {
    const int64_t width = columns.width(b), first = columns.first(b);
    for (int64_t c = 0; c < at_.units.count(); ++c)
      for (int64_t g = 0; g < 4; ++g) {
        const float* from[kMaxLanes];
        for (int64_t lane = 0; lane < width; ++lane)
          from[lane] = Row(first + lane, g, at_.units.first(c));
        const int64_t valid = at_.units.valid(c);
        for (int64_t l = 0; l < at_.units.width(c); l += Words::kPerWord, out += stride) {
          float low[kMaxLanes] = {}, high[kMaxLanes] = {};  // gathered first: the rest is vectors
          for (int64_t lane = 0; lane < width && l < valid; ++lane) low[lane] = from[lane][l];
          if (Words::kPerWord == 2 && l + 1 < valid)
            for (int64_t lane = 0; lane < width; ++lane) high[lane] = from[lane][l + 1];
          for (int64_t lane = 0; lane < width; ++lane)
            out[lane] = Words::Word(low[lane], high[lane]);
        }
      }
  }

 private:
  static constexpr int64_t kMaxLanes = 16;
  static constexpr float zeros_[kMaxLanes] = {};

  /// At most kMaxLanes weights of a gate's columns; zeros beyond the last row.
  const float* Row(int64_t row, int64_t gate, int64_t column) const {
    return row < rows_ ? w_ + (row * 4 + gate) * at_.H + column : zeros_;
  }

  const BnLstmLayout& at_;
  const float* w_;
  const int64_t rows_;
};

template <class Words>
void Pack(const ops::BnLstmPack& op, const BnLstmLayout& at, const Team& team) {
  float* const packed = op.packed.f32();
  const Range units = Share(at.units.count(), team), inputs = Share(at.inputs.count(), team);
  for (int64_t r = 0; r < at.R; ++r) {
    const float* const w_inputs = op.wx.f32() + r * at.D * 4 * at.H;
    const Packer<Words> wx(at, w_inputs, at.D);
    const Packer<Words> wh(at, op.wh.f32() + r * at.H * 4 * at.H, at.H);
    for (int64_t b = units.begin; b < units.end; ++b) {
      wh.Block(b, at.h_depth(), packed + at.wh(r, b));
      wh.Transposed(at.units, b, at.units.group_width(b), packed + at.wh_transposed(r, b));
      if (!at.tokens) {
        wx.Block(b, at.x_depth(), packed + at.wx(r, b));
      } else if (at.bf16) {  // a row is gathered, not multiplied: each weight is a word
        Packer<Rounded>(at, w_inputs, at.D).Block(b, at.D, packed + at.wx(r, b));
      } else {
        Packer<Plain>(at, w_inputs, at.D).Block(b, at.D, packed + at.wx(r, b));
      }
    }
    for (int64_t b = inputs.begin; b < inputs.end && !at.tokens; ++b)
      wx.Transposed(at.inputs, b, at.inputs.group_width(b), packed + at.wx_transposed(r, b));
  }
}

}  // namespace

OpSizes Sizes(const ops::BnLstmPack& op, const Kernels& kernels) {
  return {.packed = BnLstmLayout(op, kernels).packed_bytes()};
}

void Run(const ops::BnLstmPack& op, const Context& context) {
  const BnLstmLayout at(op, context.kernels);
  const double moved = 8.0 * static_cast<double>(at.packed_direction() * at.R);
  ThreadPool::Shared().Run(context.ThreadsFor(moved), [&](Team& team) {
    if (!at.bf16) return Pack<Plain>(op, at, team);
    if (at.value.per_word == 1) return Pack<Rounded>(op, at, team);
    Pack<Paired>(op, at, team);
  });
}

}  // namespace bnlstm::cpu
