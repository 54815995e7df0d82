// Truncated back-propagation through time: state goes from chunk to chunk, gradients do not.
import { describe, expect, test } from 'vitest';
import type { Batch, DataSource } from '../../lib/data/source.js';
import {
  arrayData,
  bidirectional,
  bnLstm,
  crossEntropy,
  lastStep,
  linear,
  lstm,
  type Model,
  rmsprop,
  type StepResult,
} from '../../lib/index.js';
import { expectError, normals, trainerOf, weights, withModel } from '../model/support.js';
import { oracleChunk, oracleLayers, readParameters, type State, sizes } from './chunk_oracle.js';

const { D, C } = sizes;
const [B, T] = [6, 12];
const reals = { features: D, seed: 5 };
const whole: Batch = {
  inputs: normals(B * T * D, 7),
  targets: Int32Array.from({ length: B * T }, (_, k) => (k * k + Math.floor(k / 5)) % C),
  size: B,
  steps: T,
};

/** Rows and steps [from, to) of the whole. */
function chunk(from: number, to: number, reset: Batch['reset'], rows = B): Batch {
  const cut = <A extends Float32Array | Int32Array>(values: A, width: number) =>
    Array.from({ length: rows }, (_, n) => [
      ...values.slice((n * T + from) * width, (n * T + to) * width),
    ]).flat();
  return {
    inputs: Float32Array.from(cut(whole.inputs, D)),
    targets: Int32Array.from(cut(whole.targets as Int32Array, 1)),
    size: rows,
    steps: to - from,
    reset,
  };
}
const chunks = (steps: number): Batch[] =>
  Array.from({ length: T / steps }, (_, k) => chunk(k * steps, (k + 1) * steps, k === 0));
const sourceOf = (batches: readonly Batch[]): DataSource => ({
  count: batches.reduce((sum, { size }) => sum + size, 0),
  batches: () => batches,
});
const carryState = true;

/** RMSProp that never scales: w -= gradient. */
const plainTrainer = (model: Model) =>
  model.trainer({
    loss: crossEntropy(),
    optimizer: rmsprop({ learningRate: 1e6, maxScaling: 1e-6 }),
  });

/** What a step has taken off each parameter is its gradient: to be that of the oracle. */
async function expectOracleStep(
  model: Model,
  step: () => Promise<StepResult>,
  oracle: (p: Record<string, Float64Array>) => ReturnType<typeof oracleChunk>,
) {
  const before = await readParameters(model);
  const expected = oracle(before);
  const { loss } = await step();
  const after = await readParameters(model);
  expect(Math.abs(loss - expected.loss)).toBeLessThan(1e-6);
  for (const [name, gradient] of Object.entries(expected.gradients)) {
    const actual = before[name].map((value, k) => value - after[name][k]);
    const error = Math.max(...actual.map((value, k) => Math.abs(value - gradient[k])));
    expect(error, name).toBeLessThan(1e-6);
  }
  return expected;
}

