import { internalError } from '../errors.js';
import type { DType, NativeStream } from '../native.js';
import { compile } from './compile.js';
import type { Program } from './program.js';
import type {
  InputOptions,
  OpRecord,
  OutputOptions,
  Parameter,
  RecordedInput,
  RecordedOp,
  RecordedOutput,
  Recording,
} from './recording.js';
import { recordBackward } from './tape.js';
import {
  formatType,
  type Place,
  type Shape,
  type Storage,
  sameShape,
  type Value,
} from './value.js';

/**
 * One recording: inputs, parameters and ops in the order in which they will run, then `compile`.
 * Wrong use is an internal error; users' arguments are checked before.
 */
export class Graph implements Recording {
  readonly ops: RecordedOp[] = [];
  readonly inputs: RecordedInput[] = [];
  readonly outputs: RecordedOutput[] = [];
  /** Every parameter that was used, with its value. */
  readonly parameters = new Map<Parameter, Value>();
  /** Whose ops are being recorded: said with each of them. */
  layer: number | undefined;
  readonly #written = new Set<Value>();
  #values = 0;
  #streams = 0;

  constructor(readonly stream: NativeStream) {}

  /**
   * A value that the host gives at every run. `shape` is the device's (time-major). The same name
   * again is the same value; its type must agree.
   */
  input(name: string, dtype: DType, shape: Shape, options: InputOptions = {}): Value {
    const batchMajor = options.batchMajor ?? false;
    const lengths = options.zeroPaddingBy;
    const known = this.inputs.find((input) => input.name === name);
    if (known !== undefined) {
      const { value } = known;
      const agrees =
        value.dtype === dtype &&
        sameShape(value.shape, shape) &&
        known.batchMajor === batchMajor &&
        known.lengths === lengths;
      if (!agrees) {
        throw internalError(`input '${name}' was ${formatType(value.dtype, value.shape)} before`);
      }
      return value;
    }
    if (lengths !== undefined && !this.inputs.some(({ value }) => value === lengths)) {
      throw internalError(`the lengths of input '${name}' are not an input`);
    }
    const value = this.#value(dtype, shape, name, { kind: 'input' });
    this.#written.add(value);
    this.inputs.push({ name, value, batchMajor, lengths });
    return value;
  }

  /** Memory that lives outside the program: tables, optimizer state, packed weights. */
  external(label: string, place: Place, dtype: DType, shape: Shape): Value {
    return this.#value(dtype, shape, label, { kind: 'external', place });
  }

  /** The value of a parameter; the same parameter again is the same value. */
  parameter(parameter: Parameter): Value {
    const known = this.parameters.get(parameter);
    if (known !== undefined) return known;
    const { name, shape, value: place, gradient } = parameter;
    const storage = { kind: 'external', place } as const;
    const value = this.#value('f32', shape, name, storage, gradient !== undefined);
    this.parameters.set(parameter, value);
    return value;
  }

  /** A temporary in the arena, to be the output of an op. */
  value(dtype: DType, shape: Shape, label: string): Value {
    return this.#value(dtype, shape, label, { kind: 'temporary' });
  }

  /** An opaque u8 temporary: an output named `saved` or `scratch`, as large as the engine asks. */
  blob(label: string): Value {
    return this.#value('u8', [0], label, { kind: 'blob' });
  }

  /** Appends an op. Its outputs require gradients if it has a gradient and an input does. */
  record(op: OpRecord): void {
    const inputs = present(op.inputs);
    const outputs = present(op.outputs);
    for (const [name, value] of Object.entries(inputs)) {
      if (value.storage.kind !== 'external' && !this.#written.has(value)) {
        throw internalError(
          `${op.name} reads '${name}' (${value.label}), which nothing has written`,
        );
      }
    }
    const differentiable =
      op.gradient !== undefined && Object.values(inputs).some((value) => value.requiresGradient);
    for (const [name, value] of Object.entries(outputs)) {
      if (value.storage.kind === 'input') {
        throw internalError(`${op.name} writes the input '${value.label}'`);
      }
      this.#written.add(value);
      if (differentiable && !op.constants?.includes(name)) requireGradient(value);
    }
    this.ops.push({
      name: op.name,
      inputs,
      outputs,
      optional: new Set(op.optional),
      options: op.options ?? {},
      gradient: differentiable ? op.gradient : undefined,
      layer: this.layer,
    });
  }

  /** Makes a value a result of `Program.run`. */
  output(name: string, value: Value, options: OutputOptions = {}): void {
    if (this.outputs.some((output) => output.name === name)) {
      throw internalError(`two outputs are named '${name}'`);
    }
    if (value.storage.kind !== 'external' && !this.#written.has(value)) {
      throw internalError(`output '${name}' is a value that nothing has written`);
    }
    this.outputs.push({ name, value, batchMajor: options.batchMajor ?? false });
  }

  /**
   * Four Philox stream ids for one random op: 0, 4, 8, ... The same order of recording gives the
   * same ids, so masks do not depend on what else a program holds.
   */
  nextStream(): number {
    const stream = this.#streams;
    this.#streams += 4;
    return stream;
  }

  /**
   * Records the gradient ops of `loss` (f32 [1]). Every trainable parameter's gradient is written:
   * zeros where the loss does not reach it.
   */
  backward(loss: Value): void {
    recordBackward(this, loss);
  }

  /** Prunes, asks the engine for the sizes of blobs, plans the arena and hands over the program. */
  compile(): Program {
    return compile(this);
  }

  #value(
    dtype: DType,
    shape: Shape,
    label: string,
    storage: Storage,
    requiresGradient = false,
  ): Value {
    return { id: this.#values++, dtype, shape, label, requiresGradient, storage };
  }
}

function present(operands: OpRecord['inputs']): Record<string, Value> {
  const found: Record<string, Value> = {};
  for (const [name, value] of Object.entries(operands)) {
    if (value !== undefined) found[name] = value;
  }
  return found;
}

/** A value is made before the op that writes it is known, so this is settled late. */
function requireGradient(value: Value): void {
  (value as { requiresGradient: boolean }).requiresGradient = true;
}
