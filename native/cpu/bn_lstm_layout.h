#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/carver.h"
#include "cpu/words.h"
#include "ops/bn_lstm.h"
#include "ops/bn_lstm_pack.h"

namespace bnlstm::cpu {

/// A row of so many words rounded up to cache lines, so that no vector crosses one; and not to a
/// multiple of a page, or all rows would compete for the same few lines of the cache.
inline int64_t LineRow(int64_t words) {
  constexpr int64_t kLine = 16, kPage = 1024;
  const int64_t row = RoundUp(words, kLine);
  return row % kPage == 0 ? row + kLine : row;
}

/// Hidden units (or inputs) divided into vectors of lanes, the last perhaps half as wide.
struct Blocks {
  int64_t size = 0, lanes = 1;
  bool half = false;

  int64_t count() const { return (size + lanes - 1) / lanes; }
  int64_t first(int64_t b) const { return b * lanes; }
  bool is_half(int64_t b) const { return half && size - first(b) <= lanes / 2; }
  int64_t width(int64_t b) const { return is_half(b) ? lanes / 2 : lanes; }
  /// Of the lanes of a block, those that are units.
  int64_t valid(int64_t b) const { return std::min(size - first(b), width(b)); }
  int64_t padded() const { return first(count() - 1) + width(count() - 1); }

  /// Blocks that lie side by side as the columns of one product: up to kMaxVectors whole ones, or
  /// a half one alone.
  struct Group {
    int64_t begin, end;
    bool half;
  };
  Group group_of(int64_t b) const {
    if (is_half(b)) return {b, b + 1, true};
    const int64_t begin = b / kMaxVectors * kMaxVectors;
    const int64_t whole = count() - (is_half(count() - 1) ? 1 : 0);
    return {begin, std::min<int64_t>(begin + kMaxVectors, whole), false};
  }
  /// Columns of the group of block b.
  int64_t group_width(int64_t b) const {
    const Group group = group_of(b);
    return first(group.end - 1) + width(group.end - 1) - first(group.begin);
  }
};

/// Sizes of a BN-LSTM on an instruction set, and where things lie in the `packed` blob. A word is
/// 32 bits: an f32 or two bf16 (cpu/simd/product.h).
///
/// packed, for each direction, in words. K stands for the depth of a product:
///   Wh and Wx for the forward product, block by block: [K][4][width], K over the hidden units or
///     the inputs, gates in the order f, i, o, g. With tokens Wx is f32, for a row is gathered.
///   Wh^T and Wx^T for dh = dA Wh^T and dx = dB Wx^T, group by group (Blocks::Group): [K][columns],
///     K over the gate columns in the order [block][gate][lane]. With tokens no Wx^T.
struct BnLstmLayout {
  int64_t T, B, D, H, R;
  bool tokens, bf16;
  bool normalize = true, sequence = false;
  const Kernels& kernels;
  const ValueKernels& value;
  Blocks units, inputs;

  BnLstmLayout(const ops::BnLstmShape& s, const Kernels& set)
      : BnLstmLayout(s.steps, s.batch, s.inputs, s.hidden, s.directions, s.tokens, s.bf16, set) {
    normalize = s.normalize;
    sequence = s.normalize && s.sequence_inputs;
  }
  BnLstmLayout(const ops::BnLstmPack& s, const Kernels& set)
      : BnLstmLayout(0, 0, s.inputs, s.hidden, s.directions, s.tokens, s.bf16, set) {}

  /// Words that `count` values take as the depth of a product.
  int64_t Words(int64_t count) const { return DepthFor(value, count); }
  /// Rows that a left operand or a result must have memory for.
  int64_t Rows(int64_t count) const { return RoundUp(count, value.row_multiple); }
  int64_t h_depth() const { return Words(H); }
  /// Words from row to row of h as a left operand: whole blocks are stored.
  int64_t h_row() const { return LineRow(std::max(h_depth(), units.padded() / value.per_word)); }
  /// Floats from row to row of dh.
  int64_t dh_row() const { return LineRow(units.padded()); }
  int64_t x_depth() const { return tokens ? D : Words(D); }
  int64_t gates_depth() const { return Words(4 * units.padded()); }

  int64_t wh(int64_t r, int64_t b) const {
    return r * packed_direction() + 4 * units.first(b) * h_depth();
  }
  int64_t wx(int64_t r, int64_t b) const {
    return r * packed_direction() + 4 * units.padded() * h_depth() + 4 * units.first(b) * x_depth();
  }
  /// Block b within its group; rows are Blocks::group_width apart.
  int64_t wh_transposed(int64_t r, int64_t b) const {
    return r * packed_direction() + 4 * units.padded() * (h_depth() + x_depth()) +
           InGroup(units, b);
  }
  int64_t wx_transposed(int64_t r, int64_t b) const {
    return r * packed_direction() + 4 * units.padded() * (h_depth() + x_depth()) +
           units.padded() * gates_depth() + InGroup(inputs, b);
  }
  int64_t packed_direction() const {
    return 4 * units.padded() * (h_depth() + x_depth()) +
           (units.padded() + (tokens ? 0 : inputs.padded())) * gates_depth();
  }
  size_t packed_bytes() const { return static_cast<size_t>(4 * R * packed_direction()); }

  /// Steps whose weight gradients are summed together before they are added to those in memory: the
  /// more rows, the less often the weights' gradients travel through the cache; but what the
  /// products read of these steps must stay in it.
  int64_t GradientRun() const {
    const int64_t rows = H <= 512 ? 256 : 512;
    return std::clamp<int64_t>((rows + B - 1) / B, std::min<int64_t>(2, T), T);
  }

  /// Of a value of the model's dtype.
  int64_t value_bytes() const { return bf16 ? 2 : 4; }

 private:
  BnLstmLayout(int64_t steps, int64_t batch, int64_t input_size, int64_t hidden, int64_t directions,
               bool gather, bool is_bf16, const Kernels& set)
      : T(steps),
        B(batch),
        D(input_size),
        H(hidden),
        R(directions),
        tokens(gather),
        bf16(is_bf16),
        kernels(set),
        value(is_bf16 ? set.bf16 : set.f32),
        units{hidden, set.lanes, value.half_blocks},
        inputs{input_size, set.lanes, value.half_blocks} {}

  int64_t InGroup(const Blocks& blocks, int64_t b) const {
    const int64_t begin = blocks.first(blocks.group_of(b).begin);
    return begin * gates_depth() + blocks.first(b) - begin;
  }
};

/// Zeroed memory of one member, on a cache line: the vectors of a block then cross none.
class AlignedFloats {
 public:
  explicit AlignedFloats(int64_t count)
      : room_(static_cast<size_t>(std::max<int64_t>(count, 0)) + 16) {}
  AlignedFloats(const AlignedFloats&) = delete;
  float* data() {
    const auto address = reinterpret_cast<uintptr_t>(room_.data());
    return room_.data() + (64 - address % 64) % 64 / sizeof(float);
  }

 private:
  std::vector<float> room_;
};

}  // namespace bnlstm::cpu
