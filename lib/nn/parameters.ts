import type { NativeArray, NativeStream } from '../native.js';
import type { Graph } from '../program/graph.js';
import type { Parameter } from '../program/recording.js';
import type { Value } from '../program/value.js';
import type { Blueprint, ParameterSegment } from './builder.js';

const floatBytes = Float32Array.BYTES_PER_ELEMENT;

/**
 * The parameters of a network, segments of one flat array on its device, and their gradients,
 * segments of another that exists from the first training on.
 */
export class Parameters {
  readonly #array: NativeArray;
  #gradients: NativeArray | undefined;
  #version = 0;
  #lastVersion = 0;

  constructor(
    readonly stream: NativeStream,
    readonly blueprint: Blueprint,
  ) {
    this.#array = stream.array(blueprint.parameterCount * floatBytes);
  }

  /** In bytes; gradients are 0 before the first training. */
  get memory(): { readonly parameters: number; readonly gradients: number } {
    return { parameters: this.#array.bytes, gradients: this.#gradients?.bytes ?? 0 };
  }

  /** Names the current values; never used again once they have changed. */
  get version(): number {
    return this.#version;
  }

  /** To be called when a change has been queued. */
  changed(): number {
    this.#version = ++this.#lastVersion;
    return this.#version;
  }

  /** Takes `changed` back where a step turned out to have changed nothing, if nothing else has. */
  restored(before: number, after: number): void {
    if (this.#version === after) this.#version = before;
  }

  /** A parameter as recordings take it: where it trains with its gradient. */
  at({ name, shape, offset, trainable }: ParameterSegment, trains: boolean): Parameter {
    const place = (array: NativeArray) => ({ array, offset: offset * floatBytes });
    const value = place(this.#array);
    if (!trains || !trainable) return { name, shape, value };
    return { name, shape, value, gradient: place(this.#gradientArray()) };
  }

  /** Records zeros as the gradient of a parameter. */
  clearGradient(graph: Graph, { name, shape, offset }: ParameterSegment): void {
    const place = { array: this.#gradientArray(), offset: offset * floatBytes };
    const y = graph.external(`d(${name})`, place, 'f32', shape);
    graph.record({ name: 'fill', inputs: {}, outputs: { y }, options: { value: 0 } });
  }

  /** All parameters and all gradients, [P] each. */
  flat(graph: Graph): { readonly parameters: Value; readonly gradients: Value } {
    const whole = (label: string, array: NativeArray) =>
      graph.external(label, { array, offset: 0 }, 'f32', [this.blueprint.parameterCount]);
    return {
      parameters: whole('parameters', this.#array),
      gradients: whole('gradients', this.#gradientArray()),
    };
  }

  async read(
    offset = 0,
    count = this.blueprint.parameterCount,
  ): Promise<Float32Array<ArrayBuffer>> {
    const values = new Float32Array(count);
    await this.stream.read(this.#array, offset * floatBytes, values);
    return values;
  }

  /** The gradients of the last training step, [P]. */
  async readGradients(): Promise<Float32Array<ArrayBuffer>> {
    const values = new Float32Array(this.blueprint.parameterCount);
    await this.stream.read(this.#gradientArray(), 0, values);
    return values;
  }

  /** Writes from an element of the flat array on; `values` are taken before it returns. */
  async write(values: Float32Array, offset = 0): Promise<void> {
    const writing = this.stream.write(this.#array, offset * floatBytes, values);
    this.changed();
    await writing;
  }

  #gradientArray(): NativeArray {
    this.#gradients ??= this.stream.array(this.blueprint.parameterCount * floatBytes);
    return this.#gradients;
  }
}
