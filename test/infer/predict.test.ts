import { describe, expect, test } from 'vitest';
import type { Batch } from '../../lib/data/source.js';
import {
  bidirectional,
  bnLstm,
  dropout,
  embedding,
  lastStep,
  linear,
  lstm,
  type Model,
} from '../../lib/index.js';
import {
  expectError,
  noiseBatch,
  noiseData,
  normals,
  trainerOf,
  withModel,
} from '../model/support.js';

const [D, T] = [3, 6];
const reals = { features: D, seed: 3 };
const stack = [
  bnLstm({ hidden: 7, maxSteps: 4, zoneoutCell: 0.1 }),
  dropout(0.5),
  bnLstm({ hidden: 5, maxSteps: 4 }),
  linear(4),
];

/** A model that has learned a little and has statistics, with per-step outputs [B][T][4]. */
async function withTrained(use: (model: Model) => Promise<void>): Promise<void> {
  await withModel(reals, stack, async (model) => {
    const targets = new Int32Array(12 * T).fill(1);
    await trainerOf(model).step({ ...noiseBatch({ count: 12 }), targets });
    await model.estimateStatistics(noiseData({ count: 40 }));
    await use(model);
  });
}

/** Rows of a batch, in a given order. */
function pick(batch: Batch, rows: readonly number[], from = 0, to = T): Batch {
  const inputs = rows.flatMap((n) => [...batch.inputs.slice((n * T + from) * D, (n * T + to) * D)]);
  return { inputs: Float32Array.from(inputs), size: rows.length, steps: to - from };
}

describe('with population statistics', () => {
  test('a row depends on no other row, bit for bit', async () => {
    await withTrained(async (model) => {
      const batch = noiseBatch({ count: 33, seed: 8 });
      const { outputs, shape, state } = await model.predict(batch);
      expect(shape).toEqual([33, T, 4]);
      const width = T * 4;
      for (const rows of [[4], [4, 4], [32, 4, 0], Array.from({ length: 33 }, (_, n) => 32 - n)]) {
        const some = await model.predict(pick(batch, rows));
        for (const [k, n] of rows.entries()) {
          const own = some.outputs.slice(k * width, (k + 1) * width);
          expect(own).toEqual(outputs.slice(n * width, (n + 1) * width));
          expect(some.state[1].c.slice(k * 5, (k + 1) * 5)).toEqual(
            state[1].c.slice(n * 5, (n + 1) * 5),
          );
        }
      }
    });
  });

  test('NaN or a wild row elsewhere changes nothing', async () => {
    await withTrained(async (model) => {
      const batch = noiseBatch({ count: 3 });
      const { outputs } = await model.predict(batch);
      const inputs = (batch.inputs as Float32Array).slice();
      inputs.fill(Number.NaN, T * D, 2 * T * D);
      const other = await model.predict({ ...batch, inputs });
      const width = T * 4;
      expect(other.outputs.slice(0, width)).toEqual(outputs.slice(0, width));
      expect(other.outputs.slice(2 * width)).toEqual(outputs.slice(2 * width));
      expect(other.outputs[width]).toBeNaN();
    });
  });

  test('a sequence in pieces gives what the whole gives, bit for bit', async () => {
    await withTrained(async (model) => {
      const batch = noiseBatch({ count: 5, seed: 4 });
      const rows = [0, 1, 2, 3, 4];
      const whole = await model.predict(batch);
      for (const cut of [1, 3, 5]) {
        const first = await model.predict(pick(batch, rows, 0, cut));
        const second = await model.predict(pick(batch, rows, cut), {
          state: first.state,
          firstStep: cut,
        });
        for (const n of rows) {
          const at = (n * T + cut) * 4;
          const rest = second.outputs.slice(n * (T - cut) * 4, (n + 1) * (T - cut) * 4);
          expect(rest).toEqual(whole.outputs.slice(at, (n + 1) * T * 4));
        }
        expect(second.state).toEqual(whole.state);
      }
    });
  });

  test('rows of one batch may be at different steps', async () => {
    await withTrained(async (model) => {
      const batch = noiseBatch({ count: 2, seed: 4 });
      const whole = await model.predict(batch);
      const half = async (row: number, cut: number) =>
        (await model.predict(pick(batch, [row], 0, cut))).state;
      const [a, b] = [await half(0, 2), await half(1, 5)];
      const state = a.map(({ h, c }, layer) => ({
        h: Float32Array.of(...h, ...b[layer].h),
        c: Float32Array.of(...c, ...b[layer].c),
      }));
      const next = Float32Array.of(
        ...batch.inputs.slice(2 * D, 3 * D),
        ...batch.inputs.slice((T + 5) * D, (T + 6) * D),
      );
      const { outputs } = await model.predict(
        { inputs: next, size: 2, steps: 1 },
        { state, firstStep: Int32Array.of(2, 5) },
      );
      expect(outputs.slice(0, 4)).toEqual(whole.outputs.slice(2 * 4, 3 * 4));
      expect(outputs.slice(4)).toEqual(whole.outputs.slice((T + 5) * 4, (T + 6) * 4));
    });
  });

  test('zoneout and dropout are not sampled', async () => {
    await withTrained(async (model) => {
      const batch = noiseBatch({ count: 5 });
      expect(await model.predict(batch)).toEqual(await model.predict(batch));
    });
  });
});

