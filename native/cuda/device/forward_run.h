#pragma once

#include "cuda/device/forward_step.h"
#include "cuda/device/prefetch.h"
#include "cuda/device/recurrent_product.h"

namespace bnlstm::cuda {

/// Some steps of one direction, in one launch. A block owns eight hidden units and the whole batch:
/// all statistics are its own, and only h travels. Columns of p, c, h and kept lie `shape.stride`
/// apart, steps `shape.padded`.
template <class Value>
struct ForwardRun {
  StepShape shape;  // of the first step
  int64_t steps;
  const void* weights;  // as PackForward leaves them
  const float* terms;   // [4H] of the inputs, as ForwardUnit wants them
  // Before the first step and after each. The state after step `here - 1` lies at `c_there`.
  float *c, *c_there;
  Value *h, *h_there;
  int64_t here;
  Value* kept_a;               // for backward, or null
  Published<Value>* exchange;  // [steps][ExchangeVectors] of kVector, all bits set
  Split split;
  Watch watch;
};

/// What block `block` of the direction's `blocks` does.
template <class Value, int kItems, int kRows>
__device__ __forceinline__ void RunForward(const ForwardRun<Value>& run, int block, int blocks) {
  using Op = Operand<Value>;
  using Product = RecurrentProduct<Value, kItems, kRows>;
  using Ours = Neighbours<Published<Value>, kRows>;
  StepShape shape = run.shape;
  const int H = static_cast<int>(shape.hidden), stride = static_cast<int>(shape.stride);
  const int first = static_cast<int>(shape.step), steps = static_cast<int>(run.steps);
  const int gate = H * stride;  // from gate to gate
  const int padded = static_cast<int>(shape.padded), tile_rows = TileRows(shape.batch);
  const int warp = device::Warp(), j = block * kUnitsOfBlock + warp;
  const bool owns = j < H;
  auto* const slots = device::SharedMemory<PairSums>();
  auto* const tile = reinterpret_cast<Published<Value>*>(slots + run.split.slices * kUnitsOfBlock *
                                                                     2 * SlotStride(kRows));
  auto* const mine = reinterpret_cast<Ours*>(tile) + device::ThreadIndex();
  const bool eventful = shape.lengths || shape.zoneout_c.keep || shape.zoneout_h.keep;
  const int64_t vectors = ExchangeVectors<Value>(blocks, tile_rows);  // of a step
  const auto exchange = [&](int slot) {
    return reinterpret_cast<device::Words*>(run.exchange) + slot * vectors;
  };
  const auto publish = [&](int slot) {
    Publish<Value, 1, kRows>(exchange(slot), 0, tile_rows, block, Items<Value>(blocks), tile);
  };

  const Product product(run.weights, run.split, tile_rows, block, blocks);
  ForwardUnit<kRows, true> unit(shape, owns ? j : H - 1);
  Column<kRows> a[4], c[1], o;
  Held<kRows, float> x[4];
  float h_before[kRows];
  Weights<kRows> weight_c, weight_h;
  auto rows = shape.RowsOfStep<kRows>();
  Prefetch<1> prefetch;
  if (owns) {
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) {
      prefetch.Add(run.terms + g * gate + j * stride, padded * sizeof(float));
    }
  }
  rows.All([&](int i, int n) {
    const bool there = owns && rows.Inside(i, n);
    c[0].Set(i, there ? run.c[j * stride + n] : 0.0f);
    h_before[i] = there ? LoadValue(run.h + j * stride + n) : 0.0f;
  });
  Op::Round(*mine, [&](int i) { return h_before[i]; });
  // All that a step needs besides the product, while that is on its way.
  const auto load = [&](int slot) {
    shape.step = first + slot;
    if (shape.lengths) rows = shape.RowsOfStep<kRows>();
    if (!owns) return;
    const int at = j * stride + slot * padded;
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) x[g].Load(rows, run.terms, g * gate + at);
    if (eventful || slot == 0) {
      weight_c.Load(shape.zoneout_c, rows, at);
      weight_h.Load(shape.zoneout_h, rows, at);
    }
    unit.LoadStatistics(shape);
    if (slot + prefetch.kStepsAhead < steps) prefetch.Step(slot + prefetch.kStepsAhead);
  };
  device::SyncBlock();
  publish(0);
  auto reading = product.Ask(exchange(0), run.watch);
  load(0);

  for (int slot = 0;; ++slot) {
    product.Run(reading, slots);
    device::SyncBlock();
    if (owns) {
      const UnitSums<kRows> sums = product.Sum(slots, warp);
      rows.All([&](int i, int) {
        BNLSTM_UNROLL
        for (int g = 0; g < 4; ++g) a[g].Set(i, sums.of[g][i]);
      });
      unit.MeasureProducts(shape, rows, a);
      unit.Gates(
          shape, rows, a, [&](int g, int i, int n) { return x[g].Get(i, n); },
          [&](int i, int) { return c[0].Get(i); }, [&](int i, int) { return weight_c.Get(i); },
          [](int, int, int, float) {}, c[0], o);
      unit.MeasureCell(shape, rows, c);
      unit.Hidden(
          shape, rows, c[0], o, [&](int i, int) { return h_before[i]; },
          [&](int i, int) { return weight_h.Get(i); },
          [&](int i, int, float h) { h_before[i] = Op::Rounded(h); });
      Op::Round(*mine, [&](int i) { return h_before[i]; });
    }
    device::SyncBlock();
    const bool last = slot + 1 == steps;
    if (!last) publish(slot + 1);

    // What other blocks do not wait for.
    if (owns) {
      const int at = j * stride + slot * padded;
      const bool inside = slot + 1 < run.here;
      const int after = j * stride + (inside ? (slot + 1) * padded : 0);
      StoreRows(rows, inside ? run.c : run.c_there, after, [&](int i) { return c[0].Get(i); });
      StoreRows(rows, inside ? run.h : run.h_there, after, [&](int i) { return h_before[i]; });
      if (run.kept_a) {
        BNLSTM_UNROLL
        for (int g = 0; g < 4; ++g) {
          StoreRows(rows, run.kept_a, g * gate + at,
                    [&](int i) { return unit.Kept(g, a[g].Get(i), x[g].Get(i, 0)); });
        }
      }
      unit.StoreStatistics(shape);
    }
    if (last) break;
    reading = product.Ask(exchange(slot + 1), run.watch);
    load(slot + 1);
  }
}

}  // namespace bnlstm::cuda
