import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { checkOperand } from './operand.js';

/** Last op of a training step: counts it in `state` ([4] i32, external) as applied or skipped. */
export function commitStep(graph: Graph, state: Value): void {
  checkOperand('commitStep', 'state', state, 'i32', [4]);
  graph.record({ name: 'commitStep', inputs: {}, outputs: { state } });
}
