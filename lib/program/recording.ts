// What a recording consists of: the types that Graph fills and that tape, prune and compile read.
import type { NativeOption, NativeStream } from '../native.js';
import type { Place, Shape, Value } from './value.js';

/** A trained (or, without `gradient`, frozen) f32 array. */
export interface Parameter {
  readonly name: string;
  readonly shape: Shape;
  readonly value: Place;
  readonly gradient?: Place | undefined;
}

/** What an op's gradient function is given when the tape is played backwards. */
export interface Gradients {
  /** The upstream gradient of an output of the op; undefined means zero. */
  of(output: Value): Value | undefined;
  /** Whether anybody wants the gradient of this input. */
  needs(input: Value): boolean;
  /**
   * Where the op must write (not add) the gradient of `input`: each call is one contribution. For
   * an input that needs none it is a temporary that nobody reads.
   */
  into(input: Value): Value;
}

export type Operands = Readonly<Record<string, Value | undefined>>;

/** An op as lib/ops hand it to `Graph.record`; absent operands are left out. */
export interface OpRecord {
  readonly name: string;
  readonly inputs: Operands;
  /** An output that is external is written in place; such an op is never pruned. */
  readonly outputs: Operands;
  /** Names of outputs that the op can do without: dropped if nobody reads them. */
  readonly optional?: readonly string[];
  /** Names of outputs through which no gradient flows, though the op has a gradient. */
  readonly constants?: readonly string[];
  readonly options?: Readonly<Record<string, NativeOption>>;
  /** Records the ops that write the gradients of the inputs. Called if an output has one. */
  readonly gradient?: (gradients: Gradients) => void;
}

/** A recorded op: as OpRecord, without the absent operands. */
export interface RecordedOp {
  readonly name: string;
  readonly inputs: Readonly<Record<string, Value>>;
  readonly outputs: Readonly<Record<string, Value>>;
  readonly optional: ReadonlySet<string>;
  readonly options: Readonly<Record<string, NativeOption>>;
  readonly gradient: ((gradients: Gradients) => void) | undefined;
  /** Index of the layer that it belongs to, if it does to one. */
  readonly layer: number | undefined;
}

export interface InputOptions {
  /** The host's array is [B][T]..., the device's [T][B].... */
  readonly batchMajor?: boolean | undefined;
  /** The input [B] i32 with the rows' lengths: steps beyond them are zeroed on the way in. */
  readonly zeroPaddingBy?: Value | undefined;
}

export interface OutputOptions {
  readonly batchMajor?: boolean | undefined;
}

export interface RecordedInput {
  readonly name: string;
  readonly value: Value;
  readonly batchMajor: boolean;
  readonly lengths: Value | undefined;
}

export interface RecordedOutput {
  readonly name: string;
  readonly value: Value;
  readonly batchMajor: boolean;
}

export interface Recording {
  readonly stream: NativeStream;
  readonly ops: readonly RecordedOp[];
  readonly inputs: readonly RecordedInput[];
  readonly outputs: readonly RecordedOutput[];
}