describe('training', () => {
  test('every chunk has the gradients of its own steps, from the state that was carried', async () => {
    await withModel(reals, oracleLayers(), async (model) => {
      const trainer = plainTrainer(model);
      let state: State | undefined;
      const seen: number[] = [];
      for (const [k, batch] of chunks(4).entries()) {
        const expected = await expectOracleStep(
          model,
          () => trainer.step(batch, { carryState }),
          (p) => oracleChunk(p, batch, () => k === 0, state),
        );
        state = expected.state;
        const { '0.h0': h0, '0.c0': c0 } = expected.gradients;
        seen.push(Math.max(...[...h0, ...c0].map(Math.abs)));
      }
      // Learned states have gradients where rows start, and nowhere else.
      expect(seen.map((largest) => largest > 1e-4)).toEqual([true, false, false]);
    });
  });

  test('rows that start anew use the learned state and alone give its gradient', async () => {
    await withModel(reals, oracleLayers(), async (model) => {
      await model.set('0.h0', normals(5, 1));
      await model.set('0.c0', normals(5, 2));
      const trainer = plainTrainer(model);
      const first = chunk(0, 4, true);
      const reset = Uint8Array.of(0, 1, 0, 0, 7, 0);
      const second = chunk(4, 8, reset);
      const { state } = await expectOracleStep(
        model,
        () => trainer.step(first, { carryState }),
        (p) => oracleChunk(p, first, () => true),
      );
      const { gradients } = await expectOracleStep(
        model,
        () => trainer.step(second, { carryState }),
        (p) => oracleChunk(p, second, (row) => reset[row] !== 0, state),
      );
      expect(Math.max(...gradients['0.c0'].map(Math.abs))).toBeGreaterThan(1e-4);
    });
  });

  test('rows that have ended carry their last state', async () => {
    await withModel(reals, oracleLayers(), async (model) => {
      const lengths = Int32Array.of(4, 2, 3, 4, 1, 4);
      const [first, second] = [{ ...chunk(0, 4, true), lengths }, chunk(4, 8, false)];
      const p = await readParameters(model);
      const { state } = oracleChunk(p, first, () => true);
      const trainer = trainerOf(model, 0);
      await trainer.step(first, { carryState });
      const { loss } = await trainer.step(second, { carryState });
      expect(loss).toBeCloseTo(oracleChunk(p, second, () => false, state).loss, 5);
    });
  });

  test.each([0, 0.3])(
    'with all rows starting anew a step has the bits of one without (initial noise %f)',
    async (initialNoise) => {
      const run = (options?: { carryState: boolean }) =>
        withModel(reals, oracleLayers({ initialNoise }), async (model) => {
          const trainer = trainerOf(model);
          for (let k = 0; k < 3; k++) await trainer.step(chunk(4 * k, 4 * k + 4, true), options);
          return weights(model);
        });
      expect(await run({ carryState })).toEqual(await run());
    },
  );

  test('initial noise is for rows that start, not for those that go on', async () => {
    const losses = (between: number, reset: Batch['reset']) =>
      withModel(reals, oracleLayers({ initialNoise: 0.5 }), async (model) => {
        const trainer = trainerOf(model, 0);
        await trainer.step(chunk(0, 4, true), { carryState });
        // Nothing changes in between but the number of the step, which chooses the noise.
        for (let k = 0; k < between; k++) await trainer.step(whole);
        return (await trainer.step(chunk(4, 8, reset), { carryState })).loss;
      });
    expect(await losses(1, false)).toBe(await losses(0, false));
    expect(await losses(1, true)).not.toBe(await losses(0, true));
    const one = Uint8Array.of(0, 0, 1, 0, 0, 0);
    expect(await losses(1, one)).not.toBe(await losses(0, one));
  });

  test('a run carries over its batches, and a step after it goes on', async () => {
    const byRun = await withModel(reals, oracleLayers(), async (model) => {
      const trainer = trainerOf(model);
      const data = sourceOf(chunks(4).slice(0, 2));
      const losses: number[] = [];
      for await (const step of trainer.run(data, { batchSize: B, epochs: 2, carryState })) {
        losses.push(step.loss);
      }
      losses.push((await trainer.step(chunk(8, 12, false), { carryState })).loss);
      return { losses, values: await weights(model) };
    });
    const byStep = await withModel(reals, oracleLayers(), async (model) => {
      const trainer = trainerOf(model);
      const losses: number[] = [];
      const [first, second, third] = chunks(4);
      for (const batch of [first, second, first, second, third]) {
        losses.push((await trainer.step(batch, { carryState })).loss);
      }
      return { losses, values: await weights(model) };
    });
    expect(byRun).toEqual(byStep);
  });

  test('a step that is not finite leaves the carried state, and training can go on', async () => {
    const run = (withBad: boolean) =>
      withModel(reals, oracleLayers({ statDecay: 0.9 }), async (model) => {
        const trainer = trainerOf(model);
        const [first, second, third] = chunks(4);
        await trainer.step(first, { carryState });
        const inputs = (second.inputs as Float32Array).slice().fill(Number.NaN, 3, 4);
        if (withBad) {
          const bad = () => trainer.step({ ...second, inputs }, { carryState });
          await expectError(bad, 'ERR_BNLSTM_NOT_FINITE');
        }
        await trainer.step(second, { carryState });
        const { loss } = await trainer.step(third, { carryState });
        const moving = await model.evaluate(sourceOf(chunks(4)), {
          statistics: 'moving',
          carryState,
        });
        return { loss, moving, values: await weights(model) };
      });
    expect(await run(true)).toEqual(await run(false));
  });

  test('steps without it in between leave the carried state alone', async () => {
    await withModel(reals, oracleLayers(), async (model) => {
      const trainer = trainerOf(model, 0);
      const [first, second] = chunks(4);
      await trainer.step(first, { carryState });
      const { loss } = await trainer.step(second, { carryState });
      await trainer.step(first, { carryState });
      await trainer.step(whole);
      expect((await trainer.step(second, { carryState })).loss).toBe(loss);
      expect((await trainer.step({ ...second, reset: true }, { carryState })).loss).not.toBe(loss);
    });
  });

  test('another number of rows may follow where all start anew', async () => {
    await withModel(reals, oracleLayers(), async (model) => {
      const trainer = trainerOf(model, 0);
      const step = (from: number, reset: Batch['reset'], rows: number) =>
        trainer.step(chunk(from, from + 4, reset, rows), { carryState });
      const losses: number[] = [];
      for (const rows of [4, 6, 4]) {
        await step(0, true, rows);
        losses.push((await step(4, false, rows)).loss);
      }
      expect(losses[2]).toBe(losses[0]);
      const change = () => step(4, Uint8Array.of(1, 1, 1, 1, 0, 1), 6);
      await expectError(change, 'ERR_BNLSTM_CARRIED_STATE', /size: expected 4 rows.*reset.*got 6/);
      // It was refused before anything happened.
      expect((await step(4, false, 4)).loss).not.toBe(losses[0]);
    });
  });
});

