import * as check from '../check.js';
import {
  batchOrder,
  type CheckedBatchOptions,
  checkBatchOptions,
  cutBatches,
} from './batch_options.js';
import type { Batch, BatchOptions, SeekableSource } from './source.js';

export interface TextStreamOptions {
  /** T: tokens of a chunk, and so the steps that gradients go back. */
  readonly steps: number;
  /** All streams start anew after so many chunks. Default: only where the data begin. */
  readonly restartEvery?: number | undefined;
}

/** What `textStream` makes: a data source that can also be read at any place. */
export class TextStream implements SeekableSource {
  /** Sequences of `steps` tokens with a token after them, if the text is cut into one stream. */
  readonly count: number;
  readonly seekable = true;
  readonly #tokens: Int32Array | Uint8Array;
  readonly #steps: number;
  readonly #restartEvery: number;

  /** @internal */
  constructor(tokens: Int32Array | Uint8Array, options: TextStreamOptions) {
    const name = (option: string) => `textStream: ${option}`;
    options = check.options(options, 'textStream', ['steps', 'restartEvery']);
    this.#tokens = check.typedArray(tokens, name('tokens'), [Int32Array, Uint8Array]);
    this.#steps = check.integer(options.steps, name('steps'), { min: 1 });
    const { restartEvery } = options;
    this.#restartEvery =
      restartEvery === undefined
        ? Number.POSITIVE_INFINITY
        : check.integer(restartEvery, name('restartEvery'), { min: 1 });
    if (tokens.length <= this.#steps) {
      const expected = `more than steps = ${this.#steps} tokens`;
      throw check.argumentError(name('tokens'), expected, `${tokens.length}`);
    }
    this.count = Math.floor((tokens.length - 1) / this.#steps);
  }

  /** Whole chunks of `batchSize` streams: the batches of one time through the text. */
  chunks(batchSize: number): number {
    return Math.floor(this.#streamLength(batchSize) / this.#steps);
  }

  /**
   * The batch of a training step, counted from 0: the chunk `step % chunks(batchSize)`. A pure
   * function, so that training can go on at any step.
   * @throws ERR_BNLSTM_ARGUMENT where the text is too short for so many streams
   */
  batch(step: number, batchSize: number): Batch {
    check.integer(step, 'batch: step', { min: 0 });
    check.integer(batchSize, 'batch: batchSize', { min: 1 });
    const chunks = this.chunks(batchSize);
    if (chunks === 0) {
      const expected = `at most ${this.count} streams of ${this.#tokens.length} tokens`;
      throw check.argumentError('batch: batchSize', expected, `${batchSize}`);
    }
    return this.#chunk(step % chunks, batchSize, this.#steps);
  }

  batches(options: BatchOptions): Generator<Batch, void, undefined> {
    const checked = checkBatchOptions(options, this.count);
    return checked.shuffle ? this.#sequences(checked) : this.#chunks(checked);
  }

  *#sequences(options: CheckedBatchOptions): Generator<Batch, void, undefined> {
    const cuts = cutBatches(batchOrder(this.count, options.shuffle), options);
    for (const { order, from, to } of cuts.slice(options.skip)) {
      const starts = [...order.subarray(from, to)].map((sequence) => sequence * this.#steps);
      yield this.#gather(starts, this.#steps, true);
    }
  }

  *#chunks(options: CheckedBatchOptions): Generator<Batch, void, undefined> {
    const { batchSize, limit, lastBatch, skip } = options;
    const chunks = Math.min(this.chunks(batchSize), Math.floor(limit / batchSize));
    const left = this.#streamLength(batchSize) - chunks * this.#steps;
    // A limit may leave whole chunks: those are not a rest.
    const rest = lastBatch === 'drop' || left >= this.#steps ? 0 : left;
    const merged = lastBatch === 'merge' && chunks > 0;
    for (let index = skip; index < chunks; index++) {
      const last = merged && index === chunks - 1;
      yield this.#chunk(index, batchSize, this.#steps + (last ? rest : 0));
    }
    if (rest > 0 && !merged && skip <= chunks) yield this.#chunk(chunks, batchSize, rest);
  }

  /** Targets of each of so many streams: every token but the first is one, those left over are not. */
  #streamLength(batchSize: number): number {
    return Math.floor((this.#tokens.length - 1) / batchSize);
  }

  #chunk(index: number, batchSize: number, steps: number): Batch {
    const length = this.#streamLength(batchSize);
    const begin = index * this.#steps;
    const starts = Array.from({ length: batchSize }, (_, row) => row * length + begin);
    const reset = index === 0 || index % this.#restartEvery === 0;
    return this.#gather(starts, steps, reset);
  }

  /** The tokens from each start on, and as their targets the tokens that follow them. */
  #gather(starts: readonly number[], steps: number, reset: boolean): Batch {
    const size = starts.length;
    const [inputs, targets] = [new Int32Array(size * steps), new Int32Array(size * steps)];
    for (const [row, start] of starts.entries()) {
      inputs.set(this.#tokens.subarray(start, start + steps), row * steps);
      targets.set(this.#tokens.subarray(start + 1, start + 1 + steps), row * steps);
    }
    return { inputs, targets, size, steps, reset };
  }
}

/**
 * A long text as token ids, in which every token is to be told from those before it. In a batch of B
 * rows it is cut into B streams of the same length, side by side, and read in chunks of `steps`
 * tokens: row n of each batch goes on where row n of the batch before has ended. With `carryState`
 * the state goes on as well; without it every chunk is a sequence of its own. (Shuffled, as
 * `trainer.run` does unless state is carried, chunks come in an order that is a pure function of
 * seed and epoch.)
 *
 * Not shuffled, every batch has B rows, and `lastBatch` is about the steps that are left at the end
 * of the streams: 'keep' gives them as a shorter chunk, 'merge' lengthens the last chunk by them, to
 * less than twice `steps`. At most B − 1 tokens are then never a target. Shuffled, it is about rows as
 * for any other source. The tokens are kept, not copied.
 *
 * @throws ERR_BNLSTM_ARGUMENT
 */
export function textStream(
  tokens: Int32Array | Uint8Array,
  options: TextStreamOptions,
): TextStream {
  return new TextStream(tokens, options);
}
