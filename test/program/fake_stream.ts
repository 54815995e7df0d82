import type {
  HostArray,
  NativeArray,
  NativeMemory,
  NativeOp,
  NativeOpPlan,
  NativeOpSizes,
  NativeProgramDescription,
  NativeStream,
} from '../../lib/native.js';
import type { Parameter } from '../../lib/program/recording.js';
import type { Place, Shape } from '../../lib/program/value.js';

/** A stream without an engine: it keeps what it is given, for tests of recording and planning. */
export class FakeStream implements NativeStream {
  readonly device = 'fake';
  readonly arenaBytes: number = 0;
  readonly arenaGeneration = 0;
  readonly asked: NativeOp[] = [];
  readonly programs: NativeProgramDescription[] = [];
  readonly submitted: (readonly HostArray[])[] = [];
  disposed = 0;

  constructor(readonly blobs: NativeOpSizes = { saved: 1000, scratch: 100, packed: 10 }) {}

  plan({ name }: NativeOp): NativeOpPlan {
    return { name: `fake ${name}`, why: 'there is no other' };
  }

  memory(): NativeMemory {
    return { free: 0, total: 0 };
  }

  sizes(op: NativeOp): NativeOpSizes {
    this.asked.push(op);
    return this.blobs;
  }

  array(bytes: number): NativeArray {
    return { bytes, dispose: () => {} };
  }

  program(description: NativeProgramDescription) {
    this.programs.push(description);
    const dispose = () => {
      this.disposed++;
    };
    return { arenaBytes: description.arenaBytes, dispose };
  }

  /** Every output element becomes the number of the submission, from 1. */
  async submit(_: unknown, inputs: readonly HostArray[], outputs: readonly HostArray[]) {
    this.submitted.push(inputs);
    for (const output of outputs) output.fill(this.submitted.length);
  }

  /** The op at index i takes i + 1 ms. */
  async profile(
    program: unknown,
    inputs: readonly HostArray[],
    outputs: readonly HostArray[],
    milliseconds: Float32Array,
  ) {
    for (const index of milliseconds.keys()) milliseconds[index] = index + 1;
    await this.submit(program, inputs, outputs);
  }

  /** The run at index i takes i + 1 ms. */
  async time(_: unknown, inputs: readonly HostArray[], milliseconds: Float32Array) {
    this.submitted.push(inputs);
    for (const index of milliseconds.keys()) milliseconds[index] = index + 1;
  }

  async write(): Promise<void> {}
  async read(): Promise<void> {}
  async orthogonal(): Promise<void> {}
  dispose(): void {}

  place(bytes: number): Place {
    return { array: this.array(bytes), offset: 0 };
  }

  parameter(name: string, shape: Shape, trainable = true): Parameter {
    const place = () => this.place(8192);
    return { name, shape, value: place(), ...(trainable && { gradient: place() }) };
  }
}
