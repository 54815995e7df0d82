import * as check from '../check.js';
import type { Batch } from '../data/source.js';
import type { HostArray } from '../native.js';
import type { RecurrentSegment } from '../nn/builder.js';
import { maxFirstStep } from '../nn/carried_state.js';
import { Feed, type FeedShape } from '../nn/feed.js';
import type { Network } from '../nn/network.js';
import type { PassOptions } from '../nn/pass.js';
import {
  checkStatisticsChoice,
  type StatisticsOptions,
  statisticsOptionNames,
} from '../nn/statistics_choice.js';
import { compileFitting } from '../program/fitting.js';
import { Graph } from '../program/graph.js';
import type { Runner } from '../program/profile.js';

/**
 * Where a recurrent layer is after a sequence: [B][H] each, twice as wide with two directions. In a
 * bf16 model h holds numbers of bf16, so that going on from it gives the same bits (on a GPU: the
 * same but for rounding).
 */
export interface RecurrentState {
  readonly h: Float32Array;
  readonly c: Float32Array;
}

export interface PredictOptions extends StatisticsOptions {
  /** The states to go on from, as an earlier prediction gave them. Default: the learned ones. */
  readonly state?: readonly RecurrentState[] | undefined;
  /**
   * Steps that the sequences have behind them, of all rows or of each, for their population
   * statistics. Default 0.
   */
  readonly firstStep?: number | Int32Array | undefined;
  /** Looked at before the work is queued. */
  readonly signal?: AbortSignal | undefined;
}

export interface Prediction {
  /** The last layer's values, batch-major: logits of a classifier, not probabilities. */
  readonly outputs: Float32Array;
  /** [B, C], or [B, T, C] where the last layer gives sequences. */
  readonly shape: readonly number[];
  /** After each row's last step, one per recurrent layer. */
  readonly state: readonly RecurrentState[];
}

/** Outputs for one batch; with population statistics no row depends on another. */
export async function predict(
  network: Network,
  batch: Batch,
  options: PredictOptions | undefined,
  runner?: Runner,
): Promise<Prediction> {
  const names = [...statisticsOptionNames, 'state', 'firstStep', 'signal'];
  const given = check.options(options, 'predict', names);
  check.signal(given.signal, 'predict: signal')?.throwIfAborted();
  const statistics = checkStatisticsChoice(network, given, 'predict');
  const feed = new Feed(network, batch);
  if (statistics === 'batch') network.refuseSingleRow(feed);
  const states = checkStates(network, feed, given.state);
  const firstStep = checkFirstStep(feed, given.firstStep, statistics);

  const passOptions: PassOptions = {
    training: false,
    statistics,
    givenStates: states !== undefined,
    givenFirstStep: firstStep !== undefined,
  };
  const key = ['predict', feed.key, ...Object.values(passOptions)].join();
  const program = network.programs.get(key, () =>
    compileFitting({
      size: feed.size,
      least: statistics === 'batch' && network.normalised ? 2 : 1,
      record: (size) => recordPrediction(network, feed.shape.ofSize(size), passOptions),
      hint: 'Shorter sequences need less',
    }),
  );
  const inputs = {
    ...feed.inputs,
    ...states,
    ...(firstStep && { firstStep }),
    attempt: Int32Array.of(0),
  };
  const results = await network.run(program, inputs, runner);

  const { output, blueprint } = network;
  const rows = output.kind === 'features' ? [feed.size] : [feed.size, feed.steps];
  const outputs = results.outputs as Float32Array;
  return {
    outputs,
    shape: [...rows, outputs.length / rows.reduce((product, extent) => product * extent)],
    state: blueprint.recurrent.map(({ index }) => ({
      h: results[`h${index}`] as Float32Array,
      c: results[`c${index}`] as Float32Array,
    })),
  };
}

/** Outputs: `outputs`, and `h<index>` and `c<index>` of each recurrent layer. */
export function recordPrediction(network: Network, feed: FeedShape, options: PassOptions): Graph {
  const graph = new Graph(network.stream);
  const { pass, outputs } = network.forward(graph, feed, options);
  graph.output('outputs', outputs, { batchMajor: outputs.shape.length === 3 });
  for (const [index, { h, c }] of pass.finalStates.entries()) {
    graph.output(`h${index}`, h);
    graph.output(`c${index}`, c);
  }
  return graph;
}

/** The states as the program's inputs. */
function checkStates(
  { blueprint }: Network,
  { size }: Feed,
  state: readonly RecurrentState[] | undefined,
): Record<string, HostArray> | undefined {
  if (state === undefined) return undefined;
  const { recurrent } = blueprint;
  if (!Array.isArray(state) || state.length !== recurrent.length) {
    const expected = `an array of ${recurrent.length}, one state per recurrent layer`;
    throw check.argumentError('predict: state', expected, check.show(state));
  }
  const inputs: Record<string, HostArray> = {};
  const array = (value: unknown, name: string, { directions, hidden }: RecurrentSegment) =>
    check.typedArray(value, name, [Float32Array], size * directions * hidden);
  for (const segment of recurrent) {
    const { index, layer, directions } = segment;
    if (directions === 2) {
      const got = `layer ${layer}, which runs in both directions`;
      throw check.argumentError('predict: state', 'layers that can go on with a sequence', got);
    }
    const name = `predict: state[${index}]`;
    const { h, c } = check.options(state[index], name, ['h', 'c']);
    inputs[`h${index}`] = array(h, `${name}.h`, segment);
    inputs[`c${index}`] = array(c, `${name}.c`, segment);
  }
  return inputs;
}

function checkFirstStep(
  { size }: Feed,
  firstStep: number | Int32Array | undefined,
  statistics: PassOptions['statistics'],
): Int32Array | undefined {
  if (firstStep === undefined) return undefined;
  const name = 'predict: firstStep';
  if (statistics === 'batch') {
    throw check.argumentError(name, "nothing with statistics 'batch'", check.show(firstStep));
  }
  if (typeof firstStep === 'number') {
    check.integer(firstStep, name, { min: 0, max: maxFirstStep });
    return new Int32Array(size).fill(firstStep);
  }
  check.typedArray(firstStep, name, [Int32Array], size);
  check.elements(firstStep, name, 0, maxFirstStep);
  return firstStep;
}
