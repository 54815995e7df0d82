import type { NativeArray, NativeStream } from '../native.js';
import { mapStatistics, type StatisticsValues } from '../ops/statistics.js';
import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import type { Blueprint, Segment, TablesSegment } from './builder.js';

/** The statistics tables of all layers of a network, in one flat f32 array on its device. */
export class StatisticsTables {
  readonly #array: NativeArray;
  readonly #count: number;

  constructor(
    readonly stream: NativeStream,
    { tableCount }: Blueprint,
  ) {
    this.#count = tableCount;
    this.#array = stream.array(tableCount * Float32Array.BYTES_PER_ELEMENT);
  }

  get bytes(): number {
    return this.#array.bytes;
  }

  /** The tables of one layer, in a recording. */
  values(graph: Graph, { segments }: TablesSegment): StatisticsValues {
    return mapStatistics((name) => {
      const { shape, offset } = segments[name];
      const place = { array: this.#array, offset: offset * Float32Array.BYTES_PER_ELEMENT };
      return graph.external(segments[name].name, place, 'f32', shape);
    });
  }

  /** All of them, in a recording. */
  flat(graph: Graph): Value {
    return graph.external('tables', { array: this.#array, offset: 0 }, 'f32', [this.#count]);
  }

  async read(): Promise<Float32Array<ArrayBuffer>> {
    const values = new Float32Array(this.#count);
    await this.stream.read(this.#array, 0, values);
    return values;
  }

  /** Queues the copy; `values` are taken before it returns. */
  write(values: Float32Array): Promise<void> {
    return this.stream.write(this.#array, 0, values);
  }

  dispose(): void {
    this.#array.dispose();
  }
}

/** The part of a flat host array that belongs to a segment, copied. */
export function copyOf(values: Float32Array<ArrayBuffer>, { offset, count }: Segment) {
  return values.slice(offset, offset + count);
}
