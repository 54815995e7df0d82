#pragma once

#include "cuda/device/backward_step.h"
#include "cuda/device/group_sum.h"
#include "cuda/device/prefetch.h"
#include "cuda/device/recurrent_product.h"

namespace bnlstm::cuda {

/// Some steps of one direction backward, in one launch, from the last to the first. As ForwardRun; what
/// travels is dA. Columns of dh and dc lie `shape.padded` apart, all others `shape.stride`, steps
/// `shape.padded`.
template <class Value>
struct BackwardRun {
  StepShape shape;  // of the first step
  bool through;     // gradients of the statistics
  int64_t steps;
  const void* weights;  // as PackBackward leaves them
  const Value *kept_a, *kept_b;
  const float *c, *c_there;  // before the first step and after each; after step `here - 1`
  int64_t here;
  const Value* dy;       // or null
  float *dh, *dc;        // [H] in: of the state after the last step; out: of that before the first
  Value *da, *db;        // [4H] gradients of the products, da as published; db null: not wanted
  float* dp;             // [4H] gradients of the pre-activations, or null
  double* sums;          // [H][kSumsOfUnit] added to
  device::Words* group;  // [GroupVectors], all bits set
  Published<Value>* exchange;  // [steps][4 gates][ExchangeVectors] of kVector, all bits set
  Split split;
  Watch watch;
};

/// What block `block` of the direction's `blocks` does.
template <class Value, int kItems, int kRows>
__device__ __forceinline__ void RunBackward(const BackwardRun<Value>& run, int block, int blocks) {
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
  constexpr bool kEarly = kRows < 4;  // gates, while others' parts come, as far as registers go
  constexpr int kOfGate = kWarpsOfBlock * device::kWarp;  // lanes
  auto* const mine = reinterpret_cast<Ours*>(tile) + device::ThreadIndex();
  const int64_t plane = ExchangeVectors<Value>(blocks, tile_rows);  // of a gate of a step
  const bool eventful = shape.lengths || shape.zoneout_c.keep || shape.zoneout_h.keep;
  GroupSum<kRows> group(run.group, block);
  const Product product(run.weights, run.split, tile_rows, block, blocks);
  BackwardUnit<kRows, Value, true> unit(shape, run.through, owns ? j : H - 1);
  KeptStep<kRows, Value> kept;
  Column<kRows> dz, d_pre[4];
  float dh[kRows], dc[kRows];
  Weights<kRows> weight_c, weight_h;
  SumOfUnit sum(run.sums, owns ? j : H - 1);
  auto rows = shape.RowsOfStep<kRows>();
  Prefetch<sizeof(Value) == 4 && kRows == 4 ? 2 : 1> prefetch;
  if (owns) {
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) {
      prefetch.Add(run.kept_a + g * gate + j * stride, padded * sizeof(Value));
      if (run.kept_b) prefetch.Add(run.kept_b + g * gate + j * stride, padded * sizeof(Value));
    }
    if (run.dy) prefetch.Add(run.dy + j * stride, padded * sizeof(Value));
    prefetch.Add(run.c + j * stride, padded * sizeof(float));
  }
  // All that a step needs besides the product. Asked for before what other blocks publish, which was
  // measured faster than after: that is hardly there yet.
  const auto load = [&](int slot) {
    shape.step = first + slot;
    if (shape.lengths) rows = shape.RowsOfStep<kRows>();
    if (!owns) return;
    const int at = j * stride + slot * padded;
    BNLSTM_UNROLL
    for (int g = 0; g < 4; ++g) kept.a[g].Load(rows, run.kept_a, g * gate + at);
    if (run.kept_b) {
      BNLSTM_UNROLL
      for (int g = 0; g < 4; ++g) kept.x[g].Load(rows, run.kept_b, g * gate + at);
    }
    if (run.dy) kept.dy.Load(rows, run.dy, at);
    const bool inside = slot + 1 < run.here;
    kept.c.Load(rows, inside ? run.c : run.c_there, inside ? at + padded : j * stride);
    kept.c_before.Load(rows, run.c, at);
    if (eventful || slot == steps - 1) {
      weight_c.Load(shape.zoneout_c, rows, at);
      weight_h.Load(shape.zoneout_h, rows, at);
    }
    unit.LoadStatistics(shape);
    if (slot >= prefetch.kStepsAhead) prefetch.Step(slot - prefetch.kStepsAhead);
  };
  rows.All([&](int i, int n) {
    const bool there = owns && rows.Inside(i, n);
    dh[i] = there ? run.dh[j * padded + n] : 0.0f;
    dc[i] = there ? run.dc[j * padded + n] : 0.0f;
  });
  BNLSTM_UNROLL
  for (int g = 0; g < 4; ++g) mine[g * kOfGate] = {};
  load(steps - 1);
  if (owns && kEarly) unit.Recompute(shape, rows, kept);

