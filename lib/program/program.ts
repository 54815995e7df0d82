import { internalError } from '../errors.js';
import type { HostArray, NativeProgram } from '../native.js';
import type { Layout } from './compile.js';
import { describe } from './describe.js';
import { type Profile, summarise } from './profile.js';
import type { RecordedInput } from './recording.js';
import { count, formatType, hostArrayOf } from './value.js';

/** Values of a program by name. */
export type Arrays = Readonly<Record<string, HostArray>>;

/** A recording that was checked, planned and handed to the stream; made by `Graph.compile`. */
export class Program {
  readonly #native: NativeProgram;
  readonly #layout: Layout;

  constructor(native: NativeProgram, layout: Layout) {
    this.#native = native;
    this.#layout = layout;
  }

  /** What it needs of the stream's arena. */
  get bytes(): number {
    return this.#layout.arenaBytes;
  }

  /**
   * Queues one run. `inputs` are copied before it returns; the results are new arrays, in the
   * host's order of axes. Rejects with what native code reports; missing, unknown or wrongly sized
   * inputs are internal errors.
   */
  async run(inputs: Arrays): Promise<Arrays> {
    const { stream } = this.#layout.recording;
    return this.#queue(inputs, (given, results) => stream.submit(this.#native, given, results));
  }

  /** As `run`, timing each op. */
  async profile(inputs: Arrays): Promise<{ outputs: Arrays; profile: Profile }> {
    const { ops, recording } = this.#layout;
    const times = new Float32Array(ops.length);
    const outputs = await this.#queue(inputs, (given, results) =>
      recording.stream.profile(this.#native, given, results, times),
    );
    const names = ops.map(({ name }) => name);
    return { outputs, profile: summarise(names, times) };
  }

  /** Milliseconds of each of several runs on the device; what they give stays there. */
  async time(inputs: Arrays, runs: number): Promise<Float32Array> {
    const milliseconds = new Float32Array(runs);
    await this.#layout.recording.stream.time(this.#native, this.#given(inputs), milliseconds);
    return milliseconds;
  }

  async #queue(
    inputs: Arrays,
    submit: (inputs: readonly HostArray[], outputs: readonly HostArray[]) => Promise<void>,
  ): Promise<Arrays> {
    const { recording } = this.#layout;
    const given = this.#given(inputs);
    const results = recording.outputs.map(({ value }) => {
      const HostArrayOf = hostArrayOf(value.dtype);
      return new HostArrayOf(count(value.shape));
    });
    await submit(given, results);
    return Object.fromEntries(recording.outputs.map(({ name }, index) => [name, results[index]]));
  }

  #given(inputs: Arrays): readonly HostArray[] {
    const { recording } = this.#layout;
    for (const name of Object.keys(inputs)) {
      if (!recording.inputs.some((input) => input.name === name)) {
        throw internalError(`the program has no input '${name}'`);
      }
    }
    return recording.inputs.map((input) => checked(input, inputs[input.name]));
  }

  /** A table of its ops, operands and bytes, to be read by people. */
  describe(): string {
    return describe(this.#layout);
  }

  /** Lets go of it; runs that are queued still happen. Idempotent. */
  dispose(): void {
    this.#native.dispose();
  }
}

function checked({ name, value }: RecordedInput, array: HostArray | undefined): HostArray {
  if (!(array instanceof hostArrayOf(value.dtype)) || array.length !== count(value.shape)) {
    const actual = array ? `${array.constructor.name} of ${array.length}` : 'nothing';
    const expected = formatType(value.dtype, value.shape);
    throw internalError(`input '${name}' must be ${expected}, not ${actual}`);
  }
  return array;
}
