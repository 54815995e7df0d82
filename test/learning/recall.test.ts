// The recall task (docs/paper.md section 4.4): a BN-LSTM remembers the first of 60 symbols after some
// 200 iterations; a plain LSTM, and population statistics shared over time, stay near chance.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recallTask } from '../../lib/data/recall.js';
import {
  bnLstm,
  crossEntropy,
  lastStep,
  linear,
  load,
  lstm,
  rmsprop,
  sequential,
} from '../../lib/index.js';
import { readSafetensors, writeSafetensors } from '../../lib/io/safetensors.js';
import type { Model } from '../../lib/model/model.js';
import type { RecurrentLayer } from '../../lib/nn/recurrent.js';
import { realDevices } from '../numeric/devices.js';

const [steps, classes, symbols, hidden, batchSize] = [60, 8, 16, 48, 64];
const task = { steps, classes, symbols };
const test = recallTask({ ...task, count: 16 * batchSize, seed: 999 });

const build = (device: string, seed: number, recurrent: RecurrentLayer) =>
  sequential({ vocabulary: symbols, device, seed }, [recurrent, lastStep(), linear(classes)]);

/** Trains until `iterations`, or until a batch-statistics accuracy of `enough` on unseen data. */
async function train(model: Model, seed: number, iterations: number, enough = 2): Promise<number> {
  const trainer = model.trainer({
    loss: crossEntropy(),
    optimizer: rmsprop({ learningRate: 1e-3, decay: 0.9 }),
    clipNorm: 1,
  });
  const data = recallTask({ ...task, count: iterations * batchSize, seed });
  for await (const { index } of trainer.run(data, { batchSize, iterations, reportEvery: 25 })) {
    if (enough > 1) continue;
    const { accuracy } = await model.evaluate(test, { statistics: 'batch', batchSize });
    if ((accuracy as number) >= enough) return index;
  }
  return Number.POSITIVE_INFINITY;
}

const accuracyOf = async (model: Model, size = batchSize) =>
  (await model.evaluate(test, { batchSize: size })).accuracy as number;

describe.each(realDevices)('the recall task on %s', (device) => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bnlstm-recall-'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  it.each([1, 2, 3])('BN-LSTM learns it within 400 iterations: seed %i', async (seed) => {
    const model = await build(device, seed, bnLstm({ hidden, maxSteps: steps }));
    expect(await train(model, seed, 400, 0.99)).toBeLessThanOrEqual(400);
    await model.dispose();
  });

  it('population statistics carry over step by step, but not averaged over time', async () => {
    const model = await build(device, 4, bnLstm({ hidden, maxSteps: steps }));
    await train(model, 4, 300);
    await model.estimateStatistics(recallTask({ ...task, count: 50 * batchSize, seed: 5 }), {
      batchSize,
    });
    expect(await accuracyOf(model)).toBeGreaterThanOrEqual(0.99);
    expect(await accuracyOf(model, 1)).toBe(await accuracyOf(model));

    const path = join(directory, 'recall.safetensors');
    await model.save(path);
    await model.dispose();
    const { tensors, metadata } = await readSafetensors(path);
    let tables = 0;
    for (const [name, { shape, data }] of tensors) {
      if (!name.startsWith('statistics.') || shape[0] !== steps) continue;
      averageOverTime(data as Float32Array);
      tables++;
    }
    expect(tables).toBe(6);
    await writeSafetensors(path, tensors, metadata);
    const shared = await load(path, { device });
    expect(await accuracyOf(shared)).toBeLessThan(0.3);
    await shared.dispose();
  });
});

// What fails to learn says something of the task and of the paper, not of a device: one is enough.
describe.each(realDevices.slice(-1))('beside it, on %s', (device) => {
  it('a plain LSTM stays near chance for 600 iterations', async () => {
    const model = await build(device, 1, lstm({ hidden }));
    await train(model, 1, 600);
    expect(await accuracyOf(model)).toBeLessThan(0.3);
    await model.dispose();
  });

  it('gamma 1 learns it several times slower than gamma 0.1', async () => {
    for (const [gammaInit, least, most] of [
      [0.1, 0.7, 1],
      [1, 0, 0.45],
    ] as const) {
      const model = await build(device, 1, bnLstm({ hidden, maxSteps: steps, gammaInit }));
      await train(model, 1, 100);
      const { accuracy } = await model.evaluate(test, { statistics: 'batch', batchSize });
      expect(accuracy).toBeGreaterThanOrEqual(least);
      expect(accuracy).toBeLessThanOrEqual(most);
      await model.dispose();
    }
  });
});

/** Gives every row of a table [S][columns] the mean of its column. */
function averageOverTime(table: Float32Array): void {
  const columns = table.length / steps;
  for (let column = 0; column < columns; column++) {
    let sum = 0;
    for (let s = 0; s < steps; s++) sum += table[s * columns + column] as number;
    for (let s = 0; s < steps; s++) table[s * columns + column] = sum / steps;
  }
}
