import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { checkOperand } from './operand.js';

/** One batch of a window of batches that train as one large batch. */
export interface WindowBatch {
  /** Flat, [P]. */
  readonly gradients: Value;
  /** [1], a mean over what is counted. */
  readonly loss: Value;
  /** [1]. */
  readonly counted: Value;
}

/** External: what a window has gathered. Its first batch overwrites it. */
export interface WindowSums {
  /** Flat, [P]: of counted * gradients. */
  readonly sum: Value;
  /** [2]: of counted, and of counted * loss. */
  readonly totals: Value;
}

/** Adds a batch that is not its window's last. */
export function accumulateGradients(
  graph: Graph,
  batch: WindowBatch,
  sums: WindowSums,
  { first }: { readonly first: boolean },
): void {
  const op = 'accumulateGradients';
  checkWindow(op, batch, sums);
  const { sum, totals } = sums;
  graph.record({ name: op, inputs: { ...batch }, outputs: { sum, totals }, options: { first } });
}

/**
 * With its last batch, whose gradients become in place those of the mean over all that the window
 * has counted; returns that mean, [1]. A NaN or an infinity of any batch is in both.
 */
export function averageGradients(graph: Graph, batch: WindowBatch, sums: WindowSums): Value {
  const op = 'averageGradients';
  checkWindow(op, batch, sums);
  const { gradients, loss, counted } = batch;
  const meanLoss = graph.value('f32', [1], 'meanLoss');
  const inputs = { ...sums, loss, counted };
  graph.record({ name: op, inputs, outputs: { gradients, meanLoss } });
  return meanLoss;
}

function checkWindow(op: string, { gradients, loss, counted }: WindowBatch, sums: WindowSums) {
  checkOperand(op, 'sum', sums.sum, 'f32', gradients.shape);
  checkOperand(op, 'totals', sums.totals, 'f32', [2]);
  checkOperand(op, 'loss', loss, 'f32', [1]);
  checkOperand(op, 'counted', counted, 'f32', [1]);
}
