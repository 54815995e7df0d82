import { describe, expect, test } from 'vitest';
import type { Batch, BatchOptions, DataSource } from '../../lib/data/source.js';
import {
  bnLstm,
  crossEntropy,
  lastStep,
  linear,
  lstm,
  rmsprop,
  type StepResult,
} from '../../lib/index.js';
import {
  expectError,
  noiseBatch,
  noiseData,
  trainerOf,
  weights,
  withModel,
} from '../model/support.js';

const reals = { features: 3, seed: 5 };
const classifier = [bnLstm({ hidden: 8, maxSteps: 6, statDecay: 0.9 }), lastStep(), linear(4)];
const data = noiseData({ count: 22 });

/** A source that says what is asked of it. */
function watched(log: string[], batches: (Batch | Error)[]): DataSource {
  return {
    count: 100,
    async *batches(options: BatchOptions) {
      try {
        for (const [index, batch] of batches.entries()) {
          log.push(`epoch ${options.shuffle?.epoch} batch ${index}`);
          if (batch instanceof Error) throw batch;
          yield batch;
        }
      } finally {
        log.push('close');
      }
    },
  };
}

describe('run', () => {
  test('counts steps, epochs and turns, over several runs', async () => {
    await withModel(reals, classifier, async (model) => {
      const trainer = trainerOf(model);
      const seen: number[][] = [];
      const note = ({ index, steps, epoch }: StepResult) => seen.push([index, steps, epoch]);
      for await (const step of trainer.run(data, { batchSize: 5, epochs: 2, reportEvery: 3 }))
        note(step);
      expect(seen).toEqual([
        [3, 3, 1],
        [6, 3, 2],
        [8, 2, 2],
      ]);
      for await (const step of trainer.run(data, {
        batchSize: 5,
        iterations: 5,
        lastBatch: 'keep',
      }))
        note(step);
      expect(seen.slice(3)).toEqual([9, 10, 11, 12, 13].map((index) => [index, 1, 3]));
      note(await trainer.step(noiseBatch({ count: 5 })));
      expect(seen.at(-1)).toEqual([14, 1, 0]);
    });
  });

  test('a result is the mean of its steps', async () => {
    const losses = (reportEvery: number) =>
      withModel(reals, classifier, async (model) => {
        const results: StepResult[] = [];
        const run = trainerOf(model).run(data, { batchSize: 11, iterations: 4, reportEvery });
        for await (const step of run) results.push(step);
        return results;
      });
    const single = await losses(1);
    const [all] = await losses(4);
    const mean = (key: 'loss' | 'gradientNorm' | 'accuracy') =>
      single.reduce((sum, step) => sum + (step[key] ?? Number.NaN), 0) / 4;
    expect(all.loss).toBeCloseTo(mean('loss'), 12);
    expect(all.gradientNorm).toBeCloseTo(mean('gradientNorm'), 12);
    expect(all.accuracy).toBeCloseTo(mean('accuracy'), 12);
  });

  test('shuffles by seed and epoch, or not at all', async () => {
    const asked: BatchOptions[] = [];
    const source: DataSource = {
      count: 22,
      batches: (options) => {
        asked.push(options);
        return data.batches(options);
      },
    };
    await withModel(reals, classifier, async (model) => {
      const trainer = trainerOf(model);
      for await (const _ of trainer.run(source, { batchSize: 11, epochs: 2 }));
      for await (const _ of trainer.run(source, { batchSize: 11, epochs: 1, shuffle: false }));
    });
    expect(asked.map(({ shuffle }) => shuffle)).toEqual([
      { seed: 5, epoch: 1 },
      { seed: 5, epoch: 2 },
      undefined,
    ]);
  });

  test('runs no step ahead of its consumer, and break ends it cleanly', async () => {
    await withModel(reals, classifier, async (model) => {
      const trainer = trainerOf(model);
      const log: string[] = [];
      const source = watched(
        log,
        Array.from({ length: 5 }, () => noiseBatch({ count: 5 })),
      );
      let atBreak: Float32Array | undefined;
      for await (const step of trainer.run(source, { batchSize: 5, iterations: 50 })) {
        expect(step.index).toBe(1);
        atBreak = await weights(model);
        await new Promise((resolve) => setTimeout(resolve, 20));
        expect(await weights(model)).toEqual(atBreak);
        break;
      }
      expect(log).toEqual(['epoch 1 batch 0', 'epoch 1 batch 1', 'close']);
      expect(await weights(model)).toEqual(atBreak);
      expect((await trainer.step(noiseBatch({ count: 5 }))).index).toBe(2);
    });
  });

  test.each([1, 3])(
    'a source may use its arrays again for the next batch (%i to a step)',
    async (accumulate) => {
      const run = (reuse: boolean) =>
        withModel(reals, classifier, async (model) => {
          const inputs = new Float32Array(5 * 6 * 3);
          const targets = new Int32Array(5);
          const lengths = new Int32Array(5);
          const source: DataSource = {
            count: 20,
            *batches() {
              for (let i = 0; i < 4; i++) {
                const fresh = noiseBatch({
                  count: 5,
                  seed: i,
                  lengths: Int32Array.of(6 - i, 2, 1, 2, 2),
                });
                inputs.set(fresh.inputs);
                targets.set(fresh.targets as Int32Array);
                lengths.set(fresh.lengths as Int32Array);
                yield reuse ? { ...fresh, inputs, targets, lengths } : fresh;
              }
            },
          };
          const optimizer = rmsprop({ learningRate: 1e-2 });
          const trainer = model.trainer({ loss: crossEntropy(), optimizer, accumulate });
          const degenerateSteps: number[] = [];
          for await (const step of trainer.run(source, { batchSize: 5, epochs: 2 })) {
            degenerateSteps.push(step.degenerateSteps);
          }
          return { degenerateSteps, values: await weights(model) };
        });
      expect(await run(true)).toEqual(await run(false));
    },
  );

  test('an aborted signal ends it between steps with its reason', async () => {
    await withModel(reals, classifier, async (model) => {
      const trainer = trainerOf(model);
      const controller = new AbortController();
      const { signal } = controller;
      const options = { batchSize: 5, iterations: 50, signal };
      let steps = 0;
      const loop = async () => {
        for await (const _ of trainer.run(data, options)) {
          if (++steps === 3) controller.abort(new Error('enough'));
        }
      };
      await expect(loop()).rejects.toThrow('enough');
      expect(steps).toBe(3);
      await expect(loop()).rejects.toThrow('enough');
      expect(steps).toBe(3);
      expect((await trainer.step(noiseBatch({ count: 5 }))).index).toBe(4);
    });
  });

  test.each([1, 10])(
    'what a source throws comes out, after the steps before it (%i to a turn)',
    async (reportEvery) => {
      await withModel(reals, classifier, async (model) => {
        const log: string[] = [];
        const batch = noiseBatch({ count: 5 });
        const source = watched(log, [batch, batch, new Error('disk on fire')]);
        const trainer = trainerOf(model);
        let steps = 0;
        const loop = async () => {
          const options = { batchSize: 5, epochs: 1, reportEvery };
          for await (const turn of trainer.run(source, options)) steps += turn.steps;
        };
        await expect(loop()).rejects.toThrow('disk on fire');
        expect(steps).toBe(2);
        expect(log.at(-1)).toBe('close');
        expect((await trainer.step(batch)).index).toBe(3);
      });
    },
  );

  test('a source that fails hides no step before it that was not finite', async () => {
    await withModel(reals, classifier, async (model) => {
      const good = noiseBatch({ count: 5 });
      const bad = { ...good, inputs: good.inputs.map(() => Number.NaN) };
      const source = watched([], [good, bad, new Error('disk on fire')]);
      const options = { batchSize: 5, epochs: 1, reportEvery: 10 };
      const run = trainerOf(model).run(source, options);
      expect((await run.next()).value.steps).toBe(1);
      await expectError(() => run.next(), 'ERR_BNLSTM_NOT_FINITE', /step 2/);
    });
  });

  test('a source that does not go on keeps neither an abort nor a break waiting', async () => {
    await withModel(reals, classifier, async (model) => {
      const trainer = trainerOf(model);
      const source: DataSource = {
        count: 100,
        async *batches() {
          yield noiseBatch({ count: 5 });
          await new Promise(() => {});
        },
      };
      for await (const _ of trainer.run(source, { batchSize: 5, iterations: 2 })) break;
      const controller = new AbortController();
      const options = { batchSize: 5, iterations: 2, signal: controller.signal };
      const run = trainer.run(source, options);
      await run.next();
      const next = run.next();
      controller.abort(new Error('enough'));
      await expect(next).rejects.toThrow('enough');
      expect((await trainer.step(noiseBatch({ count: 5 }))).index).toBe(3);
    });
  });

  test('data without a single batch are refused', async () => {
    await withModel(reals, classifier, async (model) => {
      const run = trainerOf(model).run(data, { batchSize: 23, iterations: 1 });
      await expectError(() => run.next(), 'ERR_BNLSTM_ARGUMENT', /batch of 23.*22 sequences/);
    });
  });

  test('one loop or step at a time', async () => {
    await withModel(reals, classifier, async (model) => {
      const [one, two] = [trainerOf(model), trainerOf(model)];
      const batch = noiseBatch({ count: 5 });
      const run = one.run(data, { batchSize: 5, iterations: 9 });
      const waiting = two.run(data, { batchSize: 5, iterations: 1 });
      await run.next();
      await expectError(() => waiting.next(), 'ERR_BNLSTM_BUSY');
      await expectError(() => two.step(batch), 'ERR_BNLSTM_BUSY');
      await expectError(() => one.step(batch), 'ERR_BNLSTM_BUSY');
      await run.return?.();
      const running = one.step(batch);
      await expectError(() => two.step(batch), 'ERR_BNLSTM_BUSY');
      await running;
      await two.step(batch);
    });
  });

  test('statistics and evaluations fit between two steps', async () => {
    const run = (between: boolean) =>
      withModel(reals, classifier, async (model) => {
        for await (const _ of trainerOf(model).run(data, { batchSize: 11, iterations: 3 })) {
          if (!between) continue;
          await model.estimateStatistics(data);
          await model.evaluate(data);
        }
        return weights(model);
      });
    expect(await run(true)).toEqual(await run(false));
  });
});

