import type { Feed } from '../nn/feed.js';
import { FeedShape } from '../nn/feed.js';
import type { Network } from '../nn/network.js';
import { Graph } from '../program/graph.js';
import { planOps } from '../program/op_plans.js';

/** A batch, as far as the way it is computed depends on it. */
export interface PlannedShape {
  readonly size: number;
  readonly steps: number;
  readonly lengths: boolean;
}

/** How a device computes the steps of a training; other ways may give other bits. */
export interface StepPlanRecord {
  readonly shape: PlannedShape;
  /** As '0 bnLstm: avx512': layer, op, and which of the engine's ways it takes. */
  readonly ops: readonly string[];
  /** The mode of memory; the bits are the same in each. */
  readonly recompute: boolean | number;
}

export function shapeOf({ size, steps, lengths }: Feed): PlannedShape {
  return { size, steps, lengths: lengths !== undefined };
}

/** Asks the engine; nothing is allocated. */
export function planOf(
  network: Network,
  shape: PlannedShape,
  recompute: boolean | number,
): StepPlanRecord {
  const graph = new Graph(network.stream);
  const options = { training: true, statistics: 'batch', recompute } as const;
  const { outputs } = network.forward(graph, new FeedShape(network, shape), options);
  graph.output('outputs', outputs);
  const ops = planOps(graph).ops.map(({ layer, op, plan }) => `${layer} ${op}: ${plan}`);
  return { shape, ops, recompute };
}
