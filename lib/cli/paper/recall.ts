/**
 * The recall task (docs/paper.md §4.4), not in the paper: the class of a sequence is the first of its
 * 60 random symbols. What takes hours on MNIST shows here in seconds, so that it can be done with
 * many seeds.
 */
import { recallTask } from '../../data/recall.js';
import {
  bnLstm,
  crossEntropy,
  lastStep,
  linear,
  lstm,
  type Model,
  type ModelOptions,
  rmsprop,
  sequential,
} from '../../index.js';
import type { Choice, Data, LearningExperiment, Run } from './experiment.js';

export const recallSettings = {
  hidden: 48,
  steps: 60,
  classes: 8,
  symbols: 16,
  batchSize: 64,
  iterations: 600,
  learningRate: 1e-3,
  decay: 0.9,
  clipNorm: 1,
  gammaInit: 0.1,
  seeds: 10,
  reportEvery: 25,
  validateEvery: 25,
  turn: 50,
  statisticsBatch: 64,
} as const;

const gammas = [0.1, 0.3, 0.5, 0.7, 1];

/** A BN-LSTM, or without a gamma the plain LSTM. */
export function recallModel(
  gamma: number | undefined,
  options: Pick<ModelOptions, 'device' | 'threads' | 'seed'>,
): Promise<Model> {
  const { hidden, steps, classes, symbols } = recallSettings;
  const recurrent =
    gamma === undefined ? lstm({ hidden }) : bnLstm({ hidden, maxSteps: steps, gammaInit: gamma });
  return sequential({ vocabulary: symbols, ...options }, [recurrent, lastStep(), linear(classes)]);
}

/** Training data are of `seed`; those of validation and test are the same for all. */
export function recallData(seed: number): Data {
  const { steps, classes, symbols, batchSize, iterations } = recallSettings;
  const set = (batches: number, seed: number) =>
    recallTask({ steps, classes, symbols, count: batches * batchSize, seed });
  return { train: set(iterations, seed), valid: set(16, 1_000_001), test: set(64, 1_000_002) };
}

export function recallTraining(decay: number = recallSettings.decay) {
  const { learningRate, clipNorm } = recallSettings;
  return { loss: crossEntropy(), optimizer: rmsprop({ learningRate, decay }), clipNorm };
}

function run(gamma: number | undefined, seed: number, { device, threads, decay }: Choice): Run {
  const model = gamma === undefined ? 'lstm' : 'bn-lstm';
  return {
    name: `${gamma === undefined ? model : `gamma-${gamma}`}-seed-${seed}`,
    variables: gamma === undefined ? { model, seed } : { model, gamma, seed },
    model: () => recallModel(gamma, { device, threads, seed }),
    training: recallTraining(decay),
    data: async () => recallData(seed),
  };
}

export const recallGamma: LearningExperiment = {
  name: 'recall-gamma',
  summary: 'The initial gamma on the recall task, and the LSTM, over ten seeds',
  settings: recallSettings,
  runs: ({ seed, ...choice }) =>
    [...gammas, undefined].flatMap((gamma) =>
      Array.from({ length: recallSettings.seeds }, (_, i) =>
        run(gamma, seed + i, { seed, ...choice }),
      ),
    ),
};
