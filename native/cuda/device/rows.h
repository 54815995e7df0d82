#pragma once

#include "core/bf16.h"
#include "cuda/device/primitives.h"

namespace bnlstm::cuda {

// The warp that owns a hidden unit has the whole batch. In kernels for batches of at most 32 kRows rows
// lane l has the kRows rows from l kRows on, in registers: neighbours in memory, which are read and
// written at once. kRows 0 is for any batch, and leaves values in memory; lane l has the rows l,
// l + 32, ...

__device__ inline float LoadValue(const float* from) { return *from; }
__device__ inline float LoadValue(const uint16_t* from) { return FromBf16(*from); }
__device__ inline void StoreValue(float* to, float value) { *to = value; }
__device__ inline void StoreValue(uint16_t* to, float value) { *to = device::RoundToBf16(value); }

/// Neighbours in memory: rows are padded to eight, so that the rows of a lane are aligned.
template <class Value, int kCount>
struct alignas(sizeof(Value) * kCount < 16 ? sizeof(Value) * kCount : 16) Neighbours {
  Value of[kCount];
};

__device__ inline int Least(int a, int b) { return a < b ? a : b; }

/// Which rows run at a step and which enter its statistics. With kRows > 0 that is read once, and the
/// i-th row of the lane has bit i: what follows has no branches.
template <int kRows>
struct Rows {
  int batch, padded;       // rows, and rows with those that are zero
  const int32_t* lengths;  // or null: all run
  int step;
  bool ended_count;  // rows that have ended enter the statistics
  int counted_rows = 0, first_counted = 0;
  float inverse_count;  // 0 where no row counts
  unsigned inside = 0, running = 0;

  __device__ __forceinline__ Rows(int64_t batch_rows, int64_t padded_rows,
                                  const int32_t* row_lengths, int64_t s, bool ended_rows_count)
      : batch(static_cast<int>(batch_rows)),
        padded(static_cast<int>(padded_rows)),
        lengths(row_lengths),
        step(static_cast<int>(s)),
        ended_count(ended_rows_count) {
    BNLSTM_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const int n = device::Lane() * kRows + i;
      const unsigned bit = 1u << i;
      if (n < batch) inside |= bit;
      if (n < batch && (!lengths || step < lengths[n])) running |= bit;
    }
    if (!lengths || ended_count) {
      counted_rows = batch;
    } else {
      CountRunning();
    }
    inverse_count = counted_rows > 0 ? 1.0f / static_cast<float>(counted_rows) : 0.0f;
  }

  __device__ __forceinline__ bool Inside(int i, int n) const {
    return kRows > 0 ? (inside >> i & 1) != 0 : n < batch;
  }
  __device__ __forceinline__ bool Runs(int i, int n) const {
    return kRows > 0 ? (running >> i & 1) != 0 : n < batch && (!lengths || step < lengths[n]);
  }
  __device__ __forceinline__ bool Counts(int i, int n) const {
    return ended_count ? Inside(i, n) : Runs(i, n);
  }

  /// Whether the rows of the lane have memory; with kRows > 0 all or none do.
  __device__ __forceinline__ bool InMemory() const { return device::Lane() * kRows < padded; }

  /// Calls body(i, n) for the i-th row n of the lane, padding too. No collectives in it. With
  /// kRows > 0 also for rows beyond the padding, which have no memory.
  template <class Body>
  __device__ __forceinline__ void All(const Body& body) const {
    if constexpr (kRows > 0) {
      BNLSTM_UNROLL
      for (int i = 0; i < kRows; ++i) body(i, device::Lane() * kRows + i);
    } else {
      int i = 0;
      for (int n = device::Lane(); n < padded; n += device::kWarp) body(i++, n);
    }
  }
  /// The same, but for rows that have no memory.
  template <class Body>
  __device__ __forceinline__ void Each(const Body& body) const {
    All([&](int i, int n) {
      if (n < padded) body(i, n);
    });
  }

