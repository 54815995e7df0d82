import type { NativeStream } from '../../native.js';
import type { Graph } from '../../program/graph.js';
import type { Gradients, Parameter } from '../../program/recording.js';
import { byteLength, type Shape, type Value } from '../../program/value.js';
import { bf16, constant, type Numbers, uniform } from './numbers.js';
import type { Recipe } from './workloads.js';

/** Device memory of one program; all of it goes with the stream. */
export class Memory {
  readonly #parameters = new Map<Value, Parameter>();

  constructor(
    readonly graph: Graph,
    readonly stream: NativeStream,
  ) {}

  room(label: string, dtype: Value['dtype'], shape: Shape): Value {
    return this.graph.external(label, this.#place(dtype, shape), dtype, shape);
  }

  async filled(label: string, dtype: Value['dtype'], { shape, data }: Numbers): Promise<Value> {
    const place = this.#place(dtype, shape);
    const host = dtype === 'bf16' ? bf16(data as Float32Array) : data;
    await this.stream.write(place.array, 0, host);
    return this.graph.external(label, place, dtype, shape);
  }

  /** Always f32; gradients only where they are wanted. */
  async parameters(inputs: number, hidden: number, { norm, pass }: Recipe) {
    const [gates, cells] = [
      [1, 4 * hidden],
      [1, hidden],
    ];
    const bound = 1 / Math.sqrt(hidden);
    const values: Record<string, Numbers> = {
      wx: uniform([1, inputs, 4 * hidden], bound),
      wh: uniform([1, hidden, 4 * hidden], bound),
      b: uniform(gates, bound),
      h0: constant([hidden], 0),
      c0: constant([hidden], 0),
      ...(norm === 'batch' && {
        gammaX: constant(gates, 0.1),
        gammaH: constant(gates, 0.1),
        gammaC: constant(cells, 0.1),
        betaC: constant(cells, 0),
      }),
    };
    const parameters: Record<string, Value> = {};
    for (const [name, { shape, data }] of Object.entries(values)) {
      const value = this.#place('f32', shape);
      const gradient = pass === 'train' ? this.#place('f32', shape) : undefined;
      await this.stream.write(value.array, 0, data);
      const parameter = { name, shape, value, gradient };
      parameters[name] = this.graph.parameter(parameter);
      this.#parameters.set(parameters[name], parameter);
    }
    return parameters;
  }

  /** Upstream is dy alone; gradients go to the places of the parameters, and dx beside them. */
  gradients(y: Value, dy: Value, { dtype, dx }: Recipe, x: Value | undefined): Gradients {
    return {
      of: (value) => (value === y ? dy : undefined),
      needs: (value) => value !== x || dx,
      into: (value) => {
        if (value === x) return this.room('dx', dtype, value.shape);
        const { name, shape, gradient } = this.#parameters.get(value) as Required<Parameter>;
        const place = gradient as NonNullable<typeof gradient>;
        return this.graph.external(`d${name}`, place, 'f32', shape);
      },
    };
  }

  #place(dtype: Value['dtype'], shape: Shape) {
    return { array: this.stream.array(byteLength(dtype, shape)), offset: 0 };
  }
}
