/** What trainers and evaluations read from: batches of sequences, batch-major, in JavaScript arrays. */

/** B sequences of T steps. The arrays are copied when they are used and may be reused afterwards. */
export interface Batch {
  /** [B][T][D] reals, or [B][T] token ids; [B][D] for models without time steps. */
  readonly inputs: Float32Array | Int32Array;
  /** B */
  readonly size: number;
  /** T; 1 for models without time steps. */
  readonly steps: number;
  /** Classes [B] or [B][T]; reals [B][C] or [B][T][C]. */
  readonly targets?: Int32Array | Float32Array | undefined;
  /** [B], each 1..T: what follows in a row is padding. */
  readonly lengths?: Int32Array | undefined;
  /** Shaped as the targets without C: the weight of each target, 0 for one that does not count. */
  readonly mask?: Float32Array | undefined;
  /**
   * Where the batch is a chunk of longer sequences: which rows start anew, all, none, or [B] with
   * not 0 in those that do. The others go on where the chunk before has left their row. Needed, and
   * looked at, with `carryState` alone.
   */
  readonly reset?: boolean | Uint8Array | undefined;
}

/**
 * What happens to a last batch that is smaller: it is left out, given as it is, or its sequences go
 * to the batch before it, which is then larger.
 */
export type LastBatch = 'drop' | 'keep' | 'merge';

export interface BatchOptions {
  readonly batchSize: number;
  /** Absent: the order of the source. Else an order that is a pure function of seed and epoch. */
  readonly shuffle?: { readonly seed: number; readonly epoch: number } | undefined;
  /** Default 'drop'. */
  readonly lastBatch?: LastBatch | undefined;
  /** At most so many sequences, the first ones of the order. */
  readonly limit?: number | undefined;
  /** Batches at the beginning that are not given, of a source that is `seekable`. Default 0. */
  readonly skip?: number | undefined;
}

/** A place in the batches of a training run. */
export interface DataCursor {
  /** Counted from 1. */
  readonly epoch: number;
  /** Batches of this epoch that training has behind it. */
  readonly batches: number;
}

/** A set of sequences that can be read many times, in any order and batch size. */
export interface DataSource {
  /** Number of sequences; undefined where only reading them tells. */
  readonly count: number | undefined;
  /**
   * `batches` is a pure function of its options and does `skip`: training that was interrupted can
   * go on in the middle of an epoch.
   */
  readonly seekable?: boolean | undefined;
  batches(options: BatchOptions): Iterable<Batch> | AsyncIterable<Batch>;
  /**
   * Of a source that is not seekable: the rest of an epoch, the batches after `cursor`. Without it
   * training cannot be resumed on such a source.
   */
  resume?(cursor: DataCursor, options: BatchOptions): Iterable<Batch> | AsyncIterable<Batch>;
}

/** A source of known size that can be read from any place. */
export interface SeekableSource extends DataSource {
  readonly count: number;
  readonly seekable: true;
}
