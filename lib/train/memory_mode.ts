import type { Network } from '../nn/network.js';
import { bytesOf } from '../program/fitting.js';
import { type Recompute, type RecomputeMode, recomputeModes } from '../recompute.js';
import type { CheckedTrainerOptions } from './options.js';
import { type PlannedShape, recordPasses } from './step_plan.js';

/** Share of a device's memory: the rest is for the engine's workspaces, for fragments and others. */
const share = 0.8;

export type ModeBytes = Readonly<Record<RecomputeMode, number>>;

/**
 * The fastest mode that fits into a device; where none does, that of the least memory, which may be
 * had yet. By all the memory that the device has (0: not known), never by what is free: two runs
 * choose alike. `bytesOf` is asked as far as needed.
 */
export function chooseMode(bytesOf: (mode: RecomputeMode) => number, total: number): RecomputeMode {
  if (total === 0) return 'none';
  const fitting = recomputeModes.find((mode) => bytesOf(mode) <= share * total);
  const less = (a: RecomputeMode, b: RecomputeMode) => (bytesOf(b) < bytesOf(a) ? b : a);
  return fitting ?? recomputeModes.reduce(less);
}

/** Batches of one shape, and what backward computes anew of them. */
export interface PlannedMode {
  readonly shape: PlannedShape;
  readonly recompute: Recompute;
}

/** How a training by batches of one shape trades memory for time. */
export interface StepMemory {
  /** The mode that serves it; a number: steps per chunk. */
  readonly recompute: Recompute;
  /** With each mode, of all that it takes: parameters and optimizer too. */
  readonly bytes: ModeBytes;
}

/** What backward computes anew of the batches of a trainer. */
export class MemoryModes {
  readonly #network: Network;
  readonly #options: CheckedTrainerOptions;
  /** By shape: that of a checkpoint, and what was chosen since. */
  readonly #known = new Map<string, Recompute>();

  constructor(network: Network, options: CheckedTrainerOptions) {
    this.#network = network;
    this.#options = options;
  }

  of(shape: PlannedShape): Recompute {
    const { recompute } = this.#options;
    if (recompute !== 'auto') return recompute;
    const key = keyOf(shape);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const { total } = this.#network.stream.memory();
    const mode = chooseMode((each) => this.#bytes(shape, each), total);
    this.#known.set(key, mode);
    return mode;
  }

  /** Goes on with the mode of a checkpoint for batches of its shape. */
  restore(planned: PlannedMode | undefined): void {
    this.#known.clear();
    if (planned) this.#known.set(keyOf(planned.shape), planned.recompute);
  }

  memoryOf({ shape, recompute }: PlannedMode): StepMemory {
    const bytes = (mode: RecomputeMode) => this.#bytes(shape, mode);
    const all = { none: bytes('none'), inputs: bytes('inputs'), all: bytes('all') };
    return { recompute, bytes: all };
  }

  /** Of the whole training, whatever of it is there by now. */
  #bytes(shape: PlannedShape, recompute: RecomputeMode): number {
    const { loss, optimizer, accumulate } = this.#options;
    const { arena, copies } = bytesOf(recordPasses(this.#network, shape, { loss, recompute }));
    const { tables, packed, parameters: all } = this.#network;
    const { parameters } = all.memory;
    const moving = tables.moving?.bytes ?? 0;
    const window = accumulate > 1 ? parameters + moving : 0;
    const kept = (tables.population?.bytes ?? 0) + moving + packed.bytes;
    return arena + copies + (2 + optimizer.slots) * parameters + window + kept;
  }
}

function keyOf({ size, steps, lengths }: PlannedShape): string {
  return [size, steps, lengths].join();
}
