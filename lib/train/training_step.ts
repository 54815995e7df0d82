import type { NativeArray } from '../native.js';
import type { CarriedState, WindowPlace } from '../nn/carried_state.js';
import type { Feed, FeedShape } from '../nn/feed.js';
import { type Loss, recordLoss } from '../nn/loss.js';
import type { Network } from '../nn/network.js';
import type { Pass } from '../nn/pass.js';
import { accumulateGradients, averageGradients } from '../ops/accumulate_gradients.js';
import { commitStep } from '../ops/commit_step.js';
import { globalNorm } from '../ops/global_norm.js';
import { updateStatistics } from '../ops/update_statistics.js';
import { type ParameterGroup, segmentsFor } from '../optim/groups.js';
import type { Optimizer } from '../optim/optimizer.js';
import { compileFitting } from '../program/fitting.js';
import { Graph } from '../program/graph.js';
import type { Program } from '../program/program.js';
import type { Value } from '../program/value.js';
import { type Recompute, recomputeModes } from '../recompute.js';
import type { WindowMemory } from './window.js';

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
  readonly recompute: Recompute;
  /** Once a step was not finite, none after it changes anything until the flag is cleared. */
  readonly sticky: boolean;
  readonly groups?: readonly ParameterGroup[] | undefined;
  /** The step is one of a chunk that goes on from here. */
  readonly carried: CarriedState | undefined;
  /** i32 [stateSlots] */
  readonly state: NativeArray;
  /** What the optimizer keeps, [P] each. */
  readonly slots: readonly NativeArray[];
  /** The batch is one of several whose gradients make one step; absent: a step by itself. */
  readonly window?: (WindowPlace & { readonly memory: WindowMemory }) | undefined;
}

/**
 * One training step as one program: pack, forward with batch statistics, loss, backward, clip,
 * update, moving statistics, the state that the next chunk goes on from. If loss or gradient norm
 * is not finite it changes nothing but the flag in `state`. Inputs: those of the feed and of
 * the chunk, `attempt` and `learningRate`; outputs: `loss`, `norm`, `correct` (for classes),
 * `counted`, `state`.
 *
 * In a window of batches only the last one's program clips, updates and counts: `loss` and `norm`
 * are then the window's, and one NaN in any batch makes it the whole window's. The programs before
 * it only gather, in memory that nobody else reads, and give no `loss`, `norm` and `state`.
 * `counted` and `correct` are each batch's own in all of them.
 */
export function recordTrainingStep(network: Network, { shape }: Feed, plan: StepPlan): Program {
  return compileFitting({
    size: shape.size,
    least: network.normalised ? 2 : 1,
    record: (size) => record(network, shape.ofSize(size), plan),
    modes: recomputeModes
      .filter((mode) => mode !== plan.recompute)
      .map((mode) => ({
        mode,
        record: () => record(network, shape, { ...plan, recompute: mode }),
      })),
    hint: 'Shorter sequences need less',
  });
}

function record(network: Network, feed: FeedShape, plan: StepPlan): Graph {
  const { optimizer, clipNorm, recompute, sticky, carried, window } = plan;
  const { parameters: all } = network.blueprint;
  const { segments, frozen } = segmentsFor(all, plan.groups ?? [], optimizer);
  const graph = new Graph(network.stream);
  const learningRate = graph.input('learningRate', 'f32', [1]);
  network.packed.record(graph);
  const { pass, outputs } = network.forward(graph, feed, {
    training: true,
    statistics: 'batch',
    recompute,
    carried,
    window,
    frozen,
  });
  const { loss: ownLoss, counted, correct } = recordLoss(graph, plan.loss, outputs, pass.feed);
  graph.backward(ownLoss);
  // The norm is one of the flat array, in which another trainer may have left theirs.
  for (const parameter of all) {
    if (frozen.has(parameter.name)) network.parameters.clearGradient(graph, parameter);
  }
  graph.output('counted', counted);
  if (correct) graph.output('correct', correct);

  const { parameters, gradients } = network.parameters.flat(graph);
  const state = graph.external('state', { array: plan.state, offset: 0 }, 'i32', [stateSlots]);
  const batch = { gradients, loss: ownLoss, counted };
  if (window && !window.last) {
    accumulateGradients(graph, batch, window.memory.sums(graph), window);
    updateMovingStatistics(network, pass, state, window);
    pass.keepStates(state);
    return graph;
  }
  const loss = window ? averageGradients(graph, batch, window.memory.sums(graph)) : ownLoss;
  const { norm, scale } = globalNorm(graph, { gradients, loss, state, clipNorm, sticky });
  const slots = plan.slots.map((array, index) =>
    graph.external(`slot ${index}`, { array, offset: 0 }, 'f32', parameters.shape),
  );
  const step = { parameters, gradients, learningRate, scale, state, segments };
  optimizer.record(graph, step, slots);
  updateMovingStatistics(network, pass, state, window);
  window?.memory.keepMoving(graph, state);
  pass.keepStates(state);
  commitStep(graph, state);

  graph.output('loss', loss);
  graph.output('norm', norm);
  graph.output('state', state);
  return graph;
}

function updateMovingStatistics(
  network: Network,
  pass: Pass,
  state: Value,
  window: StepPlan['window'],
): void {
  const { moving: kept } = network.tables;
  const all = window ? window.memory.moving(pass.graph, window) : kept;
  for (const { tables, statistics } of pass.batchStatistics) {
    const { decay, inputStatistics } = tables;
    const moving = all?.values(pass.graph, tables);
    if (decay === undefined || moving === undefined) continue;
    const update = { mode: 'decay', decay, state } as const;
    const firstStep = pass.chunkStep;
    const options = { statistics, tables: moving, inputStatistics, firstStep, update };
    updateStatistics(pass.graph, options);
  }
}
