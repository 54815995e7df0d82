import type { Feed } from '../nn/feed.js';
import { FeedShape } from '../nn/feed.js';
import { type Loss, recordLoss } from '../nn/loss.js';
import type { Network } from '../nn/network.js';
import { Graph } from '../program/graph.js';
import { planOps } from '../program/op_plans.js';
import type { Recompute } from '../recompute.js';

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
  /** The bits are the same whatever it is. */
  readonly recompute: Recompute;
}

export function shapeOf({ size, steps, lengths }: Feed): PlannedShape {
  return { size, steps, lengths: lengths !== undefined };
}

export interface PlannedStep {
  readonly loss: Loss;
  readonly recompute: Recompute;
}

/** Forward and backward, without what an optimizer adds. */
export function recordPasses(
  network: Network,
  shape: PlannedShape,
  { loss, recompute }: PlannedStep,
): Graph {
  const graph = new Graph(network.stream);
  const options = { training: true, statistics: 'batch', recompute } as const;
  const feed = new FeedShape(network, { ...shape, loss });
  const { pass, outputs } = network.forward(graph, feed, options);
  const { loss: value } = recordLoss(graph, loss, outputs, pass.feed);
  graph.backward(value);
  graph.output('loss', value);
  return graph;
}

/** Asks the engine, which may serve forward and backward in different ways; nothing is allocated. */
export function planOf(network: Network, shape: PlannedShape, step: PlannedStep): StepPlanRecord {
  const { ops } = planOps(recordPasses(network, shape, step));
  return {
    shape,
    ops: ops
      .filter(({ layer }) => layer !== undefined)
      .map(({ layer, op, plan }) => `${layer} ${op}: ${plan}`),
    recompute: step.recompute,
  };
}
