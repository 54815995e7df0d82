import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { checkOperand } from './operand.js';

/**
 * Copies x, f32 or bf16, into `kept`, f32, external and of its shape, for a later program to go on from. With
 * the training state [4] i32 nothing happens while its non-finite flag is set.
 */
export function keepState(graph: Graph, x: Value, kept: Value, state?: Value): void {
  checkOperand('keepState', 'x', x, x.dtype === 'bf16' ? 'bf16' : 'f32', kept.shape);
  checkOperand('keepState', 'kept', kept, 'f32', kept.shape);
  if (state) checkOperand('keepState', 'state', state, 'i32', [4]);
  graph.record({ name: 'keepState', inputs: { x, state }, outputs: { kept } });
}