const notFinite = (batch: Batch): Batch => ({
  ...batch,
  inputs: batch.inputs.map(() => Number.NaN) as Float32Array,
});

describe('a step that is not finite, on more rows', () => {
  test('leaves the carried state', async () => {
    await withModel(reals, oracleLayers(), async (model) => {
      const trainer = trainerOf(model, 0);
      const small = (from: number, reset: boolean) =>
        trainer.step(chunk(from, from + 4, reset, 3), { carryState });
      await small(0, true);
      const { carriedState } = trainer.memory();
      const { loss } = await small(4, false);
      await small(0, true);
      const larger = () => trainer.step(notFinite(chunk(0, 4, true)), { carryState });
      await expectError(larger, 'ERR_BNLSTM_NOT_FINITE');
      expect((await small(4, false)).loss).toBe(loss);
      expect(trainer.memory().carriedState).toBe(carriedState);
      await trainer.step(chunk(0, 4, true), { carryState });
      expect(trainer.memory().carriedState).toBeGreaterThan(carriedState);
    });
  });

  test('nor does a window of batches touch it', async () => {
    await withModel(reals, oracleLayers(), async (model) => {
      const optimizer = rmsprop({ learningRate: 0 });
      const trainer = model.trainer({ loss: crossEntropy(), optimizer, accumulate: 2 });
      const run = async (first: Batch, second: Batch) => {
        const options = { batchSize: B, epochs: 1, carryState };
        let loss = Number.NaN;
        for await (const step of trainer.run(sourceOf([first, second]), options)) loss = step.loss;
        return loss;
      };
      const start = () => run(chunk(0, 2, true, 4), chunk(2, 4, false, 4));
      const goOn = () => run(chunk(4, 6, false, 4), chunk(6, 8, false, 4));
      await start();
      const expected = await goOn();
      await start();
      const failing = () => run(chunk(4, 6, false, 4), notFinite(chunk(0, 2, true)));
      await expectError(failing, 'ERR_BNLSTM_NOT_FINITE');
      expect(await goOn()).toBe(expected);
      // And a window may grow in its middle, at the very beginning too.
      const anew = model.trainer({ loss: crossEntropy(), optimizer, accumulate: 2 });
      const growing = sourceOf([chunk(0, 4, true, 3), chunk(0, 4, true)]);
      for await (const step of anew.run(growing, { batchSize: B, epochs: 1, carryState })) {
        expect(step.loss).not.toBeNaN();
      }
      expect(await run(chunk(4, 6, false, 4), chunk(0, 2, true))).not.toBeNaN();
      const grown = await run(chunk(2, 4, false), chunk(4, 6, false));
      await run(chunk(0, 2, true), chunk(0, 2, true));
      expect(await run(chunk(2, 4, false), chunk(4, 6, false))).toBe(grown);
    });
  });
});

