import * as check from '../check.js';
import { BnLstmError } from '../errors.js';
import type { NativeArray } from '../native.js';
import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { alignedBytes, type RecurrentSegment } from './builder.js';
import type { Feed } from './feed.js';
import type { Network } from './network.js';
import type { StateValues } from './pass.js';

/** The largest step number: far from the end of 32 bits, and beyond any table. */
export const maxFirstStep = 2 ** 30;

/** h and c of each layer, one after another, for so many rows; that twice where there are windows. */
interface Memory {
  readonly array: NativeArray;
  readonly rows: number;
  /** Unlike that of any other. */
  readonly generation: number;
}

/** In place of the steps of a row: the chunk in which it was to start anew was skipped. */
export const startsAnew = -1;

/** The place of a batch in the sequences that its rows belong to. */
export interface Chunk {
  readonly size: number;
  /** Of a program with `CarriedState.declare`. */
  readonly inputs: Readonly<Record<'reset' | 'firstStep' | 'chunkStep', Int32Array>>;
  /** Steps that each row has behind it after the chunk. */
  readonly after: Int32Array<ArrayBuffer>;
}

/** Where a batch lies in the window of batches whose gradients make one step. */
export interface WindowPlace {
  readonly first: boolean;
  readonly last: boolean;
}

/** Of a batch that is a step by itself. */
export const wholeWindow: WindowPlace = { first: true, last: true };

/** Carried state on the host. */
export interface SavedState {
  /** That there is room for; those of the last chunk are as many as `steps`. */
  readonly rows: number;
  /** Steps that each row has behind it; `startsAnew` in those that start with the next chunk. */
  readonly steps: Int32Array;
  /** h and c of each layer as they lie on the device. */
  readonly values: Float32Array;
}

/** What a recording reads of carried state. */
export interface CarriedValues {
  /** [B] i32: not 0 in rows that start anew. */
  readonly reset: Value;
  /** [B] i32: steps that each row has behind it. */
  readonly firstStep: Value;
  /** [1] i32: of the row that has most, which stands for the batch where statistics have one step. */
  readonly chunkStep: Value;
  /** By recurrent layer: where the chunk before has left its state. */
  readonly states: readonly StateValues[];
  /** Where this one will: the same place, but not within a window. */
  readonly next: readonly StateValues[];
}

/**
 * h and c of all recurrent layers between one chunk of long sequences and the next. They stay on the
 * device: programs of one stream run in order, so the next chunk reads what the last has written
 * and nothing is waited for. How far each row is, is counted here: the host knows it without asking.
 *
 * A window of batches must leave everything as it was if one of them is not finite. So its chunks go
 * on from each other in a second place, and only its last one writes where its first has read.
 */
export class CarriedState {
  readonly #network: Network;
  readonly #all = new Set<Memory>();
  /** What the next step goes on from. */
  #memory: Memory | undefined;
  /** Of the chunk that `next` was last asked for: another one where that needs more room. */
  #chosen: Memory | undefined;
  #generation = 0;
  /** Steps that each row has behind it, or `startsAnew`; undefined while nothing is carried. */
  #steps: Int32Array<ArrayBuffer> | undefined;
  /** The same within a window. */
  #windowSteps: Int32Array<ArrayBuffer> | undefined;

  /**
   * @param windows whether there will be windows of several batches
   * @throws ERR_BNLSTM_ARGUMENT for a network whose layers cannot go on with a sequence
   */
  constructor(
    network: Network,
    method: string,
    readonly windows = false,
  ) {
    const { recurrent } = network.blueprint;
    const name = `${method}: carryState`;
    if (recurrent.length === 0) {
      throw check.argumentError(name, 'a model with recurrent layers', 'one without');
    }
    for (const { directions, layer } of recurrent) {
      if (directions === 1) continue;
      const expected = 'layers that can go on with a sequence';
      const got = `layer ${layer}, which runs in both directions: its backward half begins at the end`;
      throw check.argumentError(name, expected, got);
    }
    this.#network = network;
  }

