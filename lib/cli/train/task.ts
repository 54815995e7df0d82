import { argumentError } from '../../check.js';
import type { Batch, DataSource } from '../../index.js';
import type { RunConfig } from './schema.js';

/** What a model has to be like for its data. */
export interface Task {
  readonly features?: number | undefined;
  readonly vocabulary?: number | undefined;
  readonly outputs: number;
  readonly loss: 'cross-entropy' | 'mean-squared-error';
  readonly everyStep: boolean;
  readonly steps: number;
}

const batchSize = 1000;

function largest(values: ArrayLike<number>): number {
  let max = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > max) max = values[i];
  return max;
}

/** Reals of a target, and whether every step has one. */
function targetShape({ targets, size, steps }: Batch, everyStep: boolean | undefined) {
  if (targets === undefined) throw argumentError('train: data', 'targets', 'none');
  const perRow = targets.length / size;
  if (targets instanceof Int32Array) {
    return { width: 1, everyStep: everyStep ?? (steps > 1 && perRow === steps) };
  }
  // [C] and [T][C] with C = 1 look the same if T = C: a target of the whole is what is taken.
  const every = everyStep ?? false;
  return { width: every ? perRow / steps : perRow, everyStep: every };
}

/**
 * What the data are like, as far as the configuration does not say: one pass over the training data
 * for the largest class and token, the first batch for the rest.
 */
export async function findTask(given: RunConfig['task'], data: DataSource): Promise<Task> {
  let first: Batch | undefined;
  let steps = 0;
  let classes = 0;
  let tokens = 0;
  for await (const batch of data.batches({ batchSize, lastBatch: 'keep' })) {
    first ??= batch;
    const { inputs, targets, lengths } = batch;
    steps = Math.max(steps, lengths ? largest(lengths) : batch.steps);
    if (inputs instanceof Int32Array) tokens = Math.max(tokens, largest(inputs) + 1);
    if (targets instanceof Int32Array) classes = Math.max(classes, largest(targets) + 1);
  }
  if (first === undefined) throw argumentError('train: data', 'at least one sequence', 'none');
  const { width, everyStep } = targetShape(first, given.everyStep);
  const isTokens = first.inputs instanceof Int32Array;
  const isClasses = first.targets instanceof Int32Array;
  const features = first.inputs.length / (first.size * first.steps);
  return {
    ...(isTokens
      ? { vocabulary: given.vocabulary ?? tokens }
      : { features: given.features ?? features }),
    outputs: given.outputs ?? (isClasses ? classes : width),
    loss: given.loss ?? (isClasses ? 'cross-entropy' : 'mean-squared-error'),
    everyStep,
    steps: given.steps ?? steps,
  };
}
