// Deliberate bugs of the CUDA engine, each of a kind that is easily made. The tests that are named
// must fail with it, on the emulator.
import { laneMutations } from './lane_mutations.mjs';
import { overlapMutations } from './overlap_mutations.mjs';
import { persistentMutations } from './persistent_mutations.mjs';

/**
 * @typedef {object} Mutation
 * @property {string} name
 * @property {string} file below native/cuda
 * @property {string} from exact text, found once in the file
 * @property {string} to
 * @property {readonly string[]} tests of which one at least must fail: files of vitest's, or
 *   `native:` and a part of the names of native tests
 */

const lstm = ['test/numeric/bn_lstm.test.ts'];
const ops = ['test/numeric/ops.test.ts'];
const optimizers = ['test/numeric/optimizers.test.ts'];
const accumulation = ['test/numeric/accumulate_gradients.test.ts'];
const recompute = ['test/numeric/recompute.test.ts'];
const pipelining = ['native:CudaPipelin'];

/** @type {readonly Mutation[]} */
export const mutations = [
  {
    name: 'a missing barrier in a block sum',
    file: 'device/block_sum.h',
    from: 'shared[Warp()] = value;\n  SyncBlock();',
    to: 'shared[Warp()] = value;',
    tests: optimizers,
  },
  {
    name: 'the learning rate is frozen into the graph',
    file: 'optimizer_step.h',
    from: 'op.learning_rate.f32(), op.scale.f32(),',
    to: '[&] { static float frozen[1]; frozen[0] = *op.learning_rate.f32(); return frozen; }(), op.scale.f32(),',
    tests: optimizers,
  },
  {
    name: 'an optimizer goes on after a loss that is not finite',
    file: 'optimizer_step.h',
    from: 'if (segment.state[ops::kNonFinite] != 0) return;',
    to: '',
    tests: optimizers,
  },
  {
    name: 'Nesterov momentum is plain momentum',
    file: 'sgd.cu',
    from: 'step = nesterov ? g + momentum * v : v;',
    to: 'step = v;',
    tests: optimizers,
  },
  {
    name: 'eps is added before bias correction in any case',
    file: 'adam.cu',
    from: 'eps_after_correction ? eps * root : eps',
    to: 'eps',
    tests: optimizers,
  },
  {
    name: 'a window goes on from the sums of the last',
    file: 'accumulate_gradients.cu',
    from: 'sum[i] = first ? part : sum[i] + part;',
    to: 'sum[i] += part;',
    tests: accumulation,
  },
  {
    name: 'batches of a window weigh the same',
    file: 'accumulate_gradients.cu',
    from: 'part = weight * gradients[i];',
    to: 'part = gradients[i];',
    tests: accumulation,
  },
  {
    name: 'the last partial block of a sum is left out',
    file: 'global_norm.cu',
    from: 'return (op.gradients.count() + kNormBlock - 1) / kNormBlock;',
    to: 'return std::max<int64_t>(op.gradients.count() / kNormBlock, 1);',
    tests: optimizers,
  },
  {
    name: 'rows that do not count get a gradient',
    file: 'cross_entropy.cu',
    from: '  if (!rows.Counts(index)) {\n',
    to: '  if (false) {\n',
    tests: ops,
  },
  {
    name: 'the gradient of rows that do not count is not written',
    file: 'cross_entropy.cu',
    from: 'for (int64_t c = device::Lane(); c < classes; c += kWarp) gradient.dlogits.Set(begin + c, 0);\n',
    to: '',
    tests: ops,
  },
  {
    name: 'forget and input gate are swapped',
    file: 'device/forward_step.h',
    from: 'pre[g] = fmaf(kept, gamma_h_[g],',
    to: 'pre[g < 2 ? 1 - g : g] = fmaf(kept, gamma_h_[g],',
    tests: lstm,
  },
  {
    name: 'rows that have ended enter the statistics',
    file: 'device/rows.h',
    from: 'return ended_count ? Inside(i, n) : Runs(i, n);',
    to: 'return Inside(i, n);',
    tests: lstm,
  },
  {
    name: 'rows that have ended go on',
    file: 'device/cell.h',
    from: 'return {keeps || !rows.Runs(i, n), keep',
    to: 'return {keeps, keep',
    tests: lstm,
  },
  {
    name: 'padded rows of the state are not zero',
    file: 'device/forward_step.h',
    from: 'previous(i, n), next) : 0.0f);',
    to: 'previous(i, n), next) : __builtin_nanf(""));',
    tests: lstm,
  },
  {
    name: 'statistics are divided by all rows',
    file: 'device/rows.h',
    from: '1.0f / static_cast<float>(counted_rows)',
    to: '1.0f / static_cast<float>(batch)',
    tests: lstm,
  },
  {
    name: 'statistics of the cell are not written',
    file: 'device/forward_step.h',
    from: 'if (g > 4 || device::Lane()',
    to: 'if (g > 3 || device::Lane()',
    tests: lstm,
  },
  {
    name: 'steps beyond the table read on',
    file: 'device/cell.h',
    from: 'static_cast<int>(row < steps ? row : steps - 1)',
    to: 'static_cast<int>(row)',
    tests: lstm,
  },
  {
    name: 'backward takes no gradient through the mean',
    file: 'device/backward_step.h',
    from: 'd_z - fmaf(cell.hat, mean_dz_hat, mean_dz)',
    to: 'd_z - cell.hat * mean_dz_hat',
    tests: lstm,
  },
  {
    name: 'the carried gradient of the cell is forgotten',
    file: 'device/backward_step.h',
    from: 'fmaf(fresh, f, passed)',
    to: 'fresh * f',
    tests: lstm,
  },
  {
    name: "a gate's bias gets another gate's gradient",
    file: 'device/backward_step.h',
    from: 'sums[k] += mine;',
    to: 'sums[k ^ 1] += mine;',
    tests: lstm,
  },
  {
    name: 'weight gradients of all runs but the last are lost',
    file: 'bn_lstm_backward.cu',
    from: 'return begin + at_.run >= at_.T ? 0.0f : 1.0f;',
    to: 'return 0.0f;',
    tests: lstm,
  },
  {
    name: 'weight gradients are added to what was there before',
    file: 'bn_lstm_backward.cu',
    from: 'return begin + at_.run >= at_.T ? 0.0f : 1.0f;',
    to: 'return 1.0f;',
    tests: ['native:CudaLstm'],
  },
  {
    name: 'zoneout draws the same in every run of steps',
    file: 'bn_lstm_sequence.cu',
    from: 'const int64_t index = ((s + slot) * B + n) * R * H + r * H + j;',
    to: 'const int64_t index = (slot * B + n) * R * H + r * H + j;',
    tests: lstm,
  },
  {
    name: 'the cell before a chunk is not kept',
    file: 'bn_lstm.cu',
    from: '  copy(saved.ChunkC(at, s), steps.c.At(s), sizeof(float));\n',
    to: '',
    tests: recompute,
  },
  {
    name: 'a chunk runs again from a wrong state',
    file: 'bn_lstm_backward.cu',
    from: '    restore(memory_.h.At(begin), saved_.ChunkH(at_, begin), at_.value_bytes);\n',
    to: '',
    tests: recompute,
  },
  {
    name: 'inputs are normalised again with the statistics of another step',
    file: 'bn_lstm_sequence.cu',
    from: 'if (!by_row) input.Load(shape, shape.tables.Row(s, 0));',
    to: 'if (!by_row) input.Load(shape, shape.tables.Row(shape.step, 0));',
    tests: recompute,
  },
  {
    name: 'a run does not wait for its inputs',
    file: 'executable.cpp',
    from: '  slot.uploaded.Precede(queue_->compute);\n',
    to: '',
    tests: pipelining,
  },
  {
    name: 'outputs are copied before they are there',
    file: 'executable.cpp',
    from: '  slot.computed.Precede(queue_->down);\n',
    to: '',
    tests: pipelining,
  },
  {
    name: 'runs in flight share a slot',
    file: 'queue.cpp',
    from: `return slots_[taken_++ % kSlots];
}

Queue::Slot& Queue::Release() {
  Assert(released_ < taken_, "no run is in flight");
  return slots_[released_++ % kSlots];`,
    to: `return slots_[taken_++ * 0];
}

Queue::Slot& Queue::Release() {
  return slots_[released_++ * 0];`,
    tests: pipelining,
  },
  {
    name: 'graphs keep the address of the old workspace',
    file: 'executable.cpp',
    from: '  if (workspace_ != queue_->context().workspace) Capture();  // another program made it grow\n',
    to: '',
    tests: ['native:CudaGrowth'],
  },
  {
    name: 'the workspace goes while graphs that use it run',
    file: 'queue.cpp',
    from: '    Wait();\n    workspace_ = std::move(larger);',
    to: '    workspace_ = std::move(larger);',
    tests: ['native:CudaGrowth'],
  },
  {
    name: 'the stream stays in capture after an op that fails',
    file: 'executable.cpp',
    from: '    cudaStreamEndCapture(queue_->record, &graph);\n    if (graph)',
    to: '    if (graph)',
    tests: ['native:CudaCapture'],
  },
  {
    name: 'the second direction overwrites dx',
    file: 'bn_lstm_backward.cu',
    from: 'if (adds) value += sums ? sums[to] : dx.Get(to);',
    to: '',
    tests: lstm,
  },
  ...laneMutations,
  ...overlapMutations,
  ...persistentMutations,
];
