import type { Graph } from '../program/graph.js';
import type { Shape, Value } from '../program/value.js';

/** An f32 array of one number. */
export function fill(graph: Graph, shape: Shape, value: number): Value {
  const y = graph.value('f32', shape, 'fill');
  graph.record({ name: 'fill', inputs: {}, outputs: { y }, options: { value } });
  return y;
}
