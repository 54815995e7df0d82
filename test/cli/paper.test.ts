import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { curveOf } from '../../lib/cli/paper/curve.js';
import type { LearningExperiment } from '../../lib/cli/paper/experiment.js';
import { learn } from '../../lib/cli/paper/learning.js';
import type { RunResult } from '../../lib/cli/paper/results.js';
import { validationInterval } from '../../lib/cli/paper/resume.js';
import { type PaperOptions, paper, runPaper } from '../../lib/cli/paper.js';
import { recallTask } from '../../lib/data/recall.js';
import {
  bnLstm,
  crossEntropy,
  type HistoryRecord,
  lastStep,
  linear,
  load,
  lstm,
  rmsprop,
  type SeekableSource,
  sequential,
} from '../../lib/index.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bnlstm-paper-'));
});
afterEach(() => rm(folder, { recursive: true }));

const batchSize = 8;

/** Two small nets, 12 iterations in two epochs. */
function smallExperiment(train: SeekableSource = task(6, 1)): LearningExperiment {
  const run = (name: string, layer: () => ReturnType<typeof lstm>) => ({
    name,
    variables: { model: name },
    model: () =>
      sequential({ vocabulary: 6, device: 'cpu', seed: 3 }, [layer(), lastStep(), linear(4)]),
    training: { loss: crossEntropy(), optimizer: rmsprop({ learningRate: 1e-2 }), clipNorm: 1 },
    data: async () => ({ train, valid: task(2, 8), test: task(3, 9) }),
  });
  const settings = {
    ...{ batchSize, iterations: 12, statisticsBatch: 16 },
    ...{ reportEvery: 3, validateEvery: 6, turn: 5 },
  };
  return {
    ...{ name: 'small', summary: 'a small one', settings },
    runs: () => [
      run('bn-lstm', () => bnLstm({ hidden: 8, maxSteps: 10 })),
      run('lstm', () => lstm({ hidden: 8 })),
    ],
  };
}

function task(batches: number, seed: number): SeekableSource {
  return recallTask({ steps: 10, classes: 4, symbols: 6, count: batches * batchSize, seed });
}

/** The same source; `onBatch` is told when batch `number` is taken, counted over all readings. */
function counted(source: SeekableSource, number: number, onBatch: () => void): SeekableSource {
  let taken = 0;
  return {
    count: source.count,
    seekable: true,
    async *batches(options) {
      for await (const batch of source.batches(options)) {
        if (++taken === number) onBatch();
        yield batch;
      }
    },
  };
}

async function learned(
  experiment: LearningExperiment,
  options: {
    readonly name: string;
    readonly resume?: boolean;
    readonly signal?: AbortSignal;
    readonly earlier?: readonly RunResult[];
  },
): Promise<readonly RunResult[]> {
  let results: readonly RunResult[] = [];
  await learn(experiment, {
    choice: { seed: 3 },
    folder: join(folder, options.name),
    resume: options.resume ?? false,
    earlier: options.earlier ?? [],
    signal: options.signal ?? new AbortController().signal,
    say: () => {},
    save: async (runs) => {
      results = structuredClone(runs);
    },
  });
  return results;
}

