// Long sequences in chunks: statistics, evaluation and prediction go through them as one.
import { expect, test } from 'vitest';
import type { Batch, DataSource } from '../../lib/data/source.js';
import { bnLstm, linear, type Model, textStream } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { statisticsNames } from '../../lib/ops/statistics.js';
import { averageStatistics } from '../../lib/reference/statistics.js';
import { noiseBatch, normals, trainerOf, withModel } from '../model/support.js';
import { oracleChunk, oracleLayers, readParameters, type State } from '../train/chunk_oracle.js';

const [B, T, D, C] = [5, 12, 3, 4];
const carryState = true;
const reals = { features: D, seed: 3 };

function sequences(seed: number, steps = T): Batch {
  const targets = Int32Array.from({ length: B * steps }, (_, k) => (k * 3 + (k % 7)) % C);
  return { ...noiseBatch({ count: B, steps, seed }), targets };
}

/** A batch in chunks of so many steps. */
function cut({ inputs, targets, steps: T }: Batch, steps: number): Batch[] {
  return Array.from({ length: Math.ceil(T / steps) }, (_, k) => {
    const [from, to] = [k * steps, Math.min((k + 1) * steps, T)];
    const rows = (values: ArrayLike<number>, width: number) =>
      Array.from({ length: B }, (_, n) =>
        Array.from({ length: (to - from) * width }, (_, j) => values[(n * T + from) * width + j]),
      ).flat();
    return {
      inputs: Float32Array.from(rows(inputs, D)),
      targets: Int32Array.from(rows(targets as Int32Array, 1)),
      size: B,
      steps: to - from,
      reset: k === 0,
    };
  });
}
const sourceOf = (batches: readonly Batch[]): DataSource => ({
  count: batches.length * B,
  batches: () => batches,
});

const stack = [
  bnLstm({ hidden: 7, maxSteps: 9 }),
  bnLstm({ hidden: 5, maxSteps: 6, zoneoutCell: 0.1 }),
  linear(C),
];
/** A model that has learned a little and has statistics of whole sequences. */
async function withTrained(use: (model: Model) => Promise<void>): Promise<void> {
  await withModel(reals, stack, async (model) => {
    await trainerOf(model).step(sequences(1));
    await model.estimateStatistics(sourceOf([sequences(2), sequences(3)]));
    await use(model);
  });
}

/** Mean cross-entropy of logits [B][4][C]. */
function lossOf(logits: ArrayLike<number>, { targets }: Batch): number {
  let sum = 0;
  for (const [row, target] of [...(targets as Int32Array)].entries()) {
    const z = Array.from({ length: C }, (_, j) => logits[row * C + j]);
    sum += Math.log(z.reduce((total, x) => total + Math.exp(x), 0)) - z[target];
  }
  return sum / (B * 4);
}

test('with population statistics three chunks of 4 give what one sequence of 12 gives', async () => {
  await withTrained(async (model) => {
    const batch = sequences(4);
    const { outputs } = await model.predict(batch);
    const whole = await model.evaluate(sourceOf([batch]));
    for (const steps of [4, 5, 1]) {
      const parts = cut(batch, steps);
      const carried = await model.evaluate(sourceOf(parts), { carryState });
      expect(carried.count).toBe(B * T);
      expect(carried.accuracy).toBe(whole.accuracy);
      expect(carried.loss).toBeCloseTo(whole.loss, 6);

      let state: Awaited<ReturnType<Model['predict']>>['state'] | undefined;
      let firstStep = 0;
      const rows: number[][] = Array.from({ length: B }, () => []);
      for (const part of parts) {
        const result = await model.predict(part, { state, firstStep });
        const width = part.steps * C;
        for (const [n, row] of rows.entries()) {
          row.push(...result.outputs.slice(n * width, (n + 1) * width));
        }
        state = result.state;
        firstStep += part.steps;
      }
      expect(Float32Array.from(rows.flat())).toEqual(outputs);
    }
    // Without the state the chunks are other sequences.
    const apart = await model.evaluate(sourceOf(cut(batch, 4)));
    expect(apart.loss).not.toBeCloseTo(whole.loss, 4);
  });
});

test('rows that start anew in the middle begin with the learned state and the first statistics', async () => {
  await withTrained(async (model) => {
    await model.set('0.h0', normals(7, 1));
    const [first, second] = cut(sequences(4), 4);
    const reset = Uint8Array.of(0, 1, 0, 0, 1);
    const options = { allowStale: true, carryState };
    const evaluate = async (flags: Batch['reset']) =>
      (await model.evaluate(sourceOf([first, { ...second, reset: flags }]), options)).loss;
    const mixed = await evaluate(reset);
    // By rows: predict says what each of them gives.
    const { outputs, state } = await model.predict(first, { allowStale: true });
    const on = await model.predict(second, { state, firstStep: 4, allowStale: true });
    const anew = await model.predict(second, { allowStale: true });
    const width = 4 * C;
    const logits = Array.from({ length: B }, (_, n) => [
      ...(reset[n] ? anew : on).outputs.slice(n * width, (n + 1) * width),
    ]).flat();
    const expected = (lossOf(outputs, first) + lossOf(logits, second)) / 2;
    expect(mixed).toBeCloseTo(expected, 5);
    for (const all of [true, false]) expect(await evaluate(all)).not.toBeCloseTo(expected, 5);
  });
});

