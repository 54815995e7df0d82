#include "core/bf16.h"
#include "core/thread_pool.h"
#include "cpu/bn_lstm_layout.h"
#include "cpu/kernels.h"

namespace bnlstm::cpu {
namespace {

/// Weights w [rows][4][H] of one direction, packed as the layout says.
class Packer {
 public:
  Packer(const BnLstmLayout& at, const float* w, int64_t rows) : at_(at), w_(w), rows_(rows) {}

  /// out [depth][4][width] of block b; `plain`: every row is a word, for gathering.
  void Block(int64_t b, int64_t depth, bool plain, float* out) const {
    const int64_t width = at_.units.width(b), valid = at_.units.valid(b);
    const int64_t per_word = plain ? 1 : at_.value.per_word;
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t g = 0; g < 4; ++g, out += width) {
        const int64_t row = k * per_word;
        const float* from = w_ + (row * 4 + g) * at_.H + at_.units.first(b);
        for (int64_t lane = 0; lane < width; ++lane) {
          const bool real = lane < valid && row < rows_;
          const float low = real ? from[lane] : 0.0f;
          const float high =
              real && per_word == 2 && row + 1 < rows_ ? from[lane + 4 * at_.H] : 0.0f;
          out[lane] = Word(low, high, per_word);
        }
      }
  }

  /// Column block b of the transposed weights, out [gates depth][width], rows `stride` apart.
  void Transposed(const Blocks& columns, int64_t b, int64_t stride, float* out) const {
    const int64_t width = columns.width(b), per_word = at_.value.per_word;
    for (int64_t lane = 0; lane < width; ++lane) {
      const int64_t row = columns.first(b) + lane;
      float* to = out + lane;
      for (int64_t c = 0; c < at_.units.count(); ++c)
        for (int64_t g = 0; g < 4; ++g)
          for (int64_t l = 0; l < at_.units.width(c); l += per_word, to += stride) {
            const float* from = w_ + (row * 4 + g) * at_.H + at_.units.first(c) + l;
            const auto value = [&](int64_t i) {
              return row < rows_ && l + i < at_.units.valid(c) ? from[i] : 0.0f;
            };
            *to = Word(value(0), per_word == 2 ? value(1) : 0.0f, per_word);
          }
    }
  }

 private:
  float Word(float low, float high, int64_t per_word) const {
    if (!at_.bf16) return low;
    if (per_word == 1) return FromBf16(ToBf16(low));
    const uint32_t bits = ToBf16(low) | static_cast<uint32_t>(ToBf16(high)) << 16;
    float word;
    std::memcpy(&word, &bits, sizeof word);
    return word;
  }

  const BnLstmLayout& at_;
  const float* w_;
  const int64_t rows_;
};

}  // namespace

OpSizes Sizes(const ops::BnLstmPack& op, const Kernels& kernels) {
  return {.packed = BnLstmLayout(op, kernels).packed_bytes()};
}

void Run(const ops::BnLstmPack& op, const Context& context) {
  const BnLstmLayout at(op, context.kernels);
  float* const packed = op.packed.f32();
  const double moved = 8.0 * static_cast<double>(at.packed_direction() * at.R);
  ThreadPool::Shared().Run(context.ThreadsFor(moved), [&](Team& team) {
    const Range units = Share(at.units.count(), team), inputs = Share(at.inputs.count(), team);
    for (int64_t r = 0; r < at.R; ++r) {
      const Packer wx(at, op.wx.f32() + r * at.D * 4 * at.H, at.D);
      const Packer wh(at, op.wh.f32() + r * at.H * 4 * at.H, at.H);
      for (int64_t b = units.begin; b < units.end; ++b) {
        wh.Block(b, at.h_depth(), false, packed + at.wh(r, b));
        wx.Block(b, at.x_depth(), at.tokens, packed + at.wx(r, b));
        wh.Transposed(at.units, b, at.units.group_width(b), packed + at.wh_transposed(r, b));
      }
      for (int64_t b = inputs.begin; b < inputs.end && !at.tokens; ++b)
        wx.Transposed(at.inputs, b, at.inputs.group_width(b), packed + at.wx_transposed(r, b));
    }
  });
}

}  // namespace bnlstm::cpu
