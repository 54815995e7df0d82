import * as check from '../check.js';
import { hostStream, Philox } from '../random.js';
import { type CheckedBatchOptions, checkBatchOptions } from './batch_options.js';
import { copied } from './copied.js';
import { gatherSamples, type Sample, SampleCheck, type SampleForm } from './sample.js';
import type { Batch, BatchOptions, DataCursor, DataSource } from './source.js';

type Items = Iterable<Batch | Sample> | AsyncIterable<Batch | Sample>;
type Shuffle = NonNullable<BatchOptions['shuffle']>;

export interface IterableDataOptions {
  /** Sequences in an epoch, where that is known. */
  readonly count?: number | undefined;
  /** Of samples: reals per step. Default 1. */
  readonly features?: number | undefined;
  /** Of samples: each step has its targets. Default false: the sequence has. */
  readonly perStep?: boolean | undefined;
  /**
   * Samples may have different numbers of steps: batches of them are padded and carry `lengths`.
   * Default false: another number of steps is an error.
   */
  readonly variableLength?: boolean | undefined;
  /** Of samples of variable length, as that of `sequenceData`. */
  readonly stepMultiple?: number | undefined;
  /**
   * How data are read where a shuffled order is asked for, as training does by default. 'make': in
   * the order of `make`, which is given seed and epoch; a number: drawn by chance from a buffer of so
   * many samples (or batches). Default: asking for it is an error.
   */
  readonly shuffle?: 'make' | number | undefined;
  /**
   * `make` gives the same again for the same seed and epoch. Then training can be resumed within an
   * epoch: what comes before is read over. Default false.
   */
  readonly seekable?: boolean | undefined;
  /** The rest of an epoch, after a cursor, if that can be had without reading what comes before. */
  readonly resume?: ((cursor: DataCursor, options: BatchOptions) => Items) | undefined;
}

const optionNames = [
  'count',
  'features',
  'perStep',
  'variableLength',
  'stepMultiple',
  'shuffle',
  'seekable',
  'resume',
];

/** Items by chance out of a buffer that the next ones fill up: a pure function of seed and epoch. */
async function* drawn<T>(items: AsyncIterable<T>, size: number, { seed, epoch }: Shuffle) {
  const random = new Philox(seed, hostStream.batchOrder, epoch);
  const buffer: T[] = [];
  let draws = 0;
  for await (const item of items) {
    if (buffer.length < size) {
      buffer.push(item);
      continue;
    }
    const place = random.below(size, draws++);
    const chosen = buffer[place];
    buffer[place] = item;
    yield chosen;
  }
  while (buffer.length > 0) {
    const place = random.below(buffer.length, draws++);
    const last = buffer.pop() as T;
    if (place === buffer.length) yield last;
    else {
      yield buffer[place];
      buffer[place] = last;
    }
  }
}

class IterableData implements DataSource {
  readonly count: number | undefined;
  readonly seekable: boolean;
  readonly resume?: NonNullable<DataSource['resume']>;
  readonly #make: (shuffle?: Shuffle) => Items;
  readonly #form: SampleForm;
  readonly #samples: SampleCheck;
  readonly #shuffle: 'make' | number | undefined;
  /** Iterators that were read: they cannot be read again. */
  readonly #used = new WeakSet<object>();
  #hadItems = false;

