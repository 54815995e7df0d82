import * as check from '../check.js';
import type { DType } from '../native.js';
import type { CountedRows } from '../ops/counted_rows.js';
import { crossEntropy as crossEntropyOp } from '../ops/cross_entropy.js';
import { meanSquaredError as meanSquaredErrorOp } from '../ops/mean_squared_error.js';
import type { Graph } from '../program/graph.js';
import type { Shape, Value } from '../program/value.js';
import type { FeedValues } from './feed.js';

/** f32 [1] each; the loss is a mean over the rows that count. */
export interface LossValues {
  readonly loss: Value;
  readonly counted: Value;
  /** Rows whose largest output is the target's: for classes only. */
  readonly correct?: Value;
}

/** What is minimised. Made by `crossEntropy` and `meanSquaredError`. */
export class Loss {
  /** @internal */
  constructor(
    readonly kind: 'crossEntropy' | 'meanSquaredError',
    /** @internal */
    readonly record: (
      graph: Graph,
      outputs: Value,
      targets: Value,
      rows: CountedRows,
    ) => LossValues,
  ) {
    Object.freeze(this);
  }

  /**
   * Targets for outputs [...rows][width].
   * @internal
   */
  targetType(rows: Shape, width: number): { readonly dtype: DType; readonly shape: Shape } {
    return this.kind === 'crossEntropy'
      ? { dtype: 'i32', shape: rows }
      : { dtype: 'f32', shape: [...rows, width] };
  }
}

const crossEntropyLoss = new Loss('crossEntropy', crossEntropyOp);
const meanSquaredErrorLoss = new Loss('meanSquaredError', meanSquaredErrorOp);

/**
 * Softmax cross-entropy in nats, the mean over all targets that count. The model's outputs are
 * logits; targets are class indices, Int32Array [B] (one per sequence, after `lastStep`) or [B][T].
 */
export function crossEntropy(): Loss {
  return crossEntropyLoss;
}

/** Mean of (output − target)² over all elements that count; targets Float32Array [B][C] or [B][T][C]. */
export function meanSquaredError(): Loss {
  return meanSquaredErrorLoss;
}

/** The loss that targets of this type are for: classes or reals. */
export function lossFor(targets: Int32Array | Float32Array | undefined): Loss {
  return targets instanceof Float32Array ? meanSquaredErrorLoss : crossEntropyLoss;
}

/** A user's choice of loss. */
export function checkLoss(value: unknown, name: string): Loss {
  return check.instance(value, name, Loss, 'crossEntropy() or meanSquaredError()');
}

/** Records a loss over what a feed declared; lengths matter where there is a target per step. */
export function recordLoss(
  graph: Graph,
  loss: Loss,
  outputs: Value,
  { targets, mask, lengths }: FeedValues,
): LossValues {
  const perStep = outputs.shape.length === 3;
  return loss.record(graph, outputs, targets as Value, {
    mask,
    lengths: perStep ? lengths : undefined,
  });
}

/** Other names of a mean cross-entropy in nats; undefined for losses without classes. */
export interface ClassMetrics {
  /** e to the loss. */
  readonly perplexity: number | undefined;
  /** The loss in bits: per character, where a target is one. */
  readonly bitsPerCharacter: number | undefined;
}

export function classMetrics(loss: number, hasClasses: boolean): ClassMetrics {
  return {
    perplexity: hasClasses ? Math.exp(loss) : undefined,
    bitsPerCharacter: hasClasses ? loss / Math.LN2 : undefined,
  };
}