test('padding never reaches a result, and rows end at their lengths', async () => {
  const layers = [bnLstm({ hidden: 4, maxSteps: T }), lastStep(), linear(4)];
  await withModel(reals, layers, async (model) => {
    await model.estimateStatistics(noiseData({ count: 20 }));
    const lengths = Int32Array.of(6, 2, 4, 1);
    const batch = noiseBatch({ count: 4, lengths });
    const inputs = (batch.inputs as Float32Array).slice();
    for (const [n, length] of lengths.entries()) {
      inputs.fill(Number.NaN, (n * T + length) * D, (n + 1) * T * D);
    }
    for (const statistics of ['population', 'batch'] as const) {
      const clean = await model.predict(batch, { statistics });
      expect(await model.predict({ ...batch, inputs }, { statistics })).toEqual(clean);
    }
    const { outputs } = await model.predict({ ...batch, inputs });
    for (const [n, length] of lengths.entries()) {
      const alone = await model.predict(pick(batch, [n], 0, length));
      expect(alone.outputs).toEqual(outputs.slice(n * 4, n * 4 + 4));
    }
    const { inputs: _, ...rest } = batch;
    const trained = async (values: Float32Array) =>
      withModel(reals, layers, async (fresh) => {
        await trainerOf(fresh).step({ ...rest, inputs: values });
        return fresh.get('0.wx');
      });
    expect(await trained(inputs)).toEqual(await trained(batch.inputs as Float32Array));
  });
});

test('tokens in padding may be anything', async () => {
  const layers = [embedding(3), bnLstm({ hidden: 4, maxSteps: 3 }), lastStep()];
  await withModel({ vocabulary: 5 }, layers, async (model) => {
    const lengths = Int32Array.of(3, 1);
    const predict = (padding: number) =>
      model.predict(
        {
          inputs: Int32Array.of(1, 2, 4, 3, padding, padding),
          size: 2,
          steps: 3,
          lengths,
        },
        { statistics: 'batch' },
      );
    expect(await predict(-9)).toEqual(await predict(0));
  });
});