describe('learn', () => {
  it('trains, validates and tests every run, and keeps the model that was tested', async () => {
    const results = await learned(smallExperiment(), { name: 'runs' });
    expect(results.map(({ name }) => name)).toEqual(['bn-lstm', 'lstm']);
    for (const { iterations, stoppedBy, curve, validation, test, seconds } of results) {
      expect([iterations, stoppedBy]).toEqual([12, 'finished']);
      expect(curve.iteration).toEqual([3, 6, 9, 12]);
      for (const column of [curve.loss, curve.accuracy, curve.gradientNorm]) {
        expect(column).toHaveLength(4);
        expect(column.every((value) => value >= 0)).toBe(true); // not NaN
      }
      expect(validation.map(({ iteration }) => iteration)).toEqual([6, 12]);
      const best = Math.max(...validation.map(({ accuracy }) => accuracy));
      const at = validation.find(({ accuracy }) => accuracy === best);
      expect(test).toMatchObject({ iteration: at?.iteration, sequences: 24 });
      expect(seconds).toBeGreaterThan(0);
    }
    expect(results[0].test?.statistics).toEqual({ sequences: 48, batchSize: 16 });
    expect(results[1].test).not.toHaveProperty('statistics');

    const model = await load(join(folder, 'runs', 'bn-lstm', 'tested.safetensors'));
    const { accuracy } = await model.evaluate(task(3, 9), { batchSize: 16 });
    expect(accuracy).toBe(results[0].test?.accuracy);
    await model.dispose();
  });

  it.each([2, 5, 8, 17])('resumed after it ended at batch %i it gives the same', async (number) => {
    const whole = await learned(smallExperiment(), { name: 'whole' });
    const controller = new AbortController();
    const train = counted(task(6, 1), number, () => controller.abort());
    const { signal } = controller;
    const parts = await learned(smallExperiment(train), { name: 'parts', signal });
    expect(parts.some(({ stoppedBy }) => stoppedBy === 'aborted')).toBe(true);
    const resumed = await learned(smallExperiment(), { name: 'parts', resume: true });
    const timeless = (results: readonly RunResult[]) => results.map((r) => ({ ...r, seconds: 0 }));
    expect(timeless(resumed)).toEqual(timeless(whole));
  });

  it('keeps what runs have come to that get no turn, with their test', async () => {
    const first = new AbortController();
    const train = counted(task(6, 1), 8, () => first.abort());
    const parts = await learned(smallExperiment(train), { name: 'kept', signal: first.signal });
    const again = { name: 'kept', resume: true, earlier: parts };
    const signal = AbortSignal.abort();
    expect(await learned(smallExperiment(), { ...again, signal })).toEqual(parts);
    const resumed = await learned(smallExperiment(), again);
    expect(resumed.map(({ iterations }) => iterations)).toEqual([12, 12]);
  });

  it('tests no weights without training', async () => {
    const controller = new AbortController();
    const train = counted(task(6, 1), 1, () => controller.abort());
    const results = await learned(smallExperiment(train), {
      name: 'none',
      signal: controller.signal,
    });
    for (const { iterations, test } of results) expect(test === undefined).toBe(iterations === 0);
  });

  it('refuses a folder that has runs already', async () => {
    await learned(smallExperiment(), { name: 'runs' });
    await expect(learned(smallExperiment(), { name: 'runs' })).rejects.toMatchObject({
      code: 'ERR_BNLSTM_ARGUMENT',
    });
  });
});

describe('validationInterval', () => {
  it.each([
    [500, 100_000, 500],
    [25, 600, 25],
    [500, 700, 350],
    [500, 20, 20],
    [25, 53, 25],
  ])('is about %i and ends with %i iterations', (every, iterations, interval) => {
    expect(validationInterval(every, iterations)).toBe(interval);
  });
});

describe('curveOf', () => {
  const step = (index: number, loss: number): HistoryRecord => ({
    ...{ type: 'step', index, epoch: 1, loss, accuracy: loss / 10, gradientNorm: 2 * loss },
    ...{ learningRate: 1, seconds: 1, sequencesPerSecond: 1 },
  });

  it('puts together what an interruption has cut, and keeps what is left', () => {
    const history = [step(4, 1), step(5, 2), step(8, 6), step(10, 3)];
    expect(curveOf(history, 4)).toEqual({
      iteration: [4, 8, 10],
      loss: [1, 5, 3],
      accuracy: [0.1, 0.5, 0.3],
      gradientNorm: [2, 10, 6],
    });
  });
});

