import * as check from '../check.js';
import type { Batch } from './source.js';

/** One sequence of T steps with what belongs to it. */
export interface Sample {
  /** [T][features] reals, or [T] token ids. */
  readonly inputs: Float32Array | Int32Array;
  /** Of the sequence: its class [1] or reals [C]; of every step: classes [T] or reals [T][C]. */
  readonly targets?: Int32Array | Float32Array | undefined;
  /** The weight of each target: [1], or [T]. */
  readonly mask?: Float32Array | undefined;
}

/** What the samples of a source have in common. */
export interface SampleForm {
  readonly features: number;
  /** Targets and mask are those of every step. */
  readonly perStep: boolean;
  /** Sequences are of different length: batches are padded and carry `lengths`. */
  readonly variable: boolean;
  /** T of a padded batch is a multiple of this. */
  readonly stepMultiple: number;
}

/** What the samples of a source are compared with: the first of them. */
interface Columns {
  readonly inputs: unknown;
  readonly targets: unknown;
  readonly mask: boolean;
  /** Of one target, or of one step's. */
  readonly width: number;
  readonly steps: number;
}

const inputTypes = [Float32Array, Int32Array];

/** Refuses samples that are wrong, or are not like the first one. */
export class SampleCheck {
  readonly #form: SampleForm;
  #first: Columns | undefined;

  constructor(form: SampleForm) {
    this.#form = form;
  }

  /** @throws ERR_BNLSTM_ARGUMENT */
  check(sample: Sample, name: string): void {
    const { features, perStep, variable } = this.#form;
    const { inputs, targets, mask } = check.options(sample, name, ['inputs', 'targets', 'mask']);
    check.typedArray(inputs, `${name}: inputs`, inputTypes);
    if (inputs.length === 0 || inputs.length % features !== 0) {
      const expected = `a multiple of features = ${features} elements`;
      throw check.argumentError(`${name}: inputs`, expected, `${inputs.length}`);
    }
    if (inputs instanceof Int32Array && features !== 1) {
      throw check.argumentError(`${name}: inputs`, 'reals, of several features', 'an Int32Array');
    }
    const steps = inputs.length / features;
    const rows = perStep ? steps : 1;
    if (targets !== undefined) check.typedArray(targets, `${name}: targets`, inputTypes);
    const width = (targets?.length ?? rows) / rows;
    if (!Number.isInteger(width) || width === 0) {
      const expected = perStep ? `a multiple of ${steps} (steps) elements` : 'at least one element';
      throw check.argumentError(`${name}: targets`, expected, `${targets?.length}`);
    }
    if (mask !== undefined) check.typedArray(mask, `${name}: mask`, [Float32Array], rows);
    const [type, targetType] = [inputs.constructor, targets?.constructor];
    const own = { inputs: type, targets: targetType, mask: mask !== undefined, width, steps };
    this.#first ??= own;
    const differs = (key: keyof Columns) => own[key] !== this.#first?.[key];
    const like = (what: string) =>
      check.argumentError(name, `${what} as in the first sequence`, 'another');
    if (differs('inputs')) throw like('the type of inputs');
    if (differs('targets')) throw like('targets, and their type,');
    if (differs('mask')) throw like('a mask, or none,');
    if (differs('width')) throw like('the width of the targets');
    if (!variable && differs('steps')) {
      const expected = `${this.#first.steps} steps, as the first sequence has`;
      throw check.argumentError(name, expected, `${steps}`);
    }
  }
}

/** Arrays one after another, each in a row of `width` elements, with zeros behind it. */
function pad<T extends Float32Array | Int32Array>(arrays: readonly T[], width: number): T {
  const Type = arrays[0].constructor as new (length: number) => T;
  const out = new Type(arrays.length * width);
  for (const [row, array] of arrays.entries()) out.set(array, row * width);
  return out;
}

/** A batch of samples that were checked. */
export function gatherSamples(samples: readonly Sample[], form: SampleForm): Batch {
  const { features, perStep, variable, stepMultiple } = form;
  const lengths = Int32Array.from(samples, ({ inputs }) => inputs.length / features);
  const longest = lengths.reduce((most, length) => Math.max(most, length), 1);
  const steps = variable ? Math.ceil(longest / stepMultiple) * stepMultiple : longest;
  const rows = perStep ? steps : 1;
  const [first] = samples;
  const width = (first.targets?.length ?? 1) / (perStep ? lengths[0] : 1);
  return {
    inputs: pad(
      samples.map(({ inputs }) => inputs),
      steps * features,
    ),
    size: samples.length,
    steps,
    targets:
      first.targets &&
      pad(
        samples.map(({ targets }) => targets as Int32Array),
        rows * width,
      ),
    lengths: variable ? lengths : undefined,
    mask:
      first.mask &&
      pad(
        samples.map(({ mask }) => mask as Float32Array),
        rows,
      ),
  };
}
