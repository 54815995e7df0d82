import type { NativeArray } from '../native.js';
import type { WindowPlace } from '../nn/carried_state.js';
import type { Network } from '../nn/network.js';
import { StatisticsTables } from '../nn/tables.js';
import type { WindowSums } from '../ops/accumulate_gradients.js';
import { keepState } from '../ops/keep_state.js';
import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';

/**
 * What a trainer with accumulated gradients keeps on the device between the batches of a window.
 * Until the window's last batch has turned out finite nothing else changes: sums, moving statistics
 * and carried state grow beside what they will replace. A window that is left in its middle is
 * forgotten by the next one's first batch.
 */
export class WindowMemory {
  readonly #network: Network;
  readonly #sums: NativeArray;
  readonly #totals: NativeArray;
  readonly #moving: StatisticsTables | undefined;

  constructor(network: Network) {
    const { stream, blueprint, tables } = network;
    const floats = (count: number) => stream.array(count * Float32Array.BYTES_PER_ELEMENT);
    this.#network = network;
    this.#sums = floats(blueprint.parameterCount);
    this.#totals = floats(2);
    this.#moving = tables.moving && new StatisticsTables(stream, blueprint);
  }

  get bytes(): number {
    return this.#sums.bytes + this.#totals.bytes + (this.#moving?.bytes ?? 0);
  }

  sums(graph: Graph): WindowSums {
    const external = (label: string, array: NativeArray, count: number) =>
      graph.external(label, { array, offset: 0 }, 'f32', [count]);
    return {
      sum: external('sum', this.#sums, this.#network.blueprint.parameterCount),
      totals: external('totals', this.#totals, 2),
    };
  }

  /** The moving tables that batches of a window update, at first a copy of the network's. */
  moving(graph: Graph, { first }: WindowPlace): StatisticsTables | undefined {
    const kept = this.#network.tables.moving;
    if (first && this.#moving && kept) keepState(graph, kept.flat(graph), this.#moving.flat(graph));
    return this.#moving;
  }

  /** With the window's last batch: they become the network's unless the flag of `state` is set. */
  keepMoving(graph: Graph, state: Value): void {
    const kept = this.#network.tables.moving;
    if (this.#moving && kept) keepState(graph, this.#moving.flat(graph), kept.flat(graph), state);
  }

  dispose(): void {
    this.#sums.dispose();
    this.#totals.dispose();
    this.#moving?.dispose();
  }
}