  for (int slot = steps - 1; slot >= 0; --slot) {
    if (owns) {
      if (!kEarly) unit.Recompute(shape, rows, kept);
      unit.PreActivations(
          shape, rows, kept, [&](int i, int) { return dh[i]; }, [&](int i, int) { return dc[i]; },
          [&](int i, int) { return weight_h.Get(i); }, [&](int i, int) { return weight_c.Get(i); },
          [&](int i, int, float d) { dh[i] = d; }, [&](int i, int, float d) { dc[i] = d; }, dz,
          d_pre);
      float da[4][kRows];
      unit.RecurrentGradients(shape, rows, kept, d_pre, [&](int i, int n, int g, float d) {
        da[g][i] = rows.Inside(i, n) ? d : 0.0f;
      });
      BNLSTM_UNROLL
      for (int g = 0; g < 4; ++g) Op::Round(mine[g * kOfGate], [&](int i) { return da[g][i]; });
    }
    device::SyncBlock();
    auto* const exchange = reinterpret_cast<device::Words*>(run.exchange) + 4 * slot * plane;
    Publish<Value, 4, kRows>(exchange, plane, tile_rows, block, Items<Value>(blocks), tile);

    // What other blocks do not wait for.
    if (owns) {
      const int at = j * stride + slot * padded;
      sum.Add(unit.SumOfLane());
      auto* const da = reinterpret_cast<Published<Value>*>(run.da);
      float db[4][kRows];
      if (run.db) {
        unit.InputGradients(shape, rows, kept, d_pre, [&](int i, int n, int g, float d) {
          db[g][i] = rows.Inside(i, n) ? d : 0.0f;
        });
      }
      BNLSTM_UNROLL
      for (int g = 0; g < 4; ++g) {
        const int to = g * gate + at;
        if (rows.InMemory()) {
          *reinterpret_cast<Ours*>(da + (to + device::Lane() * kRows)) = mine[g * kOfGate];
        }
        if (run.db) StoreRows(rows, run.db, to, [&](int i) { return db[g][i]; });
        if (run.dp) StoreRows(rows, run.dp, to, [&](int i) { return d_pre[g].Get(i); });
      }
    }
    if (slot > 0) load(slot - 1);
    auto reading = product.Ask(exchange + block % kBlocksOfGroup * plane, run.watch);
    product.Run(reading, slots);
    device::SyncBlock();
    group.Send(steps - 1 - slot, product.Sum(slots, warp));
    if (owns && kEarly && slot > 0) unit.Recompute(shape, rows, kept);
    float sums[kRows];
    group.Receive(run.watch, sums);
    rows.All([&](int i, int) { dh[i] += sums[i]; });
  }
  if (!owns) return;
  rows.Each([&](int i, int n) {
    run.dh[j * padded + n] = dh[i];
    run.dc[j * padded + n] = dc[i];
  });
  sum.Store();
}

}  // namespace bnlstm::cuda
