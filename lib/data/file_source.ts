import * as check from '../check.js';
import { dataError } from '../io/bytes.js';
import { arrayData } from './array.js';
import { sequenceData } from './sequence.js';
import type { SeekableSource } from './source.js';

/** What the data of a file are: enough to choose the layers of a model. */
export interface DataForm {
  readonly count: number;
  /** Of the longest sequence. */
  readonly steps: number;
  /** Sequences have lengths of their own. */
  readonly lengths: boolean;
  readonly inputs: 'reals' | 'tokens';
  /** Reals per step; 1 for tokens. */
  readonly features: number;
  /** For tokens: the largest id, and one more. */
  readonly vocabulary?: number | undefined;
  readonly targets?: TargetKind | undefined;
  /** For classes: the largest, and one more. */
  readonly classes?: number | undefined;
  /** For real targets: how many they are of a sequence, or of a step. */
  readonly width?: number | undefined;
  /** Each step has a target. */
  readonly perStep: boolean;
}

export type TargetKind = 'classes' | 'reals';
export const targetKinds = ['classes', 'reals'] as const;

/** A data source that was read from a file. */
export interface FileSource extends SeekableSource {
  readonly form: DataForm;
}

/** How batches are made of sequences that have lengths: as the options of `sequenceData`. */
export interface BucketOptions {
  readonly bucketBatches?: number | undefined;
  readonly stepMultiple?: number | undefined;
}

export const bucketOptionNames = ['bucketBatches', 'stepMultiple'] as const;

/** @param lengths whether sequences may have lengths of their own */
export function checkBucketOptions(
  options: BucketOptions,
  method: string,
  lengths: boolean,
): BucketOptions {
  const atLeastOne = (option: keyof BucketOptions) => {
    const [value, name] = [options[option], `${method}: ${option}`];
    if (value === undefined) return undefined;
    if (!lengths) throw check.argumentError(name, 'none without lengths', check.show(value));
    return check.integer(value, name, { min: 1 });
  };
  return { bucketBatches: atLeastOne('bucketBatches'), stepMultiple: atLeastOne('stepMultiple') };
}

/** The contents of a file, checked. */
export interface FileArrays {
  /** All steps of all sequences, `features` each. */
  readonly inputs: Float32Array | Int32Array | Uint8Array;
  readonly features: number;
  readonly targets?: Int32Array | Float32Array | undefined;
  readonly perStep: boolean;
  readonly mask?: Float32Array | undefined;
  /** Of every sequence, padding included. Undefined where they follow each other by their lengths. */
  readonly steps?: number | undefined;
  readonly lengths?: Int32Array | undefined;
  readonly byteScale?: number | undefined;
  /** How many there are, where that is known. */
  readonly classes?: number | undefined;
}

function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > most) most = values[i];
  return most;
}

/** Each sequence at its own length, as views. */
function cutSequences(arrays: FileArrays, lengths: Int32Array, bucket: BucketOptions) {
  const { steps, features, perStep, targets, mask, byteScale = 1 / 255 } = arrays;
  const inputs =
    arrays.inputs instanceof Uint8Array
      ? Float32Array.from(arrays.inputs, (byte) => byte * byteScale)
      : arrays.inputs;
  const allSteps = inputs.length / features;
  let end = 0;
  const begins = Array.from(lengths, (length, n) =>
    steps === undefined ? (end += length) - length : n * steps,
  );
  const cut = <T extends Int32Array | Float32Array>(column: T): T[] => {
    const width = column.length / allSteps;
    return Array.from(lengths, (length, n) => {
      const begin = begins[n] * width;
      return column.subarray(begin, begin + length * width) as T;
    });
  };
  return sequenceData({
    inputs: cut<Int32Array | Float32Array>(inputs),
    features,
    targets: targets && (perStep ? cut<Int32Array | Float32Array>(targets) : targets),
    mask: mask && (perStep ? cut(mask) : mask),
    ...bucket,
  });
}

/**
 * A source with its form. Sequences with lengths are padded no more than their batch needs; those
 * that turn out to be of one length have none.
 */
export function fileSource(arrays: FileArrays, bucket: BucketOptions): FileSource {
  const { features, targets, mask, inputs, byteScale, perStep } = arrays;
  const longest = arrays.lengths ? largest(arrays.lengths) : 0;
  const alike = arrays.steps === undefined && arrays.lengths?.every((length) => length === longest);
  const lengths = alike ? undefined : arrays.lengths;
  const steps = lengths || alike ? longest : (arrays.steps as number);
  const source = lengths
    ? cutSequences(arrays, lengths, bucket)
    : arrayData({ inputs, steps, features, targets, mask, byteScale });
  const { count } = source;
  const tokens = inputs instanceof Int32Array;
  const classes = targets instanceof Int32Array;
  const form: DataForm = {
    count,
    steps,
    lengths: lengths !== undefined,
    inputs: tokens ? 'tokens' : 'reals',
    features,
    vocabulary: tokens ? largest(inputs) + 1 : undefined,
    targets: targets && (classes ? 'classes' : 'reals'),
    classes: classes ? (arrays.classes ?? largest(targets) + 1) : undefined,
    width:
      targets && !classes
        ? targets.length / (perStep ? inputs.length / features : count)
        : undefined,
    perStep,
  };
  return Object.assign(source, { form });
}

/** Whole numbers from 0 on, as classes or token ids. */
export function wholeNumbers(
  values: ArrayLike<number>,
  name: string,
  what: string,
  skipped?: (index: number) => boolean,
): Int32Array {
  const out = new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (skipped?.(i)) continue;
    if (!(Number.isInteger(value) && value >= 0 && value < 2 ** 31)) {
      throw dataError(name, `element ${i}: expected ${what}, got ${value}`);
    }
    out[i] = value;
  }
  return out;
}