test('rows that have ended within a chunk go on from their last step', async () => {
  await withTrained(async (model) => {
    const lengths = Int32Array.of(4, 2, 3, 4, 1);
    const [whole, second] = cut(sequences(4), 4);
    const first = { ...whole, lengths };
    const { loss } = await model.evaluate(sourceOf([first, second]), { carryState });
    const counted = lengths.reduce((sum, length) => sum + length, 0);
    const before = await model.evaluate(sourceOf([first]));
    const { state } = await model.predict(first);
    const { outputs } = await model.predict(second, { state, firstStep: lengths });
    const sum = before.loss * counted + lossOf(outputs, second) * B * 4;
    expect(loss).toBeCloseTo(sum / (counted + B * 4), 5);
  });
});

test('statistics are estimated chunk by chunk, each row of a table by its own chunks', async () => {
  await withModel(reals, oracleLayers({ maxSteps: 10 }), async (model) => {
    // Two streams of 12 steps and one of 4: rows 0-3 meet three chunks, 4-9 two; 10 and 11 have no row.
    const streams = [sequences(1), sequences(2), sequences(3, 4)].map((batch) => cut(batch, 4));
    const estimate = await model.estimateStatistics(sourceOf(streams.flat()), { carryState });
    expect(estimate).toEqual({ batches: 7, sequences: 7 * B });

    const p = await readParameters(model);
    const each = streams.map((parts) => {
      let state: State | undefined;
      return parts.map((part, k) => {
        const out = oracleChunk(p, part, () => k === 0, state);
        state = out.state;
        return out.statistics;
      });
    });
    const expected = [0, 1, 2].map((k) =>
      averageStatistics(
        each.flatMap((parts) => parts.slice(k, k + 1)),
        5,
      ),
    );
    const { status, layers } = await model.statistics();
    expect(status).toBe('fresh');
    for (const name of statisticsNames) {
      const wanted = expected.flatMap((chunk) => [...chunk[name]]);
      const actual = layers[0][name];
      expect(actual.length).toBe((wanted.length / 12) * 10);
      const error = Math.max(...actual.map((value, k) => Math.abs(value - wanted[k])));
      expect(error, name).toBeLessThan(1e-5);
    }
  });
});

test('statistics of a stream in chunks are those of the stream as one sequence', async () => {
  const tables = (steps: number) =>
    withModel(reals, stack, async (model) => {
      await model.estimateStatistics(sourceOf(cut(sequences(1), steps)), { carryState });
      return (await model.statistics()).layers;
    });
  const [whole, parts] = [await tables(12), await tables(3)];
  for (const [index, layer] of parts.entries()) {
    for (const name of statisticsNames) {
      const wanted = whole[index][name];
      const error = Math.max(...layer[name].map((value, k) => Math.abs(value - wanted[k])));
      expect(error, name).toBeLessThan(1e-6);
    }
  }
});

test('where some rows start anew the row that is furthest names the statistics', async () => {
  await withModel(reals, oracleLayers({ maxSteps: 10 }), async (model) => {
    const [first, second, third] = cut(sequences(1), 4);
    const batches = [first, { ...second, reset: Uint8Array.of(1, 0, 1, 1, 1) }, third];
    await model.estimateStatistics(sourceOf(batches), { carryState });
    const p = await readParameters(model);
    const start = oracleChunk(p, first, () => true);
    const mixed = oracleChunk(p, second, (row) => row !== 1, start.state);
    const last = oracleChunk(p, third, () => false, mixed.state);
    const { layers } = await model.statistics();
    for (const name of statisticsNames) {
      const wanted = [start, mixed, last].flatMap(({ statistics }) => [...statistics[name]]);
      const error = Math.max(...layers[0][name].map((value, k) => Math.abs(value - wanted[k])));
      expect(error, name).toBeLessThan(1e-5);
    }
  });
});

test('a long text is evaluated in any number of streams, and state is freed afterwards', async () => {
  const layers = [bnLstm({ hidden: 6, maxSteps: 8 }), linear(5)];
  await withModel({ vocabulary: 5, seed: 2 }, layers, async (model) => {
    const tokens = Int32Array.from({ length: 101 }, (_, i) => (i * i) % 5);
    const text = textStream(tokens, { steps: 10 });
    // What was disposed is freed once the stream has come to it.
    const arrays = async () => {
      await model.get('1.b');
      return native().counts().arrays;
    };
    const before = await arrays();
    await model.estimateStatistics(text, { batchSize: 4, carryState });
    const one = await model.evaluate(text, { batchSize: 1, carryState });
    expect(one.count).toBe(100);
    const whole = await model.predict({ inputs: tokens.slice(0, 100), size: 1, steps: 100 });
    let right = 0;
    for (let t = 0; t < 100; t++) {
      const logits = whole.outputs.slice(5 * t, 5 * t + 5);
      if (logits.indexOf(Math.max(...logits)) === tokens[t + 1]) right++;
    }
    expect(one.accuracy).toBeCloseTo(right / 100, 10);
    const three = await model.evaluate(text, { batchSize: 3, carryState });
    expect(three.count).toBe(99);
    const trainer = trainerOf(model);
    await trainer.step(text.batch(0, 4), { carryState });
    await trainer.step(text.batch(0, 9), { carryState });
    trainer.dispose();
    // The model keeps the array of gradients that training has made.
    expect(await arrays()).toBe(before + 1);
  });
});
