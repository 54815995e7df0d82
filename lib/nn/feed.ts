import * as check from '../check.js';
import { copied } from '../data/copied.js';
import type { Batch } from '../data/source.js';
import type { FloatType, HostArray } from '../native.js';
import type { Graph } from '../program/graph.js';
import { count, type Value } from '../program/value.js';
import type { Loss } from './loss.js';
import type { Spec } from './spec.js';

/** What a network takes and gives; the part of Network that a batch is checked against. */
export interface FeedForm {
  readonly input: Spec;
  readonly output: Spec;
  /** Of reals that go in. */
  readonly dtype: FloatType;
  /** Some layer takes its statistics over padding too. */
  readonly paddingIsData: boolean;
}

/** The values of a batch within a recording. */
export interface FeedValues {
  /** [T][B][D] or token ids [T][B] */
  readonly sequence: Value;
  /** [B] i32 */
  readonly lengths: Value | undefined;
  /** [B] or [T][B], of reals with a last axis. */
  readonly targets: Value | undefined;
  /** [B] or [T][B] */
  readonly mask: Value | undefined;
  /** [1] i32, which chooses random numbers; given with every run. */
  readonly attempt: Value;
}

export interface BatchShape {
  readonly size: number;
  readonly steps: number;
  /** With one there are targets. */
  readonly loss?: Loss | undefined;
  readonly lengths?: boolean;
  readonly mask?: boolean;
}

const batchKeys = ['inputs', 'size', 'steps', 'targets', 'lengths', 'mask', 'reset'];

/** All that a recording depends on: what a batch has, but not the numbers in it. */
export class FeedShape {
  readonly size: number;
  readonly steps: number;
  readonly #form: FeedForm;
  readonly #loss: Loss | undefined;
  readonly #lengths: boolean;
  readonly #mask: boolean;

  constructor(form: FeedForm, { size, steps, loss, lengths = false, mask = false }: BatchShape) {
    this.size = size;
    this.steps = steps;
    this.#form = form;
    this.#loss = loss;
    this.#lengths = lengths;
    this.#mask = mask;
  }

