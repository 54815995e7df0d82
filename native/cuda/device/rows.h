#pragma once

#include "core/bf16.h"
#include "cuda/device/primitives.h"

namespace bnlstm::cuda {

// The warp that owns a hidden unit has the whole batch: lane l has the rows l, l + 32, ... In
// kernels for batches of at most 32 kRows rows a lane keeps its values in registers; kRows 0 is for
// any batch, and leaves them in memory.

__device__ inline float LoadValue(const float* from) { return *from; }
__device__ inline float LoadValue(const uint16_t* from) { return FromBf16(*from); }
__device__ inline void StoreValue(float* to, float value) { *to = value; }
__device__ inline void StoreValue(uint16_t* to, float value) { *to = device::RoundToBf16(value); }

/// Which rows run at a step and which enter its statistics. The same in every lane.
struct Rows {
  int batch, padded;       // rows, and rows with those that are zero
  const int32_t* lengths;  // or null: all run
  int step;
  bool ended_count;  // rows that have ended enter the statistics
  int counted_rows = 0, first_counted = 0;

  __device__ Rows(int64_t batch_rows, int64_t padded_rows, const int32_t* row_lengths, int64_t s,
                  bool ended_rows_count)
      : batch(static_cast<int>(batch_rows)),
        padded(static_cast<int>(padded_rows)),
        lengths(row_lengths),
        step(static_cast<int>(s)),
        ended_count(ended_rows_count) {
    if (!lengths || ended_count) {
      counted_rows = batch;
      return;
    }
    bool found = false;
    for (int n0 = 0; n0 < batch; n0 += device::kWarp) {
      const unsigned running = device::Ballot(Runs(n0 + device::Lane()));
      if (!found && running != 0) {
        first_counted = n0 + device::FirstBit(running);
        found = true;
      }
      counted_rows += device::PopCount(running);
    }
  }
  __device__ bool Runs(int n) const { return n < batch && (!lengths || step < lengths[n]); }
  __device__ bool Counts(int n) const { return n < batch && (ended_count || Runs(n)); }
  __device__ float InverseCount() const {
    return counted_rows > 0 ? 1.0f / static_cast<float>(counted_rows) : 0.0f;
  }

  /// Calls body(i, n) for the i-th row n of the lane, padding too. No collectives in it.
  template <int kRows, class Body>
  __device__ __forceinline__ void Each(const Body& body) const {
    if constexpr (kRows > 0) {
      BNLSTM_UNROLL
      for (int i = 0; i < kRows; ++i) {
        const int n = device::Lane() + i * device::kWarp;
        if (n < padded) body(i, n);
      }
    } else {
      int i = 0;
      for (int n = device::Lane(); n < padded; n += device::kWarp) body(i++, n);
    }
  }
};

/// The lane's values of one column.
template <int kRows>
class Column {
 public:
  /// `memory`: the column's padded rows, used only with kRows 0.
  __device__ void Place(float*) {}
  __device__ float Get(int i) const { return values_[i]; }
  __device__ void Set(int i, float value) { values_[i] = value; }

 private:
  float values_[kRows] = {};
};
template <>
class Column<0> {
 public:
  __device__ void Place(float* memory) { memory_ = memory + device::Lane(); }
  __device__ float Get(int i) const { return memory_[int64_t{i} * device::kWarp]; }
  __device__ void Set(int i, float value) { memory_[int64_t{i} * device::kWarp] = value; }

 private:
  float* memory_ = nullptr;
};

/// The lane's values of a column that is only read: all on their way at once, before they are needed.
/// With kRows 0 they are read where they are needed.
template <int kRows, class Value>
class Held {
 public:
  /// `from`: the column's padded rows; null: zeros.
  __device__ __forceinline__ void Load(const Rows& rows, const Value* from) {
    from_ = from;
    if constexpr (kRows > 0) {
      rows.Each<kRows>([&](int i, int n) { values_[i] = from ? LoadValue(from + n) : 0.0f; });
    }
  }
  __device__ __forceinline__ float Get(int i, int n) const {
    if constexpr (kRows > 0) return values_[i];
    return from_ ? LoadValue(from_ + n) : 0.0f;
  }

