// `multiply` of every instruction set, and that of AMX over emulated tiles, against sums in double
// precision.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "check.h"
#include "core/bf16.h"
#include "cpu/bn_lstm_layout.h"
#include "emulated_amx.h"
#include "random.h"

namespace bnlstm {
namespace {

struct Multiplier {
  std::string name;
  int lanes;
  cpu::ValueKernels value;
  bool tiles;  // left operands by rows alone, no half vectors
};

std::vector<Multiplier> Multipliers() {
  std::vector<Multiplier> all{{"amx emulated", 16, EmulatedAmxProduct(), true}};
  for (const cpu::InstructionSet& set : cpu::InstructionSets()) {
    if (!set.kernels) continue;
    const bool amx = set.kernels->bf16.row_multiple > 1;
    all.push_back({set.name + " f32", set.kernels->lanes, set.kernels->f32, false});
    all.push_back({set.name + " bf16", set.kernels->lanes, set.kernels->bf16, amx});
  }
  return all;
}

uint32_t BitsOf(float word) {
  uint32_t bits;
  std::memcpy(&bits, &word, sizeof bits);
  return bits;
}
float FromBits(uint32_t bits) {
  float word;
  std::memcpy(&word, &bits, sizeof word);
  return word;
}

constexpr uint32_t kCanary = 0xffc0dead;  // a NaN, as a word and in both halves

/// A product with memory of its own, in which everything that it may not read is NaN, and nothing
/// lies behind the last word that it may.
struct Case {
  const Multiplier& by;
  cpu::Product p;
  std::vector<float> left, right, c, before;
  int64_t width;

  Case(const Multiplier& multiplier, Random& random) : by(multiplier) {
    const cpu::ValueKernels& value = by.value;
    p.rows = random.Between(1, 40);
    p.depth = cpu::RoundUp(random.Between(1, 700), value.depth_multiple);
    p.half = value.half_blocks && random.Between(0, 3) == 0;
    p.vectors = static_cast<int>(random.Between(1, cpu::kMaxVectors));
    p.add = random.Flag();
    width = p.vectors * (p.half ? by.lanes / 2 : by.lanes);
    const int64_t rows = cpu::RoundUp(p.rows, value.row_multiple);

    const int64_t layout = random.Between(0, by.tiles ? 1 : 2), gap = random.Between(0, 20);
    int64_t words = 0;
    if (layout == 2) {  // transposed
      p.left_row = 1;
      p.left_depth = rows + gap;
      words = (p.depth - 1) * p.left_depth + rows;
    } else if (layout == 1) {  // in blocks
      p.block_depth = cpu::RoundUp(random.Between(1, p.depth), value.depth_multiple);
      p.left_row = p.block_depth + gap;
      p.block_stride = rows * p.left_row + random.Between(0, 9);
      const int64_t last = (p.depth - 1) / p.block_depth;
      const int64_t rest = p.depth - last * p.block_depth;
      words = std::max(last * p.block_stride + (rows - 1) * p.left_row + rest,
                       last > 0 ? (rows - 1) * p.left_row + p.block_depth : 0);
    } else {
      p.left_row = p.depth + gap;
      words = (rows - 1) * p.left_row + p.depth;
    }
    left.assign(static_cast<size_t>(words), FromBits(kCanary));
    for (int64_t i = 0; i < p.rows; ++i)
      for (int64_t k = 0; k < p.depth; ++k) left[LeftAt(i, k)] = Word(random);
    p.right_depth = width + random.Between(0, 20);
    right.assign(static_cast<size_t>((p.depth - 1) * p.right_depth + width), FromBits(kCanary));
    for (int64_t k = 0; k < p.depth; ++k)
      for (int64_t n = 0; n < width; ++n) right[k * p.right_depth + n] = Word(random);
    p.c_row = width + random.Between(0, 20);
    c.assign(static_cast<size_t>((rows - 1) * p.c_row + width), FromBits(kCanary));
    for (int64_t i = 0; i < p.rows && p.add; ++i)
      for (int64_t n = 0; n < width; ++n) c[i * p.c_row + n] = 10 * random.Normal();
    before = c;
    p.left = left.data();
    p.right = right.data();
    p.c = c.data();
  }
  Case(const Case&) = delete;

