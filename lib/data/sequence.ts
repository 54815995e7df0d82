import * as check from '../check.js';
import { batchOrder, checkBatchOptions, cutBatches, type Selection } from './batch_options.js';
import { bucketed } from './buckets.js';
import { gatherSamples, type Sample, SampleCheck, type SampleForm } from './sample.js';
import type { Batch, BatchOptions, SeekableSource } from './source.js';

type Numbers = Int32Array | Float32Array;

/** Sequences of different length, each with an array of its own. */
export interface SequenceDataOptions {
  /** Of each sequence: [steps][features] reals, or [steps] token ids as Int32Array. */
  readonly inputs: readonly Numbers[];
  /** Reals per step. Default 1; not for token ids. */
  readonly features?: number | undefined;
  /**
   * Of the sequences: classes [count] or reals [count][C]. Of their steps: an array of arrays, for
   * each sequence classes [steps] or reals [steps][C].
   */
  readonly targets?: Numbers | readonly Numbers[] | undefined;
  /** The weight of each target: [count], or for targets of steps an array of [steps] each. */
  readonly mask?: Float32Array | readonly Float32Array[] | undefined;
  /**
   * Shuffled, batches are made of sequences of similar length: those of every so many batches are
   * sorted by length together. Default: none, batches are made by chance alone. 50 is a good start.
   */
  readonly bucketBatches?: number | undefined;
  /**
   * The steps of a batch are rounded up to a multiple of this, with padding: every number of steps
   * is a program of its own, and fewer of them are compiled. Default 1.
   */
  readonly stepMultiple?: number | undefined;
}

const optionNames = ['inputs', 'features', 'targets', 'mask', 'bucketBatches', 'stepMultiple'];

/** What belongs to sequence n: of an array of arrays, or of one array of `count` rows. */
function rowOf<T extends Numbers>(column: T | readonly T[], count: number, n: number): T {
  if (Array.isArray(column)) return column[n] as T;
  const width = (column as T).length / count;
  return (column as T).subarray(n * width, (n + 1) * width) as T;
}

class SequenceData implements SeekableSource {
  readonly count: number;
  readonly seekable = true;
  readonly #options: SequenceDataOptions;
  readonly #form: SampleForm;
  readonly #lengths: Int32Array;
  readonly #bucketBatches: number | undefined;

  constructor(options: SequenceDataOptions) {
    const name = (option: string) => `sequenceData: ${option}`;
    options = check.options(options, 'sequenceData', optionNames);
    const { inputs, targets, mask, bucketBatches } = options;
    const atLeastOne = (value: number | undefined, option: string) =>
      check.integer(value ?? 1, name(option), { min: 1 });
    this.#options = options;
    this.#bucketBatches =
      bucketBatches === undefined ? undefined : atLeastOne(bucketBatches, 'bucketBatches');
    this.#form = {
      features: atLeastOne(options.features, 'features'),
      perStep: Array.isArray(targets),
      variable: true,
      stepMultiple: atLeastOne(options.stepMultiple, 'stepMultiple'),
    };
    if (!Array.isArray(inputs) || inputs.length === 0) {
      const expected = 'an array of typed arrays, one per sequence';
      throw check.argumentError(name('inputs'), expected, check.show(inputs));
    }
    this.count = inputs.length;
    this.#checkColumn(targets, name('targets'));
    this.#checkColumn(mask, name('mask'));
    const sequences = new SampleCheck(this.#form);
    for (let n = 0; n < this.count; n++) sequences.check(this.#sample(n), name(`sequence ${n}`));
    const { features } = this.#form;
    this.#lengths = Int32Array.from(inputs, ({ length }) => length / features);
  }

  batches(options: BatchOptions): Generator<Batch, void, undefined> {
    const checked = checkBatchOptions(options, this.count);
    const { shuffle, skip } = checked;
    const cuts = cutBatches(batchOrder(this.count, shuffle), checked);
    const pool = this.#bucketBatches;
    const batches = shuffle && pool ? bucketed(cuts, this.#lengths, pool, shuffle) : cuts;
    return this.#read(batches.slice(skip));
  }

  *#read(selections: readonly Selection[]): Generator<Batch, void, undefined> {
    for (const { order, from, to } of selections) {
      const samples = Array.from(order.subarray(from, to), (n) => this.#sample(n));
      yield gatherSamples(samples, this.#form);
    }
  }

  #sample(n: number): Sample {
    const { inputs, targets, mask } = this.#options;
    return {
      inputs: inputs[n],
      targets: targets && rowOf(targets, this.count, n),
      mask: mask && rowOf(mask, this.count, n),
    };
  }

  /** Arrays of steps come in an array, one per sequence; one array has a row per sequence. */
  #checkColumn(column: SequenceDataOptions['targets'], name: string): void {
    if (column === undefined) return;
    const { count } = this;
    const got = check.show(column);
    if (Array.isArray(column) !== this.#form.perStep) {
      const expected = this.#form.perStep ? 'an array of arrays, as the targets' : 'one array';
      throw check.argumentError(name, expected, got);
    }
    if (this.#form.perStep ? column.length === count : column.length % count === 0) return;
    const expected = this.#form.perStep
      ? `an array of ${count}, one array per sequence`
      : `a multiple of ${count} (sequences) elements`;
    throw check.argumentError(name, expected, got);
  }
}

/**
 * A data source over sequences of different length. The arrays are kept and not copied. A batch is
 * padded to its longest sequence and carries `lengths`, so that padding counts nowhere. In shuffled
 * order the batches of an epoch are a pure function of seed and epoch.
 *
 * Batches of chance are as long as the longest of their sequences, so that much of the work may be
 * padding. `bucketBatches` makes batches of similar length instead; unshuffled reading (evaluation,
 * estimates) keeps the order of the source. It has a price where statistics are per step: those of a
 * step are taken over the rows of the batch that reach it. By chance, late steps have few rows in
 * every batch. In buckets, they have many rows in a few batches and none in the others, which is less
 * noisy; but all rows of a batch are then of one length, and where length tells something of the
 * target, batch statistics, of early steps too, differ from batch to batch by more than chance.
 * Population statistics weigh rows, and are of all lengths together: `estimateStatistics` reads data
 * in their own order.
 *
 * @throws ERR_BNLSTM_ARGUMENT for wrong types, or sequences that are not alike but for their length
 */
export function sequenceData(options: SequenceDataOptions): SeekableSource {
  return new SequenceData(options);
}