  get bytes(): number {
    return [...this.#all].reduce((sum, { array }) => sum + array.bytes, 0);
  }

  /** Names the memory that recordings refer to; programs of another one must not be run. */
  get key(): string {
    return `carried ${this.#chosen?.generation}`;
  }

  /**
   * The place of the next batch, with memory for it, which recordings refer to from now on. Nothing
   * has happened until `advance` or `skip`.
   * @throws ERR_BNLSTM_ARGUMENT, ERR_BNLSTM_CARRIED_STATE, ERR_BNLSTM_OUT_OF_MEMORY
   */
  next({ size, steps, lengths, reset }: Feed, { first } = wholeWindow): Chunk {
    if (reset === undefined) {
      const expected = 'true, false or a flag per row in every batch where state is carried';
      throw check.argumentError('batch: reset', expected, 'undefined');
    }
    const before = first ? this.#steps : this.#windowSteps;
    const starts = (row: number) =>
      before === undefined ||
      before[row] === startsAnew ||
      (typeof reset === 'boolean' ? reset : reset[row] !== 0);
    const rows = Array.from({ length: size }, (_, row) => starts(row));
    if (before !== undefined && before.length !== size && !rows.every(Boolean)) {
      throw new BnLstmError(
        'ERR_BNLSTM_CARRIED_STATE',
        `batch: size: expected ${before.length} rows, as in the chunk before, or reset in all ` +
          `rows, got ${size}`,
      );
    }
    this.#choose(size, first);
    const firstStep = Int32Array.from(rows, (start, row) => (start ? 0 : (before?.[row] ?? 0)));
    const after = firstStep.map((step, row) => {
      return Math.min(step + (lengths?.[row] ?? steps), maxFirstStep);
    });
    const chunkStep = Int32Array.of(firstStep.reduce((most, step) => Math.max(most, step), 0));
    return { size, inputs: { reset: Int32Array.from(rows, Number), firstStep, chunkStep }, after };
  }

  /** To be called when the program of a chunk has kept its final states. */
  advance({ after }: Chunk, { last } = wholeWindow): void {
    this.#windowSteps = after;
    if (last) this.#keep(this.#chosen, after);
  }

  /**
   * To be called with the chunks of a step that has changed nothing and is not tried again. The rows
   * that were to start in it have left their old sequences: they start with the next chunk.
   */
  skip(chunks: readonly Chunk[]): void {
    const starts = (row: number) => chunks.some(({ inputs }) => inputs.reset[row] !== 0);
    // So it is with another number of rows, and at the very beginning.
    const all = chunks.some(({ inputs }) => inputs.reset.every((start) => start !== 0));
    if (all) {
      const { size } = chunks[chunks.length - 1];
      this.#keep(this.#chosen, new Int32Array(size).fill(startsAnew));
    } else {
      const steps = this.#steps?.map((step, row) => (starts(row) ? startsAnew : step));
      this.#keep(this.#memory, steps);
    }
  }

  /** Adds what a chunk of so many rows needs to a recording. */
  declare(graph: Graph, rows: number, { first, last } = wholeWindow): CarriedValues {
    const states = (inWindow: boolean) =>
      this.#network.blueprint.recurrent.map((segment) => ({
        h: this.#value(graph, segment, 'h', rows, inWindow),
        c: this.#value(graph, segment, 'c', rows, inWindow),
      }));
    const from = states(!first);
    return {
      reset: graph.input('reset', 'i32', [rows]),
      firstStep: graph.input('firstStep', 'i32', [rows]),
      chunkStep: graph.input('chunkStep', 'i32', [1]),
      states: from,
      next: first === last ? from : states(!last),
    };
  }

  /** A copy of what the next chunk would go on from; undefined: nothing. */
  async save(): Promise<SavedState | undefined> {
    const [memory, steps] = [this.#memory, this.#steps];
    if (memory === undefined || steps === undefined) return undefined;
    const values = new Float32Array(this.valuesFor(memory.rows));
    await this.#network.stream.read(memory.array, 0, values);
    return { rows: memory.rows, steps: steps.slice(), values };
  }

  /** Numbers in the states of so many rows. */
  valuesFor(rows: number): number {
    return this.#bytes(rows) / Float32Array.BYTES_PER_ELEMENT;
  }

  /** Takes up what `save` gave; `values` must be as many as `valuesFor(rows)`. */
  async restore({ rows, steps, values }: SavedState): Promise<void> {
    this.dispose();
    const { array } = this.#choose(rows, true);
    const writing = this.#network.stream.write(array, 0, values);
    this.#keep(this.#chosen, Int32Array.from(steps));
    await writing;
  }

  dispose(): void {
    this.#keep(undefined, undefined);
    this.#windowSteps = undefined;
  }

  /**
   * Memory for a chunk of so many rows. It only grows, where all rows start anew; what is carried
   * stays beside it until the step has ended well, and so does what a window has used before.
   */
  #choose(rows: number, first: boolean): Memory {
    if (first) this.#keep(this.#memory, this.#steps);
    let memory = this.#chosen;
    if (memory === undefined || rows > memory.rows) {
      const bytes = this.#bytes(rows);
      const array = this.#network.stream.array(this.windows ? 2 * bytes : bytes);
      memory = { array, rows, generation: ++this.#generation };
      this.#all.add(memory);
    }
    this.#chosen = memory;
    return memory;
  }

  /** Makes a memory the one to go on from; there is no other then. */
  #keep(memory: Memory | undefined, steps: Int32Array<ArrayBuffer> | undefined): void {
    for (const other of this.#all) {
      if (other === memory) continue;
      other.array.dispose();
      this.#all.delete(other);
    }
    this.#memory = memory;
    this.#chosen = memory;
    this.#steps = steps;
  }

  /** Of the states of the first `layers` recurrent layers, default all. */
  #bytes(rows: number, layers?: number): number {
    const before = this.#network.blueprint.recurrent.slice(0, layers);
    return before.reduce((sum, segment) => sum + 2 * stateBytes(segment, rows), 0);
  }

  #value(
    graph: Graph,
    segment: RecurrentSegment,
    part: 'h' | 'c',
    size: number,
    inWindow: boolean,
  ): Value {
    const { array, rows } = this.#chosen as Memory;
    const begin = (inWindow ? this.#bytes(rows) : 0) + this.#bytes(rows, segment.index);
    const offset = begin + (part === 'h' ? 0 : stateBytes(segment, rows));
    const shape = [size, segment.directions * segment.hidden];
    return graph.external(`${segment.layer}.carried.${part}`, { array, offset }, 'f32', shape);
  }
}

/** Of h or of c. */
function stateBytes({ directions, hidden }: RecurrentSegment, rows: number): number {
  return alignedBytes(rows * directions * hidden * Float32Array.BYTES_PER_ELEMENT);
}
