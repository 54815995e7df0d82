import { expect } from 'vitest';
import { arrayData } from '../../lib/data/array.js';
import type { Batch, DataSource } from '../../lib/data/source.js';
import {
  BnLstmError,
  crossEntropy,
  type ErrorCode,
  type Layer,
  type Model,
  type ModelOptions,
  rmsprop,
  sequential,
  type Trainer,
} from '../../lib/index.js';
import { Philox } from '../../lib/random.js';

export function normals(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = new Philox(seed);
  return Float32Array.from({ length: count }, (_, i) => random.normal(i));
}

export interface TaskOptions {
  readonly count: number;
  readonly steps?: number;
  readonly features?: number;
  readonly classes?: number;
  readonly seed?: number;
  readonly lengths?: Int32Array;
}

/** Noise with random classes: nothing to learn but by heart. */
export function noiseBatch(options: TaskOptions): Batch {
  const { count, steps = 6, features = 3, classes = 4, seed = 1, lengths } = options;
  const random = new Philox(seed, 1);
  return {
    inputs: normals(count * steps * features, seed),
    targets: Int32Array.from({ length: count }, (_, i) => random.below(classes, i)),
    size: count,
    steps,
    ...(lengths && { lengths }),
  };
}

export function noiseData(options: TaskOptions): DataSource {
  const { size: _, ...batch } = noiseBatch(options);
  return arrayData({ ...batch, features: options.features ?? 3 });
}

/** Runs with a model and disposes it whatever happens. */
export async function withModel<T>(
  options: ModelOptions,
  layers: readonly Layer[],
  use: (model: Model) => Promise<T>,
): Promise<T> {
  const model = await sequential(options, layers);
  try {
    return await use(model);
  } finally {
    await model.dispose();
  }
}

export function trainerOf(model: Model, learningRate = 1e-2): Trainer {
  return model.trainer({ loss: crossEntropy(), optimizer: rmsprop({ learningRate }), clipNorm: 1 });
}

/** All parameters, one after another. */
export async function weights(model: Model): Promise<Float32Array> {
  const values = await Promise.all(model.parameters.map(({ name }) => model.get(name)));
  return Float32Array.from(values.flatMap((array) => [...array]));
}

/** What a call must fail with: a code, and words of the message. */
export async function expectError(
  call: () => unknown,
  code: ErrorCode,
  message: RegExp = /./,
): Promise<void> {
  let error: unknown;
  try {
    await call();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(BnLstmError);
  expect((error as BnLstmError).code).toBe(code);
  expect((error as BnLstmError).message).toMatch(message);
}