  constructor(make: (shuffle?: Shuffle) => Items, options: IterableDataOptions | undefined) {
    const name = (option: string) => `iterableData: ${option}`;
    const given = check.options(options ?? {}, 'iterableData', optionNames);
    const { count, shuffle, seekable = false, resume } = given;
    this.#make = check.callback(make, name('make'));
    this.count = count === undefined ? undefined : check.integer(count, name('count'), { min: 0 });
    this.seekable = check.boolean(seekable, name('seekable'));
    if (shuffle !== undefined && shuffle !== 'make') {
      check.integer(shuffle, name('shuffle'), { min: 1 });
    }
    this.#shuffle = shuffle;
    this.#form = {
      features: check.integer(given.features ?? 1, name('features'), { min: 1 }),
      perStep: check.boolean(given.perStep ?? false, name('perStep')),
      variable: check.boolean(given.variableLength ?? false, name('variableLength')),
      stepMultiple: check.integer(given.stepMultiple ?? 1, name('stepMultiple'), { min: 1 }),
    };
    this.#samples = new SampleCheck(this.#form);
    if (resume === undefined) return;
    check.callback(resume, name('resume'));
    if (typeof shuffle === 'number') {
      const expected = 'none with a buffer: seekable: true reads it again';
      throw check.argumentError(name('resume'), expected, check.show(resume));
    }
    this.resume = (cursor, batchOptions) => {
      const checked = this.#check(batchOptions);
      const limit = Math.max(0, checked.limit - cursor.batches * checked.batchSize);
      return this.#read(() => resume(cursor, batchOptions), { ...checked, limit });
    };
  }

  batches(options: BatchOptions): AsyncGenerator<Batch, void, undefined> {
    const checked = this.#check(options);
    if (checked.skip > 0 && !this.seekable) {
      const expected = '0 for data that are not seekable (an option of iterableData)';
      throw check.argumentError('batches: skip', expected, `${checked.skip}`);
    }
    return this.#read(() => this.#open(checked.shuffle), checked);
  }

  #check(options: BatchOptions): CheckedBatchOptions {
    const checked = checkBatchOptions(options, Number.POSITIVE_INFINITY);
    if (checked.shuffle && this.#shuffle === undefined) {
      const expected = `'make' or the size of a buffer for a shuffled order, which was asked for`;
      throw check.argumentError('iterableData: shuffle', expected, 'undefined');
    }
    return checked;
  }

  #open(shuffle: Shuffle | undefined): Items {
    const items = this.#make(shuffle);
    if (typeof items === 'object' && items !== null && 'next' in items) {
      if (this.#used.has(items)) throw oneShot('an iterator that was read before');
      this.#used.add(items);
    }
    return items;
  }

  async *#read(
    open: () => Items,
    options: CheckedBatchOptions,
  ): AsyncGenerator<Batch, void, undefined> {
    const { skip } = options;
    let index = 0;
    for await (const batch of this.#batches(open, options)) {
      if (index++ >= skip) yield batch();
    }
  }

  /** Every batch as a function that gathers it: those to skip never are. */
  async *#batches(open: () => Items, options: CheckedBatchOptions) {
    const { batchSize, lastBatch, limit } = options;
    // What is merged is known at the end: one batch is held back for it.
    const enough = lastBatch === 'merge' ? 2 * batchSize : batchSize;
    const gathered = (samples: readonly Sample[]) => () => gatherSamples(samples, this.#form);
    let samples: Sample[] = [];
    let sequences = 0;
    if (limit === 0) return;
    for await (const item of this.#items(open, options.shuffle)) {
      const size = 'size' in item ? item.size : 1;
      if (sequences + size > limit) break;
      sequences += size;
      if ('size' in item) yield () => item;
      else samples.push(item);
      if (samples.length === enough) {
        yield gathered(samples.slice(0, batchSize));
        samples = samples.slice(batchSize);
      }
      if (sequences === limit) break;
    }
    const whole = samples.length >= batchSize;
    if (samples.length > 0 && (whole || lastBatch !== 'drop')) yield gathered(samples);
  }

  /** Checked, in the order that is asked for, with arrays that nobody changes. */
  async *#items(open: () => Items, shuffle: Shuffle | undefined) {
    const size = this.#shuffle;
    if (shuffle && typeof size === 'number') {
      yield* drawn(this.#checked(open, true), size, shuffle);
    } else yield* this.#checked(open, false);
  }

  async *#checked(open: () => Items, kept: boolean): AsyncGenerator<Batch | Sample> {
    const items = open();
    const iterable =
      typeof items === 'object' &&
      items !== null &&
      (Symbol.iterator in items || Symbol.asyncIterator in items);
    if (!iterable) {
      throw check.argumentError('iterableData: make', 'to give an iterable', check.show(items));
    }
    let whole: boolean | undefined;
    let index = 0;
    for await (const item of items) {
      const name = `iterableData: item ${index++}`;
      if (typeof item !== 'object' || item === null) {
        throw check.argumentError(name, 'a sample or a batch', check.show(item));
      }
      const isBatch = 'size' in item;
      whole ??= isBatch;
      if (whole !== isBatch) {
        const [expected, got] = whole ? ['a batch', 'a sample'] : ['a sample', 'a batch'];
        throw check.argumentError(name, `${expected}, as before`, got);
      }
      if (isBatch) check.integer(item.size, `${name}: size`, { min: 1 });
      else this.#samples.check(item, name);
      this.#hadItems = true;
      yield isBatch && !kept ? item : copied(item);
    }
    if (index === 0 && this.#hadItems) throw oneShot('nothing, after an epoch that had something');
  }
}

function oneShot(got: string) {
  return check.argumentError('iterableData: make', 'a new iterable for every epoch', got);
}

/**
 * A data source over whatever can be iterated: generators, streams, data bases. Samples, one sequence
 * each, are gathered into batches of the size that is asked for; whole batches pass as they are,
 * whatever `batchSize` and `lastBatch` say. All are samples, or all are batches.
 *
 * Training shuffles by default, which an iterable cannot do by itself: say with `shuffle` how, or
 * train with `shuffle: false`.
 *
 * @param make called for every epoch, with its seed and number where data are read in shuffled order
 * @throws ERR_BNLSTM_ARGUMENT here, and while data are read: for samples that are not like the first
 *   one, and where `make` gives the same iterator again
 */
export function iterableData(
  make: (shuffle?: { readonly seed: number; readonly epoch: number }) => Items,
  options?: IterableDataOptions,
): DataSource {
  return new IterableData(make, options);
}