test('a batch of one row is refused where it is normalised', async () => {
  const single = noiseBatch({ count: 1 });
  await withModel(reals, classifier, async (model) => {
    await expectError(() => trainerOf(model).step(single), 'ERR_BNLSTM_BATCH_OF_ONE', /at least 2/);
  });
  await withModel(reals, [lstm({ hidden: 4 }), lastStep(), linear(4)], async (model) => {
    expect((await trainerOf(model).step(single)).index).toBe(1);
  });
});

test('degenerate steps are counted', async () => {
  const lengths = Int32Array.of(6, 3, 2, 2);
  const batch = noiseBatch({ count: 4, lengths });
  await withModel(reals, classifier, async (model) => {
    expect((await trainerOf(model).step(batch)).degenerateSteps).toBe(3);
  });
  const all = bnLstm({ hidden: 4, maxSteps: 6, lengthStatistics: 'all' });
  await withModel(reals, [all, lastStep(), linear(4)], async (model) => {
    expect((await trainerOf(model).step(batch)).degenerateSteps).toBe(0);
  });
});

test('a disposed trainer frees its state and says so; the model stays', async () => {
  await withModel(reals, classifier, async (model) => {
    const trainer = trainerOf(model);
    await trainer.step(noiseBatch({ count: 5 }));
    trainer.dispose();
    trainer.dispose();
    const step = () => trainer.step(noiseBatch({ count: 5 }));
    await expectError(step, 'ERR_BNLSTM_DISPOSED', /trainer/);
    await expectError(() => trainer.run(data, { batchSize: 5, epochs: 1 }), 'ERR_BNLSTM_DISPOSED');
    await trainerOf(model).step(noiseBatch({ count: 5 }));
  });
});

