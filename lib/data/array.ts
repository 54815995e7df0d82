import * as check from '../check.js';
import { batchOrder, checkBatchOptions, cutBatches, type Selection } from './batch_options.js';
import type { Batch, BatchOptions, SeekableSource } from './source.js';

/** Arrays of whole data sets, batch-major. Sequences are contiguous in each. */
export interface ArrayDataOptions {
  /** [count][steps][features] reals or bytes, or [count][steps] token ids as Int32Array. */
  readonly inputs: Float32Array | Int32Array | Uint8Array;
  /** Classes [count] or [count][steps]; reals [count][C] or [count][steps][C]. */
  readonly targets?: Int32Array | Float32Array | undefined;
  /** Time steps of every sequence, padding included. Default 1. */
  readonly steps?: number | undefined;
  /** Reals per step. Default 1; not for token ids. */
  readonly features?: number | undefined;
  /** [count], each 1..steps: what follows in a row is padding. */
  readonly lengths?: Int32Array | undefined;
  /** Shaped as the targets without C. */
  readonly mask?: Float32Array | undefined;
  /**
   * What bytes are multiplied by when they become float32, which happens batch by batch. Default
   * 1/255, as for pixels.
   */
  readonly byteScale?: number | undefined;
}

const optionNames = ['inputs', 'targets', 'steps', 'features', 'lengths', 'mask', 'byteScale'];

/** A whole number of elements per sequence. */
function perSequence(length: number, count: number, name: string): number {
  if (length === 0 || length % count !== 0) {
    throw check.argumentError(name, `a multiple of ${count} (sequences) elements`, `${length}`);
  }
  return length / count;
}

/** The selected rows of an array of `width` elements per row. */
function gather<T extends Float32Array | Int32Array>(source: T, width: number, rows: Selection): T {
  const { order, from, to } = rows;
  const Type = source.constructor as new (length: number) => T;
  const out = new Type((to - from) * width);
  for (let i = from; i < to; i++) {
    const start = order[i] * width;
    out.set(source.subarray(start, start + width), (i - from) * width);
  }
  return out;
}

/** The same from bytes, which become reals. */
function gatherBytes(
  source: Uint8Array,
  width: number,
  { order, from, to }: Selection,
  scale: number,
): Float32Array {
  const out = new Float32Array((to - from) * width);
  for (let i = from; i < to; i++) {
    const start = order[i] * width;
    const target = (i - from) * width;
    for (let k = 0; k < width; k++) out[target + k] = source[start + k] * scale;
  }
  return out;
}

class ArrayData implements SeekableSource {
  readonly count: number;
  readonly seekable = true;
  readonly #steps: number;
  readonly #byteScale: number;
  readonly #columns: {
    readonly inputs: Float32Array | Int32Array | Uint8Array;
    readonly targets: Int32Array | Float32Array | undefined;
    readonly lengths: Int32Array | undefined;
    readonly mask: Float32Array | undefined;
  };

  constructor(options: ArrayDataOptions) {
    const name = (option: string) => `arrayData: ${option}`;
    options = check.options(options, 'arrayData', optionNames);
    const { targets, lengths, mask } = options;
    const inputs = check.typedArray(options.inputs, name('inputs'), [
      Float32Array,
      Int32Array,
      Uint8Array,
    ]);
    const steps = check.integer(options.steps ?? 1, name('steps'), { min: 1 });
    const features = check.integer(options.features ?? 1, name('features'), { min: 1 });
    if (inputs instanceof Int32Array && features !== 1) {
      throw check.argumentError(
        name('features'),
        'none for token ids (an Int32Array)',
        `${features}`,
      );
    }
    const width = steps * features;
    if (inputs.length === 0 || inputs.length % width !== 0) {
      const expected = `a multiple of steps × features = ${width} elements`;
      throw check.argumentError(name('inputs'), expected, `${inputs.length}`);
    }
    this.count = inputs.length / width;
    this.#steps = steps;
    this.#byteScale = check.number(options.byteScale ?? 1 / 255, name('byteScale'));
    if (targets !== undefined) {
      check.typedArray(targets, name('targets'), [Int32Array, Float32Array]);
      perSequence(targets.length, this.count, name('targets'));
    }
    if (lengths !== undefined) {
      check.typedArray(lengths, name('lengths'), [Int32Array], this.count);
      check.elements(lengths, name('lengths'), 1, steps);
    }
    if (mask !== undefined) {
      check.typedArray(mask, name('mask'), [Float32Array]);
      perSequence(mask.length, this.count, name('mask'));
    }
    this.#columns = { inputs, targets, lengths, mask };
  }

  batches(options: BatchOptions): Generator<Batch, void, undefined> {
    const checked = checkBatchOptions(options, this.count);
    const order = batchOrder(this.count, checked.shuffle);
    return this.#read(cutBatches(order, checked).slice(checked.skip));
  }

  *#read(selections: readonly Selection[]): Generator<Batch, void, undefined> {
    for (const rows of selections) yield this.#batch(rows);
  }

  #batch(rows: Selection): Batch {
    const width = (source: { readonly length: number }) => source.length / this.count;
    const take = <T extends Float32Array | Int32Array>(source: T): T =>
      gather(source, width(source), rows);
    const { inputs, targets, lengths, mask } = this.#columns;
    return {
      inputs:
        inputs instanceof Uint8Array
          ? gatherBytes(inputs, width(inputs), rows, this.#byteScale)
          : take(inputs),
      size: rows.to - rows.from,
      steps: this.#steps,
      targets: targets && take(targets),
      lengths: lengths && take(lengths),
      mask: mask && take(mask),
    };
  }
}

/**
 * A data source over arrays in memory, of sequences of one length or padded to one
 * (`sequenceData` takes each at its own length, and can put similar lengths together), which it keeps and does not copy. Bytes become float32 batch
 * by batch, so that images need a quarter of the memory. In shuffled order the batches of an epoch
 * are a pure function of seed and epoch.
 *
 * @throws ERR_BNLSTM_ARGUMENT for wrong types, lengths that do not divide, or lengths outside 1..steps
 */
export function arrayData(options: ArrayDataOptions): SeekableSource {
  return new ArrayData(options);
}