describe('chunks that are skipped', () => {
  /** Of the last step. */
  const lossAfter = (skipped: readonly Batch[], next: readonly Batch[], accumulate: 1 | 2 = 1) =>
    withModel(reals, oracleLayers(), async (model) => {
      const optimizer = rmsprop({ learningRate: 0 });
      const options = { loss: crossEntropy(), optimizer, accumulate, onNaN: 'skip' } as const;
      const trainer = model.trainer(options);
      const first = [chunk(0, 2, true), chunk(2, 4, false)];
      const data = sourceOf([...first, ...skipped, ...next]);
      let loss = Number.NaN;
      for await (const step of trainer.run(data, { batchSize: B, epochs: 1, carryState })) {
        loss = step.loss;
      }
      return loss;
    });
  const one = Uint8Array.of(0, 0, 1, 0, 0, 0);
  const two = Uint8Array.of(0, 1, 0, 0, 0, 0);
  const both = Uint8Array.of(0, 1, 1, 0, 0, 0);

  test('have their rows start with the next one', async () => {
    for (const reset of [true, one, false]) {
      const bad = notFinite(chunk(4, 6, reset));
      const after = await lossAfter([bad], [chunk(6, 8, false)]);
      expect(after).toBe(await lossAfter([], [chunk(6, 8, reset)]));
      if (reset) expect(after).not.toBe(await lossAfter([], [chunk(6, 8, false)]));
    }
  });

  test('one after another, with other rows and other numbers of rows', async () => {
    const bad = [one, two, false].map((reset) => notFinite(chunk(4, 6, reset)));
    const expected = await lossAfter([], [chunk(6, 8, both)]);
    expect(await lossAfter(bad, [chunk(6, 8, false)])).toBe(expected);
    // What has started goes on.
    const rest = [chunk(6, 8, false), chunk(8, 10, false)];
    const through = await lossAfter([], [chunk(6, 8, both), chunk(8, 10, false)]);
    expect(await lossAfter(bad, rest)).toBe(through);
    const fewer = notFinite(chunk(4, 6, true, 4));
    const anew = await lossAfter([], [chunk(6, 8, true, 4)]);
    expect(await lossAfter([fewer], [chunk(6, 8, false, 4)])).toBe(anew);
  });

  test('in a window, whichever of its batches is not finite', async () => {
    const next = (reset: Batch['reset']) => [chunk(8, 10, reset), chunk(10, 12, false)];
    const expected = await lossAfter([], next(both), 2);
    const batches = [chunk(4, 6, one), chunk(6, 8, two)];
    for (const bad of [0, 1]) {
      const window = batches.map((batch, index) => (index === bad ? notFinite(batch) : batch));
      expect(await lossAfter(window, next(false), 2)).toBe(expected);
    }
  });
});

