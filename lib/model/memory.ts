import type { Network } from '../nn/network.js';

/** What a model takes on its device, in bytes. */
export interface ModelMemory {
  readonly parameters: number;
  /** From the first training on. */
  readonly gradients: number;
  /** Population statistics and moving ones. */
  readonly statistics: number;
  /** Recurrent weights as the engine reads them. */
  readonly packedWeights: number;
  /** What programs compute with, as much as the largest so far needs. */
  readonly arena: number;
  /** All of these. A trainer's own is on top: `trainer.memory()`. */
  readonly total: number;
  /** Of the device, for everybody; undefined where it does not tell. */
  readonly device: { readonly free: number; readonly total: number } | undefined;
}

export function memoryOf({ stream, parameters, packed, tables }: Network): ModelMemory {
  const parts = {
    ...parameters.memory,
    statistics: (tables.population?.bytes ?? 0) + (tables.moving?.bytes ?? 0),
    packedWeights: packed.bytes,
    arena: stream.arenaBytes,
  };
  const { free, total } = stream.memory();
  return {
    ...parts,
    total: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0),
    device: total > 0 ? { free, total } : undefined,
  };
}
