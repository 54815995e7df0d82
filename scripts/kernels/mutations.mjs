// Deliberate bugs of the CUDA engine, each of a kind that is easily made. The tests that are named
// must fail with it, on the emulator.

/**
 * @typedef {object} Mutation
 * @property {string} name
 * @property {string} file below native/cuda
 * @property {string} from exact text, found once in the file
 * @property {string} to
 * @property {readonly string[]} tests of which one at least must fail
 */

const lstm = ['test/numeric/bn_lstm.test.ts'];
const ops = ['test/numeric/ops.test.ts'];
const optimizers = ['test/numeric/optimizers.test.ts'];

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
    from: 'fmaf(Sigmoid(pre[0]), previous, Sigmoid(pre[1]) * tanhf(pre[3]))',
    to: 'fmaf(Sigmoid(pre[1]), previous, Sigmoid(pre[0]) * tanhf(pre[3]))',
    tests: lstm,
  },
  {
    name: 'rows that have ended enter the statistics',
    file: 'device/rows.h',
    from: 'return n < batch && (ended_count || Runs(n));',
    to: 'return n < batch;',
    tests: lstm,
  },
  {
    name: 'rows that have ended go on',
    file: 'device/cell.h',
    from: '  if (!rows.Runs(n)) return previous;\n  if (zoneout.rate == 0) return next;',
    to: '  if (zoneout.rate == 0) return next;',
    tests: lstm,
  },
  {
    name: 'padded rows of the state are not zero',
    file: 'device/forward_step.h',
    from: 'if (n >= rows.batch) return StoreValue(to, 0);',
    to: 'if (n >= rows.batch) return;',
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
    from: '      shape.tables.cell_var[shape.step * H + j] = var[0];\n',
    to: '',
    tests: lstm,
  },
  {
    name: 'steps beyond the table read on',
    file: 'device/cell.h',
    from: 'return row < steps ? row : steps - 1;',
    to: 'return row;',
    tests: lstm,
  },
  {
    name: 'backward takes no gradient through the mean',
    file: 'device/backward_step.h',
    from: 'inner -= fmaf(cell.Hat(0, u.c[j * stride + n]), mean_dz_hat, mean_dz);',
    to: 'inner -= cell.Hat(0, u.c[j * stride + n]) * mean_dz_hat;',
    tests: lstm,
  },
  {
    name: 'the carried gradient of the cell is forgotten',
    file: 'device/backward_step.h',
    from: 'dc = fmaf(fresh, f, dc);',
    to: 'dc = fresh * f;',
    tests: lstm,
  },
  {
    name: "a gate's bias gets another gate's gradient",
    file: 'device/backward_step.h',
    from: 'sums[g] += d[g];',
    to: 'sums[g] += d[g ^ 1];',
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
    name: 'the second direction overwrites dx',
    file: 'bn_lstm_backward.cu',
    from: 'if (!first) value += sums ? sums[to] : dx.Get(to);',
    to: '',
    tests: lstm,
  },
];