describe('moving statistics', () => {
  test('go to the rows of the chunk’s steps', async () => {
    await withModel(reals, oracleLayers({ statDecay: 0.5 }), async (model) => {
      const trainer = trainerOf(model, 0);
      for (let i = 0; i < 40; i++) {
        for (const batch of chunks(4)) await trainer.step(batch, { carryState });
      }
      // Weights stay, so they go to the statistics of the chunks.
      const data = sourceOf(chunks(4));
      const moving = await model.evaluate(data, { statistics: 'moving', carryState });
      const batch = await model.evaluate(data, { statistics: 'batch', carryState });
      expect(moving.loss).toBeCloseTo(batch.loss, 5);
    });
  });
});

describe('refuses', () => {
  const layers = [lstm({ hidden: 4 }), linear(C)];

  test('layers that cannot go on, with the reason', async () => {
    const two = [bidirectional(bnLstm({ hidden: 4, maxSteps: T })), linear(C)];
    await withModel(reals, two, async (model) => {
      const trainer = trainerOf(model);
      const data = sourceOf(chunks(4));
      for (const use of [
        () => trainer.step(chunk(0, 4, true), { carryState }),
        () => trainer.run(data, { batchSize: B, epochs: 1, carryState }),
        () => model.evaluate(data, { statistics: 'batch', carryState }),
        () => model.estimateStatistics(data, { carryState }),
      ]) {
        await expectError(use, 'ERR_BNLSTM_ARGUMENT', /carryState.*layer 0.*both directions.*end/);
      }
    });
    await withModel(reals, [linear(C)], async (model) => {
      const step = () => trainerOf(model).step(chunk(0, 4, true), { carryState });
      await expectError(step, 'ERR_BNLSTM_ARGUMENT', /step: carryState.*recurrent layers/);
    });
  });

  test('batches that do not say which rows start', async () => {
    await withModel(reals, layers, async (model) => {
      const { inputs, targets } = whole as { inputs: Float32Array; targets: Int32Array };
      const data = arrayData({ inputs, targets, steps: 4, features: D });
      const run = trainerOf(model).run(data, { batchSize: B, epochs: 1, carryState });
      await expectError(() => run.next(), 'ERR_BNLSTM_ARGUMENT', /batch: reset.*every batch/);
      const evaluate = () => model.evaluate(data, { carryState });
      await expectError(evaluate, 'ERR_BNLSTM_ARGUMENT', /batch 1: reset/);
    });
  });

  test('flags of the wrong type or number, and a shuffled stream', async () => {
    await withModel(reals, layers, async (model) => {
      const trainer = trainerOf(model);
      const step = (reset: unknown) => () =>
        trainer.step(chunk(0, 4, reset as boolean), { carryState });
      const wrong = 'ERR_BNLSTM_ARGUMENT';
      await expectError(step(1), wrong, /reset: expected true, false or a Uint8Array, got 1/);
      await expectError(step(new Uint8Array(5)), wrong, /reset.*6 elements, got Uint8Array\(5\)/);
      const options = { batchSize: B, epochs: 1, carryState, shuffle: true };
      await expectError(
        () => trainer.run(sourceOf([]), options),
        wrong,
        /shuffle.*keeps the order/,
      );
      const odd = () => trainer.step(whole, { carry: true } as never);
      await expectError(odd, wrong, /step.*carryState, got carry/);
      const sevens = () => trainer.step(whole, { carryState: 7 } as never);
      await expectError(sevens, wrong, /step: carryState: expected true or false/);
    });
  });
});

test('without carryState flags are not looked at', async () => {
  const run = (reset: Batch['reset']) =>
    withModel(reals, [lstm({ hidden: 4 }), lastStep(), linear(C)], async (model) => {
      const { targets } = whole;
      const batch = { ...chunk(0, 4, reset), targets: (targets as Int32Array).slice(0, B) };
      await trainerOf(model).step(batch);
      return weights(model);
    });
  expect(await run(false)).toEqual(await run(undefined));
});
