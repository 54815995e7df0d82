import * as check from '../check.js';
import { numbered } from '../data/numbered.js';
import type { DataSource } from '../data/source.js';
import { CarriedState } from '../nn/carried_state.js';
import { Feed, type FeedShape } from '../nn/feed.js';
import {
  type ClassMetrics,
  checkLoss,
  classMetrics,
  type Loss,
  lossFor,
  recordLoss,
} from '../nn/loss.js';
import type { Network } from '../nn/network.js';
import type { PassOptions } from '../nn/pass.js';
import { pipeline } from '../nn/pipeline.js';
import {
  checkDataSource,
  checkReadOptions,
  noSingleRow,
  type ReadOptions,
  read,
  readOptionNames,
} from '../nn/reading.js';
import {
  checkStatisticsChoice,
  type StatisticsOptions,
  statisticsOptionNames,
} from '../nn/statistics_choice.js';
import { ProgramCache } from '../program/cache.js';
import { compileFitting } from '../program/fitting.js';
import { Graph } from '../program/graph.js';
import type { Program } from '../program/program.js';

export interface EvaluateOptions extends ReadOptions, StatisticsOptions {
  /** Default: that of the last trainer, else by the targets: classes or reals. */
  readonly loss?: Loss | undefined;
}

export interface Evaluation extends ClassMetrics {
  /** Mean over all targets that count. */
  readonly loss: number;
  /** Share of them that were right; undefined for losses without classes. */
  readonly accuracy: number | undefined;
  /** How many they were. */
  readonly count: number;
  /** Time steps whose batch statistics had a single row left. */
  readonly degenerateSteps: number;
}

/** Loss and accuracy over data, every target weighing the same whatever its batch. */
export async function evaluate(
  network: Network,
  data: DataSource,
  options: EvaluateOptions | undefined,
  defaultLoss: Loss | undefined,
): Promise<Evaluation> {
  const method = 'evaluate';
  const names = [...readOptionNames, ...statisticsOptionNames, 'loss'];
  const given = check.options(options, method, names);
  checkDataSource(data, `${method}: data`);
  const reading = checkReadOptions(given, method);
  const statistics = checkStatisticsChoice(network, given, method);
  const carried = reading.carryState ? new CarriedState(network, method) : undefined;
  // Programs that refer to carried state are of no use once it is gone.
  const programs = carried ? new ProgramCache() : network.programs;
  const chosen = given.loss === undefined ? defaultLoss : checkLoss(given.loss, `${method}: loss`);

  const lastBatch = statistics === 'batch' ? noSingleRow(data, reading) : 'keep';
  const feeds = read(data, { ...reading, lastBatch }, (batch, index) => {
    const loss = chosen ?? lossFor(batch.targets);
    const feed = new Feed(network, batch, loss);
    if (statistics === 'batch') network.refuseSingleRow(feed);
    return { feed, loss, index };
  });
  const start = async ({ feed, loss, index }: { feed: Feed; loss: Loss; index: number }) => {
    network.assertAlive();
    const chunk = numbered({ batch: index + 1 }, () => carried?.next(feed));
    const key = `evaluate ${statistics} ${feed.key} ${carried?.key}`;
    const program = programs.get(key, () => compile(network, feed, loss, { statistics, carried }));
    const attempt = Int32Array.of(index);
    const outputs = await network.run(program, { ...feed.inputs, ...chunk?.inputs, attempt });
    if (chunk) carried?.advance(chunk);
    return { outputs, degenerateSteps: feed.degenerateSteps };
  };

  let sum = 0;
  let count = 0;
  let right: number | undefined;
  let degenerateSteps = 0;
  try {
    for await (const batch of pipeline(feeds, start, reading.signal)) {
      const { loss, counted, correct } = batch.outputs;
      sum += loss[0] * counted[0];
      count += counted[0];
      if (correct !== undefined) right = (right ?? 0) + correct[0];
      if (statistics === 'batch' && network.countsRows) degenerateSteps += batch.degenerateSteps;
    }
  } finally {
    if (carried) programs.clear();
    carried?.dispose();
  }
  const mean = sum / count;
  return {
    loss: mean,
    ...classMetrics(mean, right !== undefined),
    accuracy: right === undefined ? undefined : right / count,
    count,
    degenerateSteps,
  };
}

function compile(
  network: Network,
  { shape }: Feed,
  loss: Loss,
  options: Omit<PassOptions, 'training'>,
): Program {
  return compileFitting({
    size: shape.size,
    least: options.statistics === 'batch' && network.normalised ? 2 : 1,
    record: (size) => record(network, shape.ofSize(size), loss, options),
    hint: 'Shorter sequences need less',
  });
}

function record(
  network: Network,
  feed: FeedShape,
  loss: Loss,
  options: Omit<PassOptions, 'training'>,
): Graph {
  const graph = new Graph(network.stream);
  const { pass, outputs } = network.forward(graph, feed, { training: false, ...options });
  for (const [name, value] of Object.entries(recordLoss(graph, loss, outputs, pass.feed))) {
    graph.output(name, value);
  }
  pass.keepStates();
  return graph;
}