  /** Names it: equal keys, equal recordings. */
  get key(): string {
    const { size, steps } = this;
    return [size, steps, this.#loss?.kind, this.#lengths, this.#mask].join();
  }

  /** The same of another number of rows. */
  ofSize(size: number): FeedShape {
    const [loss, lengths, mask] = [this.#loss, this.#lengths, this.#mask];
    return new FeedShape(this.#form, { size, steps: this.steps, loss, lengths, mask });
  }

  /** One target per sequence, or one per step. */
  get rows(): readonly number[] {
    return this.#form.output.kind === 'features' ? [this.size] : [this.steps, this.size];
  }

  /** Adds the batch's inputs to a recording, in the device's layout. */
  declare(graph: Graph): FeedValues {
    const { input, dtype, paddingIsData } = this.#form;
    const { size: B, steps: T, rows } = this;
    const lengths = this.#lengths ? graph.input('lengths', 'i32', [B]) : undefined;
    const options = { batchMajor: true, zeroPaddingBy: paddingIsData ? undefined : lengths };
    const sequence =
      input.kind === 'tokens'
        ? graph.input('sequence', 'i32', [T, B], options)
        : graph.input('sequence', dtype, [T, B, input.width], options);
    const batchMajor = rows.length === 2;
    const target = this.#loss?.targetType(rows, widthOf(this.#form.output));
    return {
      sequence,
      lengths,
      targets: target && graph.input('targets', target.dtype, target.shape, { batchMajor }),
      mask: this.#mask ? graph.input('mask', 'f32', rows, { batchMajor }) : undefined,
      attempt: graph.input('attempt', 'i32', [1]),
    };
  }
}

/**
 * A batch, checked against a network and ready to be run: what native code would only assert
 * (sizes, ranges of token ids, classes and lengths) is refused here by name.
 */
export class Feed {
  readonly shape: FeedShape;
  readonly size: number;
  readonly steps: number;
  readonly lengths: Int32Array | undefined;
  readonly reset: boolean | Uint8Array | undefined;
  /** By name of the program's input. */
  readonly inputs: Readonly<Record<string, HostArray>>;
  /** Steps at which a single row is left, whose batch statistics mean nothing. */
  readonly degenerateSteps: number;
  readonly #form: FeedForm;

  /**
   * With a `loss` the batch needs targets; without one, targets and mask are left out.
   * @param keep with arrays of its own, to be used after the source was asked for its next batch
   * @throws ERR_BNLSTM_ARGUMENT
   */
  constructor(form: FeedForm, batch: Batch, loss?: Loss, keep = false) {
    batch = check.options(batch, 'batch', batchKeys);
    if (keep) batch = copied(batch);
    this.#form = form;
    this.size = check.integer(batch.size, 'batch: size', { min: 1 });
    this.steps = check.integer(batch.steps, 'batch: steps', { min: 1 });
    this.lengths = batch.lengths;
    if (batch.lengths !== undefined) {
      check.typedArray(batch.lengths, 'batch: lengths', [Int32Array], this.size);
      check.elements(batch.lengths, 'batch: lengths', 1, this.steps);
    }
    this.degenerateSteps = degenerateSteps(this);
    this.reset = checkReset(batch.reset, this.size);
    const mask = loss && batch.mask;
    this.shape = new FeedShape(form, {
      size: this.size,
      steps: this.steps,
      loss,
      lengths: batch.lengths !== undefined,
      mask: mask !== undefined,
    });
    this.inputs = {
      ...(batch.lengths && { lengths: batch.lengths }),
      sequence: this.#sequence(batch),
      ...(loss && { targets: this.#targets(batch, loss) }),
      ...(mask && {
        mask: check.typedArray(mask, 'batch: mask', [Float32Array], count(this.shape.rows)),
      }),
    };
  }

  /** All that the recording of a program depends on. */
  get key(): string {
    return this.shape.key;
  }

  #sequence({ inputs }: Batch): HostArray {
    const { input, paddingIsData } = this.#form;
    const positions = this.size * this.steps;
    const name = 'batch: inputs';
    if (input.kind === 'tokens') {
      check.typedArray(inputs, name, [Int32Array], positions);
      const known = (id: number) => id >= 0 && id < input.vocabulary;
      const upTo = paddingIsData ? undefined : this.lengths;
      this.#every(inputs, known, name, `a token id from 0 to ${input.vocabulary - 1}`, upTo);
    } else {
      check.typedArray(inputs, name, [Float32Array], positions * input.width);
      if (paddingIsData && this.lengths) {
        const expected = "finite padding, which lengthStatistics 'all' takes as data";
        this.#every(inputs, Number.isFinite, name, expected);
      }
    }
    return inputs;
  }

  #targets({ targets, mask }: Batch, loss: Loss): HostArray {
    const { output } = this.#form;
    const name = 'batch: targets';
    const width = widthOf(output);
    const { rows } = this.shape;
    const { dtype, shape } = loss.targetType(rows, width);
    const kind = dtype === 'i32' ? Int32Array : Float32Array;
    const perStep = rows.length === 2 && this.steps > 1;
    if (perStep && targets instanceof kind && targets.length * this.steps === count(shape)) {
      const expected = `targets of every step, as there is no lastStep() before the outputs`;
      throw check.argumentError(name, expected, 'one of every sequence');
    }
    const checked = check.typedArray(targets, name, [kind], count(shape));
    if (loss.kind === 'crossEntropy') {
      const known = (target: number, row: number) =>
        (target >= 0 && target < width) || mask?.[row] === 0;
      const upTo = rows.length === 2 ? this.lengths : undefined;
      this.#every(checked, known, name, `a class from 0 to ${width - 1}`, upTo);
    }
    return checked;
  }

  /** Refuses the first element that is not `right`; of each row only the steps before `lengths`. */
  #every(
    values: ArrayLike<number>,
    right: (value: number, index: number) => boolean,
    name: string,
    expected: string,
    lengths?: Int32Array,
  ): void {
    const perStep = values.length / (this.size * this.steps);
    for (let i = 0; i < values.length; i++) {
      if (right(values[i], i)) continue;
      const row = Math.floor(i / (perStep * this.steps));
      const step = Math.floor(i / perStep) % this.steps;
      if (lengths && step >= lengths[row]) continue;
      throw check.argumentError(`${name}[${i}]`, expected, String(values[i]));
    }
  }
}

function degenerateSteps({ size, steps, lengths }: Feed): number {
  if (lengths === undefined) return size === 1 ? steps : 0;
  let [longest, second] = [0, 0];
  for (const length of lengths) {
    if (length > longest) [longest, second] = [length, longest];
    else if (length > second) second = length;
  }
  return longest - second;
}

function checkReset(reset: Batch['reset'], size: number): Batch['reset'] {
  const name = 'batch: reset';
  if (reset === undefined || typeof reset === 'boolean') return reset;
  if (!(reset instanceof Uint8Array)) {
    throw check.argumentError(name, 'true, false or a Uint8Array', check.show(reset));
  }
  return check.typedArray(reset, name, [Uint8Array], size);
}

function widthOf(output: Spec): number {
  return output.kind === 'tokens' ? output.vocabulary : output.width;
}
