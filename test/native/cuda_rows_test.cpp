#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "cuda/device/rows.h"
#include "emulator_fixture.h"
#include "random.h"

// What a warp knows of the rows of a batch, and the statistics that it takes of them, against doubles.
namespace bnlstm {
namespace {

using cuda::Column;
using cuda::Moments;
using cuda::Rows;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// Rows of a batch at a step.
struct Batch {
  int rows;
  std::vector<int32_t> lengths;  // none: all run
  bool ended_count = false;

  static constexpr int kStep = 2;
  bool Runs(int n) const { return lengths.empty() || kStep < lengths[static_cast<size_t>(n)]; }
  std::vector<int> Counted() const {
    std::vector<int> counted;
    for (int n = 0; n < rows; ++n) {
      if (ended_count || Runs(n)) counted.push_back(n);
    }
    return counted;
  }
};

/// One row, part of a tile, all that `most` rows have; ended rows first, last, in between, all.
std::vector<Batch> Batches(int most) {
  std::vector<Batch> batches;
  for (const int rows : {1, 5, most - 3, most}) {
    batches.push_back({rows, {}});
    for (const int pattern : {0, 1, 2, 3}) {
      Batch batch{rows, std::vector<int32_t>(static_cast<size_t>(rows))};
      for (int n = 0; n < rows; ++n) {
        const bool ended = pattern == 0   ? n < rows / 2
                           : pattern == 1 ? n >= rows / 2
                           : pattern == 2 ? n % 3 != 1
                                          : true;
        batch.lengths[static_cast<size_t>(n)] = ended ? n % (Batch::kStep + 1) : 3 + n % 4;
      }
      batches.push_back(batch);
      batch.ended_count = true;
      batches.push_back(batch);
    }
  }
  return batches;
}

/// Calls body(rows) in each lane of a warp.
template <int kRows, class Body>
void ForWarp(const Batch& batch, const Body& body) {
  const EmulatorStream stream;
  const EmulatorArray<int32_t> lengths(batch.lengths.size() + 1);
  std::copy(batch.lengths.begin(), batch.lengths.end(), lengths.data());
  const int32_t* const given = batch.lengths.empty() ? nullptr : lengths.data();
  const int padded = (batch.rows + 7) / 8 * 8;
  stream.Launch(1, 32, 0, [&batch, &body, given, padded] {
    const Rows<kRows> rows(batch.rows, padded, given, Batch::kStep, batch.ended_count);
    body(rows);
  });
  stream.Synchronize();
}

/// Calls body with 0, 1, 2, 4 and 8 rows of a lane, as a type, and how many rows that serves.
template <class Body>
void ForRowsOfLanes(const Body& body) {
  body(std::integral_constant<int, 0>(), 300);
  body(std::integral_constant<int, 1>(), 32);
  body(std::integral_constant<int, 2>(), 64);
  body(std::integral_constant<int, 4>(), 128);
  body(std::integral_constant<int, 8>(), 256);
}

TEST(CudaRowsKnowWhichCount) {
  ForRowsOfLanes([](auto rows_of_lane, int most) {
    constexpr int kRows = decltype(rows_of_lane)::value;
    for (const Batch& batch : Batches(most)) {
      const std::vector<int> counted = batch.Counted();
      std::vector<int> inside(static_cast<size_t>(most) + 32), runs(inside), counts(inside);
      ForWarp<kRows>(batch, [&](const Rows<kRows>& rows) {
        CHECK_EQ(rows.counted_rows, static_cast<int>(counted.size()));
        if (!counted.empty()) CHECK_EQ(rows.first_counted, counted.front());
        CHECK_EQ(rows.inverse_count,
                 counted.empty() ? 0.0f : 1.0f / static_cast<float>(counted.size()));
        rows.All([&](int i, int n) {
          inside[static_cast<size_t>(n)] += rows.Inside(i, n);
          runs[static_cast<size_t>(n)] += rows.Runs(i, n);
          counts[static_cast<size_t>(n)] += rows.Counts(i, n);
        });
      });
      for (int n = 0; n < most; ++n) {
        const auto at = static_cast<size_t>(n);
        const bool there = n < batch.rows, running = there && batch.Runs(n);
        CHECK_EQ(inside[at], there);
        CHECK_EQ(runs[at], running);
        CHECK_EQ(counts[at], batch.ended_count ? there : running);
      }
    }
  });
}

/// What Measure told each lane, and MeasureOnce the lane of a column.
template <int kColumns>
struct Measured {
  float mean[kColumns], var[kColumns];
  Moments once;
};

template <int kRows, int kColumns>
std::vector<Measured<kColumns>> MeasureBatch(const Batch& batch, const std::vector<float>& values) {
  std::vector<Measured<kColumns>> measured(32);
  const int padded = (batch.rows + 7) / 8 * 8;
  std::vector<float> memory(static_cast<size_t>(kColumns * padded), kNaN);
  for (int k = 0; k < kColumns; ++k) {
    for (int n = 0; n < batch.rows; ++n) {
      memory[static_cast<size_t>(k * padded + n)] = values[static_cast<size_t>(k * batch.rows + n)];
    }
  }
  ForWarp<kRows>(batch, [&](const Rows<kRows>& rows) {
    Column<kRows> columns[kColumns];
    for (int k = 0; k < kColumns; ++k) {
      float* const column = memory.data() + k * padded;
      columns[k].Place(column);
      if constexpr (kRows > 0) {
        rows.All([&](int i, int n) { columns[k].Set(i, n < padded ? column[n] : kNaN); });
      }
    }
    Measured<kColumns>& mine = measured[static_cast<size_t>(device::Lane())];
    cuda::Measure(rows, columns, mine.mean, mine.var);
    if constexpr (kRows > 0) mine.once = cuda::MeasureOnce(rows, columns);
  });
  return measured;
}

/// `loss`: of the variance, relative; some three times what is measured.
void CheckMoments(float mean, float var, const std::vector<double>& counted, double loss) {
  double expected = 0, spread = 0, size = 0;
  const bool equal = std::count(counted.begin(), counted.end(), counted.empty() ? 0 : counted[0]) ==
                     static_cast<std::ptrdiff_t>(counted.size());
  for (const double value : counted) {
    expected += value / static_cast<double>(counted.size());
    size = std::max(size, std::fabs(value));
  }
  for (const double value : counted) {
    spread += (value - expected) * (value - expected) / static_cast<double>(counted.size());
  }
  if (equal) {  // not nearly: exactly
    CHECK_EQ(mean, counted.empty() ? 0.0f : static_cast<float>(counted[0]));
    CHECK_EQ(var, 0.0f);
  } else if (std::isnan(spread)) {
    CHECK(std::isnan(mean) && std::isnan(var));
  } else {
    CHECK(std::fabs(mean - expected) <= 3e-7 * size);
    CHECK(std::fabs(var - spread) <= loss * spread);
  }
}

template <int kRows, int kColumns, class Value>
void CheckBatch(const Batch& batch, const Value& value) {
  const std::vector<int> counted = batch.Counted();
  std::vector<float> values(static_cast<size_t>(kColumns * batch.rows), kNaN);  // of ended rows
  std::vector<std::vector<double>> numbers(kColumns);
  for (int k = 0; k < kColumns; ++k) {
    for (const int n : counted) {
      const float number = value(k, n, n == counted.front());
      values[static_cast<size_t>(k * batch.rows + n)] = number;
      numbers[static_cast<size_t>(k)].push_back(static_cast<double>(number));
    }
  }
  const auto measured = MeasureBatch<kRows, kColumns>(batch, values);
  for (int lane = 0; lane < 32; ++lane) {
    const Measured<kColumns>& mine = measured[static_cast<size_t>(lane)];
    for (int k = 0; k < kColumns; ++k) {
      CheckMoments(mine.mean[k], mine.var[k], numbers[static_cast<size_t>(k)], 1e-6);
    }
    if constexpr (kRows > 0) {
      const auto column = static_cast<size_t>(lane / cuda::kLanesOfColumn<kColumns> % kColumns);
      const double rows = static_cast<double>(counted.size());
      CheckMoments(mine.once.mean, mine.once.var, numbers[column], 1e-6 + 5e-7 * rows);
    }
  }
}

/// Values of any mean; the first row far away, which is the worst that one pass can meet; equal rows;
/// a NaN in one column. What ended rows have is NaN, and enters nowhere.
TEST(CudaRowsMeasureWhatDoublesMeasure) {
  ForRowsOfLanes([](auto rows_of_lane, int most) {
    constexpr int kRows = decltype(rows_of_lane)::value;
    Random random(7);
    const auto check = [&](const Batch& batch, const auto& value) {
      CheckBatch<kRows, 1>(batch, value);
      CheckBatch<kRows, 4>(batch, value);
    };
    for (const Batch& batch : Batches(most)) {
      for (const float mean : {0.0f, 1e4f}) {
        check(batch,
              [&](int k, int, bool) { return mean + static_cast<float>(k + 1) * random.Normal(); });
      }
      check(batch, [&](int k, int, bool first) {
        return (first ? 1e3f : 0.0f) + 0.1f * static_cast<float>(k + 1) * random.Normal();
      });
      check(batch, [](int k, int, bool) { return 0.3f - static_cast<float>(k); });
      check(batch,
            [&](int k, int, bool first) { return k == 0 && !first ? kNaN : random.Normal(); });
    }
  });
}

}  // namespace
}  // namespace bnlstm
