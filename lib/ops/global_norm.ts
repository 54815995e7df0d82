import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { checkOperand } from './operand.js';

export interface GlobalNormOptions {
  /** Flat, [P]. */
  readonly gradients: Value;
  /** [1]. */
  readonly loss: Value;
  /** [4] i32, external: its non-finite flag is set or cleared. */
  readonly state: Value;
  /** Gradients with a larger norm are scaled down to it; 0: never. */
  readonly clipNorm: number;
  /** A flag that is set stays set until the host clears it. */
  readonly sticky: boolean;
}

/** Norm of all gradients together, [1], and what optimizers multiply them with, [1]. */
export function globalNorm(
  graph: Graph,
  { gradients, loss, state, clipNorm, sticky }: GlobalNormOptions,
): { readonly norm: Value; readonly scale: Value } {
  checkOperand('globalNorm', 'loss', loss, 'f32', [1]);
  checkOperand('globalNorm', 'state', state, 'i32', [4]);
  const norm = graph.value('f32', [1], 'norm');
  const scale = graph.value('f32', [1], 'scale');
  graph.record({
    name: 'globalNorm',
    inputs: { gradients, loss },
    outputs: { norm, scale, state },
    options: { clipNorm, sticky },
  });
  return { norm, scale };
}