test('sequences longer than maxSteps use the last statistics', async () => {
  const layers = [bnLstm({ hidden: 4, maxSteps: 3 })];
  await withModel(reals, layers, async (model) => {
    await model.estimateStatistics(noiseData({ count: 20 }));
    const batch = noiseBatch({ count: 2 });
    const whole = await model.predict(batch);
    const { state } = await model.predict(pick(batch, [0, 1], 0, 3));
    const options = { state, firstStep: 2 };
    const fourth = await model.predict(pick(batch, [0, 1], 3, 4), options);
    expect(fourth.outputs.slice(0, 4)).toEqual(whole.outputs.slice(3 * 4, 4 * 4));
  });
});

describe('two directions', () => {
  const layer = bidirectional(bnLstm({ hidden: 4, maxSteps: T }));
  const lengths = Int32Array.of(6, 3, 5);
  const batch = noiseBatch({ count: 3, lengths });

  test('lastStep takes the final states: each direction at its own end', async () => {
    await withModel(reals, [layer], async (every) => {
      await withModel(reals, [layer, lastStep()], async (last) => {
        const statistics = 'batch';
        const { outputs: y } = await every.predict(batch, { statistics });
        const { outputs, shape, state } = await last.predict(batch, { statistics });
        expect(shape).toEqual([3, 8]);
        expect(outputs).toEqual(state[0].h);
        for (const [n, length] of lengths.entries()) {
          const forwards = y.slice((n * T + length - 1) * 8, (n * T + length - 1) * 8 + 4);
          const backwards = y.slice(n * T * 8 + 4, n * T * 8 + 8);
          expect(outputs.slice(n * 8, n * 8 + 8)).toEqual(
            Float32Array.of(...forwards, ...backwards),
          );
        }
      });
    });
  });

  test('cannot go on with a sequence', async () => {
    await withModel(reals, [layer, lastStep()], async (model) => {
      const { state } = await model.predict(batch, { statistics: 'batch' });
      const predict = () => model.predict(batch, { statistics: 'batch', state });
      await expectError(predict, 'ERR_BNLSTM_ARGUMENT', /both directions/);
    });
  });
});

test('lastStep gives the same with and without a layer before it that could change the last step', async () => {
  const recurrent = lstm({ hidden: 4 });
  await withModel(reals, [recurrent, lastStep()], async (direct) => {
    await withModel(reals, [recurrent, dropout(0.5), lastStep()], async (gathered) => {
      const batch = noiseBatch({ count: 3, lengths: Int32Array.of(6, 1, 4) });
      expect((await gathered.predict(batch)).outputs).toEqual(
        (await direct.predict(batch)).outputs,
      );
    });
  });
});

test('many lengths and sizes of batches go through one model', async () => {
  await withModel(reals, [lstm({ hidden: 3 }), lastStep()], async (model) => {
    for (let steps = 1; steps <= 40; steps++) {
      const inputs = normals(2 * steps * D, steps);
      const { shape } = await model.predict({ inputs, size: 2, steps });
      expect(shape).toEqual([2, 3]);
    }
  });
});

test('arguments', async () => {
  await withModel(reals, [lstm({ hidden: 4 }), lstm({ hidden: 2 })], async (model) => {
    const batch = noiseBatch({ count: 2 });
    const predict = (options: object) => () => model.predict(batch, options as never);
    const { state } = await model.predict(batch);
    const refused = (options: object, message: RegExp) =>
      expectError(predict(options), 'ERR_BNLSTM_ARGUMENT', message);
    await refused({ states: state }, /state.*got states/);
    await refused({ state: state.slice(1) }, /state.*array of 2/);
    await refused({ state: [state[1], state[0]] }, /state\[0\]\.h.*8 elements.*Float32Array\(4\)/);
    await refused({ state: [{ h: state[0].h }, state[1]] }, /state\[0\]\.c/);
    await refused({ firstStep: -1 }, /firstStep/);
    await refused({ firstStep: Int32Array.of(1) }, /firstStep.*2 elements/);
    await refused({ firstStep: Int32Array.of(1, -1) }, /firstStep\[1\]/);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(model.predict(batch, { signal })).rejects.toThrow('enough');
  });
});
