// Records as runs write them, with curves that look like those of sequential MNIST.
import type { HistoryRecord, StartRecord, StepRecord } from '../../lib/io/history.js';
import type { ReportRun } from '../../lib/report/run_log.js';

/** Numbers in [0, 1) that are the same every time. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export const start = (changes: Partial<StartRecord> = {}): StartRecord => ({
  type: 'start',
  time: '2026-11-26T09:12:44.120Z',
  version: '0.1.0',
  device: 'cpu:avx512',
  dtype: 'f32',
  model: [
    'model on cpu:avx512, f32: sequences of 1 reals',
    '  0 bnLstm: 41900 parameters',
    '      0.inputWeights [1, 400]',
    '      0.recurrentWeights [100, 400]',
    '      0.bias [400]',
    '  1 lastStep',
    '  2 linear: 1010 parameters',
    '      2.weights [100, 10]',
    '      2.bias [10]',
    '  42910 parameters',
    '  population statistics: fresh',
  ].join('\n'),
  parameters: 42_910,
  seed: 1,
  configuration: {
    data: { name: 'mnist', pixelOrder: 'sequential' },
    batchSize: 100,
    iterations: 4000,
    optimizer: { name: 'rmsprop', learningRate: 0.001, decay: 0.9 },
    clipNorm: 1,
    layers: [{ kind: 'bnLstm', hidden: 100, maxSteps: 784 }, { kind: 'lastStep' }],
  },
  machine: {
    processor: 'AMD EPYC 9R14',
    cores: 2,
    memoryGiB: 8,
    platform: 'linux-x64',
    node: 'v20.20.2',
    threads: 2,
  },
  ...changes,
});

export const step = (index: number, changes: Partial<StepRecord> = {}): StepRecord => ({
  type: 'step',
  index,
  epoch: Math.ceil(index / 500),
  loss: 1 / index,
  accuracy: 1 - 1 / (index + 1),
  gradientNorm: 1,
  learningRate: 0.001,
  seconds: 0.25,
  sequencesPerSecond: 400,
  ...changes,
});

export interface Shape {
  readonly name?: string;
  readonly steps?: number;
  readonly stepsPerEpoch?: number;
  readonly reportEvery?: number;
  readonly seed?: number;
  /** Steps in which the loss falls by e. */
  readonly scale?: number;
  readonly start?: StartRecord;
  readonly end?: false;
}

/** A run that learns, with a validation every 250 steps. */
export function learningRun({
  name = 'bn-lstm',
  steps = 4000,
  stepsPerEpoch = 500,
  reportEvery = 1,
  seed = 1,
  scale = 900,
  start: first = start(),
  end,
}: Shape = {}): ReportRun {
  const random = noise(seed);
  const records: HistoryRecord[] = [first];
  let best = { index: 0, loss: Number.POSITIVE_INFINITY, accuracy: 0 };
  const levelAt = (index: number) => 0.06 + 2.24 * Math.exp(-index / scale);
  for (let index = reportEvery; index <= steps; index += reportEvery) {
    const level = levelAt(index);
    const loss = level * (0.8 + 0.4 * random()) * (random() < 0.004 ? 1.7 : 1);
    const rate = 385 + 25 * random() - (random() < 0.01 ? 120 : 0);
    records.push({
      type: 'step',
      index,
      epoch: Math.ceil(index / stepsPerEpoch),
      loss,
      accuracy: Math.min(1, Math.round(100 * Math.exp(-loss * 0.9)) / 100),
      gradientNorm: 0.4 + 3 * random() ** 4 + level * random(),
      learningRate:
        1e-3 * Math.min(1, index / 200) * 0.5 * (1 + Math.cos((Math.PI * index) / steps)),
      seconds: (100 * reportEvery) / rate,
      sequencesPerSecond: rate,
    });
    if (index % 250 !== 0) continue;
    const lossNow = levelAt(index) * 1.08 + 0.02 + 0.04 * random();
    const accuracy = Math.exp(-lossNow * 0.9);
    const isBest = lossNow < best.loss;
    if (isBest) best = { index, loss: lossNow, accuracy };
    records.push({
      type: 'validation',
      ...{ index, epoch: Math.ceil(index / stepsPerEpoch), loss: lossNow, accuracy },
      ...{ statistics: 'batch', best: isBest },
    });
    records.push({
      type: 'checkpoint',
      index,
      file: `step-${String(index).padStart(8, '0')}.safetensors`,
    });
  }
  if (end !== false) {
    records.push({
      type: 'end',
      ...{ index: steps, epoch: Math.ceil(steps / stepsPerEpoch), stoppedBy: 'finished' },
      ...{ seconds: steps * 0.26, best },
      test: { loss: best.loss * 1.03, accuracy: best.accuracy - 0.004, count: 10_000 },
    });
  }
  return { name, records };
}

/** A text that would run in a page that does not escape it. */
export const hostile = `</script><script>alert(1)</script><!--<img src=x onerror="globalThis.hit=1">' " onfocus="globalThis.hit=1" autofocus ]]> \u2028 \${x}`;

/** A run with that text in every place that takes one. */
export const hostileRun: ReportRun = {
  name: hostile,
  records: [
    start({
      ...{ time: hostile, version: hostile, device: hostile, dtype: hostile, model: hostile },
      parameters: hostile as never,
      configuration: { [hostile]: { [hostile]: [hostile] }, ['__proto__']: hostile },
      machine: { [hostile]: hostile },
    }),
    step(1),
    step(2, { loss: hostile as never, epoch: hostile as never }),
    { type: 'validation', index: 2, epoch: 1, loss: hostile as never, best: true },
    { type: 'warning', index: 2, message: hostile },
    {
      type: 'end',
      ...{
        index: 2,
        epoch: 1,
        stoppedBy: hostile as never,
        message: hostile,
        seconds: hostile as never,
      },
      best: { index: hostile as never, loss: 1, accuracy: hostile as never },
      test: { loss: 1, accuracy: hostile as never, count: hostile as never },
    },
  ],
};
