import type { NativeArray, NativeStream } from '../native.js';
import { bnLstmPack } from '../ops/bn_lstm_pack.js';
import type { ProgramCache } from '../program/cache.js';
import { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import type { Blueprint, RecurrentSegment } from './builder.js';
import type { Parameters } from './parameters.js';

/** The weights of recurrent layers as the engine reads them, made anew when they have changed. */
export class PackedWeights {
  readonly #array: NativeArray | undefined;
  /** The version of the parameters that they were made from. */
  #version: number | undefined;

  constructor(
    readonly stream: NativeStream,
    readonly blueprint: Blueprint,
    readonly parameters: Parameters,
  ) {
    const { packedBytes } = blueprint;
    this.#array = packedBytes > 0 ? stream.array(packedBytes) : undefined;
  }

  get bytes(): number {
    return this.#array?.bytes ?? 0;
  }

  value(graph: Graph, { layer, packedOffset, packedBytes }: RecurrentSegment): Value {
    const place = { array: this.#array as NativeArray, offset: packedOffset };
    return graph.external(`${layer}.packed`, place, 'u8', [packedBytes]);
  }

  /** Records the packing of all of them. */
  record(graph: Graph): void {
    for (const segment of this.blueprint.recurrent) {
      const { wx, wh, tokens, dtype } = segment;
      const [x, h] = [wx, wh].map((weights) => {
        const { name, value, shape } = this.parameters.at(weights, false);
        return graph.external(name, value, 'f32', shape);
      });
      bnLstmPack(graph, { wx: x, wh: h, packed: this.value(graph, segment), tokens, dtype });
    }
  }

  /** To be called when a program that packs has been queued. */
  packed(): void {
    this.#version = this.parameters.version;
  }

  /** Queues the packing if the parameters have changed since the last. */
  async update(programs: ProgramCache): Promise<void> {
    if (this.#array === undefined || this.#version === this.parameters.version) return;
    const program = programs.get('pack', () => {
      const graph = new Graph(this.stream);
      this.record(graph);
      return graph.compile();
    });
    const packing = program.run({});
    this.packed();
    await packing;
  }
}