describe('runPaper', () => {
  const run = (options: Partial<PaperOptions>) =>
    runPaper({
      ...{ name: 'statistics', out: join(folder, 'deep', 'out.json'), resume: false },
      ...{ seed: 1, device: 'cpu', say: () => {}, ...options },
    });

  it('writes what was asked for, with what, on which machine, and the results', async () => {
    await run({ iterations: 2, limit: 128 });
    const results = JSON.parse(await readFile(join(folder, 'deep', 'out.json'), 'utf8'));
    expect(results).toMatchObject({
      ...{ experiment: 'statistics', seed: 1, choice: { iterations: 2, limit: 128 } },
      machine: { node: process.version, threads: expect.any(Number) },
      version: expect.stringMatching(/^\d/),
      date: expect.stringMatching(/^\d{4}-/),
    });
    const [{ of, settings, steps, status, tables }] = results.runs;
    expect([of, settings.hidden]).toEqual(['the recall task', 48]);
    expect([steps, status]).toEqual([60, 'fresh']);
    for (const name of ['recurrentMean', 'recurrentVar', 'cellMean', 'cellVar']) {
      expect(tables[name].distance).toHaveLength(60);
      expect([tables[name].distance[0], tables[name].distance[59]]).toEqual([1, 0]);
    }
  });

  it('goes on with results of the same settings only', async () => {
    const out = join(folder, 'recall.json');
    const ended = { name: 'recall-gamma', out, signal: AbortSignal.abort() };
    const resume = { ...ended, resume: true };
    await expect(run(resume)).rejects.toThrow('got nothing to go on with');
    await run({ ...ended, iterations: 53 });
    const done = JSON.parse(await readFile(out, 'utf8'));
    await writeFile(out, JSON.stringify({ ...done, runs: [{ name: 'x', iterations: 50 }] }));
    const refused: [Partial<PaperOptions>, string][] = [
      [{ seed: 2 }, '--seed: expected 1, as in'],
      [{ decay: 0.5 }, '--decay: expected none, as in'],
      [{ limit: 64 }, '--limit: expected none, as in'],
      [{ iterations: 49 }, '--iterations: expected at least 50, as'],
      [{ name: 'gamma' }, '--resume: expected results of gamma in'],
      [{ order: 'authors' }, '--order: expected none but for pmnist, gamma, got authors'],
      [{ name: 'statistics' }, '--resume: expected an experiment that trains'],
    ];
    for (const [options, message] of refused) {
      await expect(run({ ...resume, ...options })).rejects.toThrow(message);
    }
    expect(JSON.parse(await readFile(out, 'utf8')).runs).toHaveLength(1);
    await run({ ...resume, iterations: 80 });
    expect(JSON.parse(await readFile(out, 'utf8'))).toMatchObject({
      choice: { iterations: 80 },
      settings: { validateEvery: 25 },
    });
  });

  it('refuses experiments that it does not have, and to overwrite results', async () => {
    const error = (message: RegExp) => ({
      code: 'ERR_BNLSTM_ARGUMENT',
      message: expect.stringMatching(message),
    });
    await expect(run({ name: 'ptb2' })).rejects.toMatchObject(
      error(/^experiment: expected one of mnist, pmnist, .*, got "ptb2"$/),
    );
    await run({ iterations: 2, limit: 128 });
    await expect(run({ iterations: 2, limit: 128 })).rejects.toMatchObject(error(/^--out: /));
  });
});

describe('the options of bnlstm paper', () => {
  it.each([
    [{ budget: '0' }, ['mnist'], '--budget: expected a finite number > 0 and ≤ 30000, got 0'],
    [{ iterations: 'many' }, ['mnist'], '--iterations: expected an integer ≥ 1, got "many"'],
    [{ seed: '-1' }, ['mnist'], '--seed: expected an integer ≥ 0, got -1'],
    [{ decay: '1' }, ['mnist'], '--decay: expected a finite number ≥ 0 and < 1, got 1'],
    [
      { order: 'scanline' },
      ['pmnist'],
      '--order: expected "authors" or "permuted", got "scanline"',
    ],
    [{ limit: '1' }, ['mnist'], '--limit: expected an integer ≥ 2, got 1'],
    [
      {},
      ['text9'],
      'experiment: expected one of mnist, pmnist, gamma, recall-gamma, gradient-flow',
    ],
    [{}, [], 'experiment: expected one of mnist'],
  ])('are checked: %j %j', async (values, operands, message) => {
    await expect(paper.run(values, operands)).rejects.toMatchObject({
      code: 'ERR_BNLSTM_ARGUMENT',
      message: expect.stringContaining(message),
    });
  });
});
