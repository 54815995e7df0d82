import * as check from '../check.js';
import { recordPrediction } from '../infer/predict.js';
import { FeedShape } from '../nn/feed.js';
import { type Loss, meanSquaredError } from '../nn/loss.js';
import type { Network } from '../nn/network.js';
import { type OpPlan, planOps } from '../program/op_plans.js';
import { checkRecompute, type Recompute } from '../recompute.js';
import { recordPasses } from '../train/step_plan.js';

export interface PlanOptions {
  readonly steps: number;
  readonly batchSize: number;
  /** Of a training step, forward and backward; false: of a prediction. Default true. */
  readonly training?: boolean | undefined;
  /** Whether batches carry `lengths`. Default false. */
  readonly lengths?: boolean | undefined;
  /** As of a trainer, but for 'auto'. Default 'none'. */
  readonly recompute?: Recompute | undefined;
}

export interface LayerPlan {
  /** Index of the layer. */
  readonly layer: number;
  /** Its kind, as 'bnLstm'. */
  readonly kind: string;
  /** The ops that serve it, in their order. */
  readonly ops: readonly OpPlan[];
}

/** How a device would compute a model, and what memory that takes. `String(plan)` is a table. */
export class ModelPlan {
  readonly device: string;
  readonly steps: number;
  readonly batchSize: number;
  readonly training: boolean;
  /**
   * Of all that lives while the program runs. Parameters, their gradients and the optimizer's state
   * come on top, whatever the batch; on a CPU packed weights, too.
   */
  readonly bytes: number;
  readonly layers: readonly LayerPlan[];

  /** @internal */
  constructor(plan: Omit<ModelPlan, 'toString'>) {
    this.device = plan.device;
    this.steps = plan.steps;
    this.batchSize = plan.batchSize;
    this.training = plan.training;
    this.bytes = plan.bytes;
    this.layers = plan.layers;
    Object.freeze(this);
  }

  toString(): string {
    const { device, steps, batchSize, training, bytes, layers } = this;
    const verb = training ? 'a training step' : 'a prediction';
    const ops = layers.flatMap((layer) => layer.ops);
    const width = Math.max(0, ...ops.map(({ op }) => op.length));
    return [
      `${verb} on ${device}, ${batchSize} x ${steps} steps: ${show(bytes)}`,
      ...layers.flatMap(({ layer, kind, ops }) => [
        `${layer} ${kind}${ops.length === 0 ? ': no op of its own' : ''}`,
        ...ops.map((op) => `  ${op.op.padEnd(width)}  ${describe(op)}`),
      ]),
    ].join('\n');
  }
}

function describe({ plan, why, savedBytes, scratchBytes }: OpPlan): string {
  const bytes = [
    ...(savedBytes > 0 ? [`${show(savedBytes)} saved`] : []),
    ...(scratchBytes > 0 ? [`${show(scratchBytes)} scratch`] : []),
  ];
  return [`${plan}: ${why}`, ...bytes].join('; ');
}

/** 1234567 as 1 234 567 B. */
function show(bytes: number): string {
  return `${String(bytes).replace(/\B(?=(\d{3})+$)/g, ' ')} B`;
}

/** Plans a program and asks the engine about its ops; nothing is allocated. */
export function planModel(network: Network, options: PlanOptions, loss: Loss | undefined) {
  const method = 'plan';
  const names = ['steps', 'batchSize', 'training', 'lengths', 'recompute'];
  const given = check.options(options, method, names);
  const steps = check.integer(given.steps, `${method}: steps`, { min: 1 });
  const batchSize = check.integer(given.batchSize, `${method}: batchSize`, { min: 1 });
  const training = check.boolean(given.training ?? true, `${method}: training`);
  const lengths = check.boolean(given.lengths ?? false, `${method}: lengths`);
  const recompute = checkRecompute(given.recompute ?? 'none', method);

  const shape = { size: batchSize, steps, lengths };
  const recording = training
    ? recordPasses(network, shape, { loss: loss ?? meanSquaredError(), recompute })
    : recordPrediction(network, new FeedShape(network, shape), {
        training: false,
        statistics: 'population',
      });
  const { arenaBytes, ops } = planOps(recording);
  const layers = network.layers.map(({ kind }, index) =>
    Object.freeze({
      layer: index,
      kind,
      ops: Object.freeze(
        ops
          .filter(({ layer }) => layer === index)
          .map(({ layer: _, ...op }) => Object.freeze(op) as OpPlan),
      ),
    }),
  );
  const { device } = network.stream;
  const plan = { device, steps, batchSize, training, bytes: arenaBytes };
  return new ModelPlan({ ...plan, layers: Object.freeze(layers) });
}