  size_t LeftAt(int64_t i, int64_t k) const {
    const int64_t block = k / p.block_depth;
    return static_cast<size_t>(block * p.block_stride + i * p.left_row +
                               (k - block * p.block_depth) * p.left_depth);
  }
  float Word(Random& random) const {
    const float low = random.Normal();
    if (by.value.per_word == 1) return low;
    return FromBits(ToBf16(low) | static_cast<uint32_t>(ToBf16(random.Normal())) << 16);
  }
  double Value(float word, int half) const {
    if (by.value.per_word == 1) return word;
    return FromBf16(static_cast<uint16_t>(half ? BitsOf(word) >> 16 : BitsOf(word)));
  }

  template <class... Parts>
  void Fail(const Parts&... parts) const {
    check::Fail(__FILE__, __LINE__, by.name, ": ", p.rows, " rows, ", p.vectors,
                p.half ? " half" : "", " vectors, depth ", p.depth, ", left_row ", p.left_row,
                ", block_depth ", p.block_depth, p.add ? ", add" : "", ": ", parts...);
  }

  /// Within the bound of a sum of f32 in the order that product.h gives: blocks, then their sums.
  void CheckValues() const {
    const int64_t per_word = by.value.per_word;
    const double terms = static_cast<double>(per_word * std::min(p.depth, cpu::kDepthBlock) +
                                             p.depth / cpu::kDepthBlock + 2);
    for (int64_t i = 0; i < p.rows; ++i)
      for (int64_t n = 0; n < width; ++n) {
        const size_t at = static_cast<size_t>(i * p.c_row + n);
        double sum = p.add ? static_cast<double>(before[at]) : 0, size = std::abs(sum);
        for (int64_t k = 0; k < p.depth; ++k)
          for (int half = 0; half < per_word; ++half) {
            const double term = Value(left[LeftAt(i, k)], half) *
                                Value(right[static_cast<size_t>(k * p.right_depth + n)], half);
            sum += term;
            size += std::abs(term);
          }
        const double error = std::abs(static_cast<double>(c[at]) - sum);
        if (!(error <= terms * 0x1p-24 * size)) Fail("c[", i, "][", n, "] is off by ", error);
      }
  }

  /// What lies between and behind the rows of c is as it was.
  void CheckCanaries() const {
    for (size_t at = 0; at < c.size(); ++at) {
      if (static_cast<int64_t>(at) % p.c_row < width) continue;
      if (BitsOf(c[at]) != BitsOf(before[at])) Fail("c changed ", at, " words behind its begin");
    }
  }

  /// Some rows, or some vectors, alone have the bits that they have among all.
  void CheckParts(Random& random) const {
    const int64_t lanes = width / p.vectors;
    for (int round = 0; round < 4; ++round) {
      cpu::Product part = p;
      const int64_t row = random.Between(0, p.rows - 1);
      const int64_t vector = random.Between(0, p.vectors - 1);
      part.rows = round == 0 ? 1 : random.Between(1, p.rows - row);
      part.vectors = static_cast<int>(random.Between(1, p.vectors - vector));
      // Tiles read whole ones of `left`: of a copy, for the rest may not be there.
      std::vector<float> rows(left);
      rows.resize(left.size() + static_cast<size_t>(cpu::RoundUp(p.rows, 16) * p.left_row + 16));
      part.left = rows.data() + row * p.left_row;
      part.right = p.right + vector * lanes;
      std::vector<float> out(static_cast<size_t>(cpu::RoundUp(part.rows, 16) * p.c_row), 0.0f);
      for (int64_t i = 0; i < part.rows && p.add; ++i)
        std::copy_n(before.begin() + (row + i) * p.c_row + vector * lanes, part.vectors * lanes,
                    out.begin() + i * p.c_row);
      part.c = out.data();
      by.value.multiply(part);
      for (int64_t i = 0; i < part.rows; ++i)
        for (int64_t n = 0; n < part.vectors * lanes; ++n) {
          const float alone = out[static_cast<size_t>(i * p.c_row + n)];
          const float among = c[static_cast<size_t>((row + i) * p.c_row + vector * lanes + n)];
          if (BitsOf(alone) != BitsOf(among))
            Fail("rows ", row, " to ", row + part.rows, ", vectors from ", vector,
                 " alone: ", alone, " is not ", among);
        }
    }
  }
};

TEST(Products) {
  uint32_t stream = 0;
  for (const Multiplier& multiplier : Multipliers()) {
    Random random(stream++);
    for (int round = 0; round < 60; ++round) {
      Case product(multiplier, random);
      multiplier.value.multiply(product.p);
      product.CheckValues();
      product.CheckCanaries();
      product.CheckParts(random);
    }
  }
}

}  // namespace
}  // namespace bnlstm
