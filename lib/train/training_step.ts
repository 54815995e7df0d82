import type { NativeArray } from '../native.js';
import type { CarriedState } from '../nn/carried_state.js';
import type { Feed, FeedShape } from '../nn/feed.js';
import { type Loss, recordLoss } from '../nn/loss.js';
import type { Network } from '../nn/network.js';
import type { Pass } from '../nn/pass.js';
import { commitStep } from '../ops/commit_step.js';
import { globalNorm } from '../ops/global_norm.js';
import { updateStatistics } from '../ops/update_statistics.js';
import type { Optimizer } from '../optim/optimizer.js';
import { compileFitting } from '../program/fitting.js';
import { Graph } from '../program/graph.js';
import type { Program } from '../program/program.js';
import type { Value } from '../program/value.js';

/** The device's own record of training, as native/ops/training_state.h lays it out. */
export const stateSlots = 4;
export const skippedSlot = 1;
/** Right after `skippedSlot`: both are written at once. */
export const nonFiniteSlot = 2;

export interface StepPlan {
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** 0: never clip. */
  readonly clipNorm: number;
  readonly recompute: boolean | number;
  /** Once a step was not finite, none after it changes anything until the flag is cleared. */
  readonly sticky: boolean;
  /** The step is one of a chunk that goes on from here. */
  readonly carried: CarriedState | undefined;
  /** i32 [stateSlots] */
  readonly state: NativeArray;
  /** What the optimizer keeps, [P] each. */
  readonly slots: readonly NativeArray[];
}

/**
 * One training step as one program: pack, forward with batch statistics, loss, backward, clip,
 * update, moving statistics, the state that the next chunk goes on from. If loss or gradient norm
 * is not finite it changes nothing but the flag in `state`. Inputs: those of the feed and of
 * the chunk, `attempt` and `learningRate`; outputs: `loss`, `norm`, `correct` (for classes),
 * `counted`, `state`.
 */
export function recordTrainingStep(network: Network, { shape }: Feed, plan: StepPlan): Program {
  return compileFitting({
    size: shape.size,
    least: network.normalised ? 2 : 1,
    record: (size) => record(network, shape.ofSize(size), plan),
    hint: plan.recompute
      ? 'Shorter sequences, or fewer steps per chunk in `recompute`, need less'
      : 'Shorter sequences, or the option `recompute` of the trainer, need less',
  });
}

function record(network: Network, feed: FeedShape, plan: StepPlan): Graph {
  const { loss: kind, optimizer, clipNorm, recompute, sticky, carried } = plan;
  const graph = new Graph(network.stream);
  network.packed.record(graph);
  const { pass, outputs } = network.forward(graph, feed, {
    training: true,
    statistics: 'batch',
    recompute,
    carried,
  });
  const { loss, counted, correct } = recordLoss(graph, kind, outputs, pass.feed);
  graph.backward(loss);

  const { parameters, gradients } = network.parameters.flat(graph);
  const state = graph.external('state', { array: plan.state, offset: 0 }, 'i32', [stateSlots]);
  const { norm, scale } = globalNorm(graph, { gradients, loss, state, clipNorm, sticky });
  const learningRate = graph.input('learningRate', 'f32', [1]);
  const slots = plan.slots.map((array, index) =>
    graph.external(`slot ${index}`, { array, offset: 0 }, 'f32', parameters.shape),
  );
  const segments = network.blueprint.parameters
    .filter(({ trainable }) => trainable)
    .map(({ offset: begin, count, rateFactor, weightDecay }) => ({
      begin,
      count,
      rateFactor,
      weightDecay,
    }));
  const step = { parameters, gradients, learningRate, scale, state, segments };
  optimizer.record(graph, step, slots);
  updateMovingStatistics(network, pass, state);
  pass.keepStates(state);
  commitStep(graph, state);

  graph.output('loss', loss);
  graph.output('norm', norm);
  graph.output('counted', counted);
  if (correct) graph.output('correct', correct);
  graph.output('state', state);
  return graph;
}

function updateMovingStatistics(network: Network, pass: Pass, state: Value): void {
  for (const { tables, statistics } of pass.batchStatistics) {
    const { decay, inputStatistics } = tables;
    const moving = network.tables.moving?.values(pass.graph, tables);
    if (decay === undefined || moving === undefined) continue;
    const update = { mode: 'decay', decay, state } as const;
    const firstStep = pass.chunkStep;
    const options = { statistics, tables: moving, inputStatistics, firstStep, update };
    updateStatistics(pass.graph, options);
  }
}