 private:
  const Value* from_ = nullptr;
  float values_[kRows > 0 ? kRows : 1] = {};
};

/// Halves the numbers that a lane still adds up, until it has one: lanes that differ in bit `mask` of
/// their index share them out.
template <int kWidth, int kMask>
__device__ __forceinline__ void ShareSums(float* part) {
  if constexpr (kWidth == 1) {
    BNLSTM_UNROLL
    for (int mask = kMask; mask > 0; mask /= 2) part[0] += device::ShuffleXor(part[0], mask);
  } else {
    const bool upper = (device::Lane() & kMask) != 0;
    BNLSTM_UNROLL
    for (int k = 0; k < kWidth / 2; ++k) {
      const float mine = upper ? part[k + kWidth / 2] : part[k];
      const float theirs = upper ? part[k] : part[k + kWidth / 2];
      part[k] = mine + device::ShuffleXor(theirs, kMask);
    }
    ShareSums<kWidth / 2, kMask / 2>(part);
  }
}

/// Sums over the lanes of several numbers at once, in every lane, in an order that depends on nothing.
/// Each is added up by a share of the lanes and then told to all: half of the shuffles that summing
/// one after the other takes, and a multiprocessor does one shuffle of one warp at a time.
template <int kCount>
__device__ __forceinline__ void WarpSums(float (&sums)[kCount]) {
  constexpr int kWidth = kCount > 8 ? 16 : kCount > 4 ? 8 : kCount > 2 ? 4 : kCount;
  static_assert(kCount <= 16);
  float part[kWidth];
  BNLSTM_UNROLL
  for (int k = 0; k < kWidth; ++k) part[k] = k < kCount ? sums[k < kCount ? k : 0] : 0.0f;
  ShareSums<kWidth, device::kWarp / 2>(part);
  BNLSTM_UNROLL
  for (int k = 0; k < kCount; ++k) {
    sums[k] = device::ShuffleFrom(part[0], k * (device::kWarp / kWidth));
  }
}

/// Biased mean and variance of the counted rows of some columns (docs/paper.md section 1.1). Two-pass:
/// the mean by differences to one of the rows, then the variance about that mean, corrected for its
/// rounding, so that a large mean costs no digits. Equal rows give a variance of exactly 0 and that
/// row as mean; no row at all gives 0 and 0.
template <int kRows, int kColumns>
__device__ __forceinline__ void Measure(const Rows& rows, const Column<kRows> (&columns)[kColumns],
                                        float (&mean)[kColumns], float (&var)[kColumns]) {
  const float inverse = rows.InverseCount();
  float base[kColumns], sums[kColumns];
  BNLSTM_UNROLL
  for (int k = 0; k < kColumns; ++k) {
    float mine = 0;
    rows.Each<kRows>([&](int i, int n) {
      if (n == rows.first_counted) mine = columns[k].Get(i);
    });
    base[k] = device::ShuffleFrom(mine, rows.first_counted % device::kWarp);
    if (rows.counted_rows == 0) base[k] = 0;
    sums[k] = 0;
  }
  rows.Each<kRows>([&](int i, int n) {
    if (!rows.Counts(n)) return;
    BNLSTM_UNROLL
    for (int k = 0; k < kColumns; ++k) sums[k] += columns[k].Get(i) - base[k];
  });
  WarpSums(sums);
  float rest[2 * kColumns];  // of differences to the first mean, and of their squares
  BNLSTM_UNROLL
  for (int k = 0; k < kColumns; ++k) {
    mean[k] = base[k] + sums[k] * inverse;
    rest[k] = rest[kColumns + k] = 0;
  }
  rows.Each<kRows>([&](int i, int n) {
    if (!rows.Counts(n)) return;
    BNLSTM_UNROLL
    for (int k = 0; k < kColumns; ++k) {
      const float d = columns[k].Get(i) - mean[k];
      rest[k] += d;
      rest[kColumns + k] = fmaf(d, d, rest[kColumns + k]);
    }
  });
  WarpSums(rest);
  BNLSTM_UNROLL
  for (int k = 0; k < kColumns; ++k) {
    const float shift = rest[k] * inverse;
    const float spread = rest[kColumns + k] * inverse - shift * shift;
    mean[k] += shift;
    var[k] = spread < 0 ? 0 : spread;  // a NaN stays
  }
}

/// The same in one pass, for values in registers: by differences to one of the counted rows, whose
/// distance from the mean is at most sqrt(rows) deviations, so that the variance loses no more than
/// rows * 6e-8 of itself, whatever the mean is.
template <int kRows, int kColumns>
__device__ __forceinline__ void MeasureOnce(const Rows& rows,
                                            const Column<kRows> (&columns)[kColumns],
                                            float (&mean)[kColumns], float (&var)[kColumns]) {
  static_assert(kRows > 0);
  const float inverse = rows.InverseCount();
  float base[kColumns], sums[2 * kColumns];
  const int owner = rows.first_counted % device::kWarp;
  BNLSTM_UNROLL
  for (int k = 0; k < kColumns; ++k) {
    float mine = 0;
    rows.Each<kRows>([&](int i, int n) {
      if (n == rows.first_counted) mine = columns[k].Get(i);
    });
    base[k] = rows.counted_rows == 0 ? 0.0f : device::ShuffleFrom(mine, owner);
    sums[k] = sums[kColumns + k] = 0;
  }
  rows.Each<kRows>([&](int i, int n) {
    const bool counts = rows.Counts(n);
    BNLSTM_UNROLL
    for (int k = 0; k < kColumns; ++k) {
      const float d = counts ? columns[k].Get(i) - base[k] : 0.0f;
      sums[k] += d;
      sums[kColumns + k] = fmaf(d, d, sums[kColumns + k]);
    }
  });
  WarpSums(sums);
  BNLSTM_UNROLL
  for (int k = 0; k < kColumns; ++k) {
    const float shift = sums[k] * inverse;
    const float spread = fmaf(-shift, shift, sums[kColumns + k] * inverse);
    mean[k] = base[k] + shift;
    var[k] = spread < 0 ? 0 : spread;  // a NaN stays
  }
}

}  // namespace bnlstm::cuda
