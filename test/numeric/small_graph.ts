import type { HostArray, NativeStream } from '../../lib/native.js';
import { embedding } from '../../lib/ops/embedding.js';
import { Graph } from '../../lib/program/graph.js';
import type { Parameter } from '../../lib/program/recording.js';
import { count, type Shape, type Value } from '../../lib/program/value.js';
import { toBf16 } from '../../lib/reference/rounding.js';
import { relativeError } from '../reference/compare.js';
import { random } from '../reference/random.js';

/** Numbers in f32, so that device and reference begin with the same. */
export function normals(seed: number, size: number, deviation = 1): Float64Array {
  return random(seed).normals(size, deviation).map(Math.fround);
}

/** A program on a device whose loss and gradients are compared with a function in doubles. */
export class SmallGraph {
  readonly graph: Graph;
  readonly inputs: Record<string, HostArray> = {};
  readonly #parameters = new Map<Parameter, Float64Array>();

  constructor(readonly stream: NativeStream) {
    this.graph = new Graph(stream);
  }

  /** A trained parameter of random numbers; its gradient's segment begins full of rubbish. */
  parameter(name: string, ...shape: Shape): Value {
    return this.#parameter(name, shape, normals(this.#parameters.size + 1, count(shape)));
  }

  /** The same in bf16, which holds its numbers exactly; the gradient that arrives is seen in f32. */
  bf16Parameter(name: string, ...shape: readonly [...Shape, number]): Value {
    const data = normals(this.#parameters.size + 1, count(shape)).map(toBf16);
    const [rows, width] = [shape.slice(0, -1), shape.at(-1) as number];
    const table = this.#parameter(name, [count(rows), width], data);
    const tokens = this.i32(
      `rows of ${name}`,
      rows,
      Array.from({ length: count(rows) }, (_, k) => k),
    );
    return embedding(this.graph, tokens, table, 'bf16');
  }

  #parameter(name: string, shape: Shape, data: Float64Array): Value {
    const size = count(shape);
    const place = () => ({ array: this.stream.array(4 * size), offset: 0 });
    const parameter = { name, shape, value: place(), gradient: place() };
    this.#parameters.set(parameter, data);
    void this.stream.write(parameter.value.array, 0, Float32Array.from(data));
    void this.stream.write(parameter.gradient.array, 0, new Float32Array(size).fill(1e9));
    return this.graph.parameter(parameter);
  }

  f32(name: string, shape: Shape, data: ArrayLike<number>): Value {
    this.inputs[name] = Float32Array.from(data);
    return this.graph.input(name, 'f32', shape);
  }

  i32(name: string, shape: Shape, data: ArrayLike<number>): Value {
    this.inputs[name] = Int32Array.from(data);
    return this.graph.input(name, 'i32', shape);
  }

  /** Runs forward and backward from `loss`: its value, and the gradient of each parameter. */
  async run(loss: Value): Promise<{ loss: number; gradients: Record<string, Float32Array> }> {
    this.graph.backward(loss);
    this.graph.output('loss', loss);
    const program = this.graph.compile();
    const result = await program.run(this.inputs);
    const gradients: Record<string, Float32Array> = {};
    for (const [{ name, gradient }, data] of this.#parameters) {
      gradients[name] = new Float32Array(data.length);
      if (gradient) await this.stream.read(gradient.array, gradient.offset, gradients[name]);
    }
    program.dispose();
    return { loss: result.loss[0], gradients };
  }

  /**
   * Runs forward and backward from `loss`. Gives what is further off than the tolerance, as a share of
   * the tensor's largest: the loss from `expected`, the gradients from its central differences.
   */
  async errors(
    loss: Value,
    expected: (parameters: Record<string, Float64Array>) => number,
    tolerance: { readonly loss?: number; readonly gradient?: number } = {},
  ): Promise<Record<string, number>> {
    const result = await this.run(loss);
    const named = Object.fromEntries([...this.#parameters].map(([{ name }, data]) => [name, data]));
    const errors: Record<string, number> = {};
    const compare = (
      name: string,
      actual: ArrayLike<number>,
      wanted: ArrayLike<number>,
      allowed = 1e-5,
    ) => {
      const error = relativeError(actual, wanted);
      if (!(error <= allowed)) errors[name] = error;
    };
    compare('loss', [result.loss], [expected(named)], tolerance.loss);
    for (const [name, data] of Object.entries(named)) {
      const wanted = data.map((_, k) => derivative(data, k, () => expected(named)));
      compare(name, result.gradients[name], wanted, tolerance.gradient);
    }
    return errors;
  }
}

/** Of f by data[k], by central differences of fourth order: right to about 1e-10. */
function derivative(data: Float64Array, k: number, f: () => number): number {
  const value = data[k];
  const at = (x: number) => {
    data[k] = x;
    const result = f();
    data[k] = value;
    return result;
  };
  const h = 1e-3;
  const near = at(value + h) - at(value - h);
  const far = at(value + 2 * h) - at(value - 2 * h);
  return (8 * near - far) / (12 * h);
}