 private:
  __device__ void CountRunning() {
    int first = batch;
    const auto count = [&](bool runs, int begin, int apart) {
      const unsigned now = device::Ballot(runs);
      if (now != 0) first = Least(first, begin + device::FirstBit(now) * apart);
      counted_rows += device::PopCount(now);
    };
    if constexpr (kRows > 0) {
      BNLSTM_UNROLL
      for (int i = 0; i < kRows; ++i) count(Runs(i, 0), i, kRows);
    } else {
      for (int n = 0; n < batch; n += device::kWarp) count(Runs(0, n + device::Lane()), n, 1);
    }
    if (counted_rows > 0) first_counted = first;
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

/// The lane's values of a column that is only read: all on their way at once, before they are needed;
/// what lies in the padding may be anything. With kRows 0 they are read where they are needed.
template <int kRows, class Value>
class Held {
 public:
  /// The column's padded rows are `from[at]` and so on. Without a call all are zeros. An `int` index
  /// makes for shorter code.
  template <class Index>
  __device__ __forceinline__ void Load(const Rows<kRows>& rows, const Value* from, Index at) {
    if constexpr (kRows > 0) {
      if (rows.InMemory()) {
        ours_ = *reinterpret_cast<const Ours*>(from + (at + device::Lane() * kRows));
      }
    } else {
      from_ = from + at;
    }
  }
  __device__ __forceinline__ float Get(int i, int n) const {
    if constexpr (kRows == 0) {
      return from_ ? LoadValue(from_ + n) : 0.0f;
    } else if constexpr (sizeof(Value) == 2 && kRows > 1) {
      return device::FloatOf(i % 2 == 0 ? ours_.of[i / 2] << 16 : ours_.of[i / 2] & 0xffff0000u);
    } else {
      return LoadValue(ours_.of + i);
    }
  }

 private:
  // As they were read, by words: to take them apart would be to wait for them.
  static constexpr int kCount = kRows == 0 ? 1 : kRows;
  static constexpr bool kPairs = sizeof(Value) == 2 && kRows > 1;
  using Ours = std::conditional_t<kPairs, Neighbours<uint32_t, (kPairs ? kCount / 2 : 1)>,
                                  Neighbours<Value, kCount>>;
  const Value* from_ = nullptr;
  Ours ours_ = {};
};

/// The lane's rows of a column, rounded: `get(i)`.
template <int kRows, class Get>
__device__ __forceinline__ void Round(Neighbours<float, kRows>& to, const Get& get) {
  BNLSTM_UNROLL
  for (int i = 0; i < kRows; ++i) to.of[i] = get(i);
}
template <int kRows, class Get>
__device__ __forceinline__ void Round(Neighbours<uint16_t, kRows>& to, const Get& get) {
  if constexpr (kRows == 1) {
    to.of[0] = device::RoundToBf16(get(0));
  } else {
    Neighbours<uint32_t, kRows / 2> pairs;
    BNLSTM_UNROLL
    for (int i = 0; i < kRows / 2; ++i) {
      pairs.of[i] = device::RoundToBf16Pair(get(2 * i), get(2 * i + 1));
    }
    to = device::Same<Neighbours<uint16_t, kRows>>(pairs);
  }
}
/// Writes the lane's rows of a column, `to[at]` and so on.
template <int kRows, class Value, class Get>
__device__ __forceinline__ void StoreRows(const Rows<kRows>& rows, Value* to, int at,
                                          const Get& get) {
  Neighbours<Value, kRows> ours;
  Round(ours, get);
  using Ours = Neighbours<Value, kRows>;
  if (rows.InMemory()) *reinterpret_cast<Ours*>(to + (at + device::Lane() * kRows)) = ours;
}

/// The lane's values of a column that is only written: all at once, at the end. With kRows 0 each is
/// written where it is set.
template <int kRows, class Value>
class Outgoing {
 public:
  /// `to`: the column's padded rows, or null.
  __device__ __forceinline__ void Place(Value* to) { to_ = to; }
  __device__ __forceinline__ void Set(int i, int n, float value) {
    if constexpr (kRows > 0) {
      StoreValue(ours_.of + i, value);
    } else {
      if (to_) StoreValue(to_ + n, value);
    }
  }
  __device__ __forceinline__ void Store(const Rows<kRows>& rows) const {
    if constexpr (kRows > 0) {
      using Ours = Neighbours<Value, kRows>;
      if (to_ && rows.InMemory()) *reinterpret_cast<Ours*>(to_ + device::Lane() * kRows) = ours_;
    }
  }

 private:
  Value* to_ = nullptr;
  Neighbours<Value, (kRows > 0 ? kRows : 1)> ours_ = {};
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

/// How many lanes have each sum at first.
template <int kCount>
constexpr int kLanesOfSum = device::kWarp / (kCount > 8   ? 16
                                             : kCount > 4 ? 8
                                             : kCount > 2 ? 4
                                                          : kCount);

/// Sums over the lanes of several numbers at once, in an order that depends on nothing. Each is added up
/// by a share of the lanes: half of the shuffles that summing one after the other takes, and a
/// multiprocessor does one shuffle of one warp at a time. Returns the sum number Lane() / kLanesOfSum,
/// or 0 where there are no so many.
template <int kCount>
__device__ __forceinline__ float SharedSums(const float (&sums)[kCount]) {
  constexpr int kWidth = device::kWarp / kLanesOfSum<kCount>;
  static_assert(kCount <= 16);
  float part[kWidth];
  BNLSTM_UNROLL
  for (int k = 0; k < kWidth; ++k) part[k] = k < kCount ? sums[k < kCount ? k : 0] : 0.0f;
  ShareSums<kWidth, device::kWarp / 2>(part);
  return part[0];
}
/// The same, told to all lanes.
template <int kCount>
__device__ __forceinline__ float WarpSums(float (&sums)[kCount]) {
  const float part = SharedSums(sums);
  BNLSTM_UNROLL
  for (int k = 0; k < kCount; ++k) sums[k] = device::ShuffleFrom(part, k * kLanesOfSum<kCount>);
  return part;
}

/// The first counted row's value of each column, in every lane; 0 if there is none.
template <int kRows, int kColumns>
__device__ __forceinline__ void FirstCounted(const Rows<kRows>& rows,
                                             const Column<kRows> (&columns)[kColumns],
                                             float (&first)[kColumns]) {
  BNLSTM_UNROLL
  for (int k = 0; k < kColumns; ++k) {
    float mine = 0;
    if constexpr (kRows > 0) {
      mine = columns[k].Get(0);
      BNLSTM_UNROLL
      for (int i = 1; i < kRows; ++i) {
        mine = rows.first_counted % kRows == i ? columns[k].Get(i) : mine;
      }
      first[k] = device::ShuffleFrom(mine, rows.first_counted / kRows);
    } else {
      rows.Each([&](int i, int n) {
        if (n == rows.first_counted) mine = columns[k].Get(i);
      });
      first[k] = device::ShuffleFrom(mine, rows.first_counted % device::kWarp);
    }
    if (rows.counted_rows == 0) first[k] = 0;
  }
}

/// Biased mean and variance of the counted rows of some columns (docs/paper.md section 1.1). Two-pass:
/// the mean by differences to one of the rows, then the variance about that mean, corrected for its
/// rounding, so that a large mean costs no digits. Equal rows give a variance of exactly 0 and that
/// row as mean; no row at all gives 0 and 0.
template <int kRows, int kColumns>
__device__ __forceinline__ void Measure(const Rows<kRows>& rows,
                                        const Column<kRows> (&columns)[kColumns],
                                        float (&mean)[kColumns], float (&var)[kColumns]) {
  const float inverse = rows.inverse_count;
  float base[kColumns], sums[kColumns];
  FirstCounted(rows, columns, base);
  BNLSTM_UNROLL
  for (int k = 0; k < kColumns; ++k) sums[k] = 0;
  rows.Each([&](int i, int n) {
    if (!rows.Counts(i, n)) return;
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
  rows.Each([&](int i, int n) {
    if (!rows.Counts(i, n)) return;
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

/// Of some numbers the one of the column that is the lane's (MeasureOnce).
template <int kColumns>
__device__ __forceinline__ float OfLane(const float (&numbers)[kColumns]) {
  const int mine = device::Lane() / kLanesOfSum<2 * kColumns> % kColumns;
  float number = numbers[0];
  BNLSTM_UNROLL
  for (int k = 1; k < kColumns; ++k) number = mine == k ? numbers[k] : number;
  return number;
}

/// Of a column.
struct Moments {
  float mean = 0, var = 0;
};

/// How many lanes have the moments of each column.
template <int kColumns>
constexpr int kLanesOfColumn = kLanesOfSum<2 * kColumns>;

/// The same in one pass, for values in registers: by differences to one of the counted rows, whose
/// distance from the mean is at most sqrt(rows) deviations, so that the variance loses some
/// rows * 2e-7 of itself at most, whatever the mean is. Returns the moments of column number
/// Lane() / kLanesOfColumn % kColumns; of one column all lanes have them.
template <int kRows, int kColumns>
__device__ __forceinline__ Moments MeasureOnce(const Rows<kRows>& rows,
                                               const Column<kRows> (&columns)[kColumns]) {
  static_assert(kRows > 0);
  float base[kColumns], sums[2 * kColumns];
  FirstCounted(rows, columns, base);
  BNLSTM_UNROLL
  for (int k = 0; k < 2 * kColumns; ++k) sums[k] = 0;
  rows.All([&](int i, int n) {
    const bool counts = rows.Counts(i, n);
    BNLSTM_UNROLL
    for (int k = 0; k < kColumns; ++k) {
      const float d = counts ? columns[k].Get(i) - base[k] : 0.0f;
      sums[k] += d;
      sums[kColumns + k] = fmaf(d, d, sums[kColumns + k]);
    }
  });
  const float mine = SharedSums(sums), other = device::ShuffleXor(mine, device::kWarp / 2);
  const bool upper = device::Lane() >= device::kWarp / 2;
  const float shift = (upper ? other : mine) * rows.inverse_count;
  const float squares = (upper ? mine : other) * rows.inverse_count;
  const float spread = fmaf(-shift, shift, squares);
  return {OfLane(base) + shift, spread < 0 ? 0 : spread};  // a NaN stays
}

}  // namespace bnlstm::cuda