test('options are checked', async () => {
  await withModel(reals, classifier, async (model) => {
    const loss = crossEntropy();
    const optimizer = rmsprop({ learningRate: 1 });
    const make = (options: object) => () => model.trainer({ loss, optimizer, ...options } as never);
    expect(make({ clip: 1 })).toThrow(/clipNorm.*got clip/);
    expect(make({ clipNorm: 0 })).toThrow(/clipNorm.*> 0/);
    expect(make({ onNaN: 'ignore' })).toThrow(/onNaN.*"throw"/);
    expect(make({ loss: 'mse' })).toThrow(/loss/);
    expect(make({ optimizer: {} })).toThrow(/optimizer/);
    const trainer = model.trainer({ loss, optimizer });
    const run = (options: object) => () => trainer.run(data, { batchSize: 4, ...options } as never);
    expect(run({})).toThrow(/iterations, epochs.*neither/);
    expect(run({ iterations: 1, epochs: 1 })).toThrow(/both/);
    expect(run({ iterations: 1, batchsize: 1 })).toThrow(/batchsize/);
    expect(run({ iterations: 1, batchSize: 0 })).toThrow(/batchSize/);
    expect(run({ iterations: 1, reportEvery: 0 })).toThrow(/reportEvery/);
    expect(run({ iterations: 1, signal: {} })).toThrow(/signal.*AbortSignal/);
    expect(() => trainer.run([] as never, { batchSize: 4, epochs: 1 })).toThrow(/run: data/);
  });
});
