import type { NativeStream } from '../../lib/native.js';
import { mapStatistics, statisticsNames, statisticsShapes } from '../../lib/ops/statistics.js';
import { type StatisticsUpdate, updateStatistics } from '../../lib/ops/update_statistics.js';
import { Graph } from '../../lib/program/graph.js';
import { count, type Value } from '../../lib/program/value.js';
import type { Statistics } from '../../lib/reference/contract.js';
import type { StatisticsCase } from '../reference/golden.js';
import type { Comparison } from './comparison.js';
import { DeviceMemory } from './device.js';

/** Folds the batches into tables, a program for each, and returns the tables. */
async function fold(
  memory: DeviceMemory,
  { batches, H }: StatisticsCase,
  makeUpdate: (graph: Graph) => StatisticsUpdate,
): Promise<Statistics> {
  const { stream } = memory;
  const stepsOf = ({ cellMean }: Statistics) => cellMean.length / H;
  const sequence = batches[0].inputMean.length === 4 * H && stepsOf(batches[0]) > 1;
  const inputStatistics = sequence ? 'sequence' : 'step';
  const tableShapes = statisticsShapes(1, Math.max(...batches.map(stepsOf)), H, inputStatistics);
  const places = mapStatistics((name) => memory.zeros(count(tableShapes[name])));
  for (const name of statisticsNames) {
    // Moving averages start at mean 0 and variance 1; the others need no clearing.
    const initial = new Float32Array(count(tableShapes[name])).fill(name.endsWith('Var') ? 1 : 0);
    await memory.write(places[name], initial);
  }
  let result: Record<string, ArrayLike<number>> = {};
  for (const batch of batches) {
    const graph = new Graph(stream);
    const shapes = statisticsShapes(1, stepsOf(batch), H, inputStatistics);
    const tables = mapStatistics(
      (name): Value => graph.external(name, places[name], 'f32', tableShapes[name]),
    );
    updateStatistics(graph, {
      statistics: mapStatistics((name) => graph.input(name, 'f32', shapes[name])),
      tables,
      inputStatistics,
      update: makeUpdate(graph),
    });
    for (const name of statisticsNames) graph.output(name, tables[name]);
    const program = graph.compile();
    result = await program.run(mapStatistics((name) => Float32Array.from(batch[name])));
    program.dispose();
  }
  return result as unknown as Statistics;
}

/** Population statistics: equal weight for every batch, and the moving average if there is one. */
export async function compareStatistics(
  stream: NativeStream,
  golden: StatisticsCase,
): Promise<Comparison[]> {
  const { decay, expected } = golden;
  const memory = new DeviceMemory(stream);
  const compare = (prefix: string, actual: Statistics, wanted: Statistics) =>
    statisticsNames.map(
      (name): Comparison => ({
        tensor: `${prefix}.${name}`,
        kind: 'forward',
        actual: actual[name],
        expected: wanted[name],
      }),
    );
  try {
    const tableSteps = Math.max(...golden.batches.map((batch) => batch.cellMean.length / golden.H));
    const [counts, countsInput] = [memory.zeros(tableSteps), memory.zeros(1)];
    const average = await fold(memory, golden, (graph) => ({
      mode: 'average',
      counts: graph.external('counts', counts, 'i32', [tableSteps]),
      countsInput: graph.external('countsInput', countsInput, 'i32', [1]),
    }));
    const comparisons = compare('average', average, expected.average);
    if (decay === undefined || expected.movingAverage === undefined) return comparisons;
    const state = memory.zeros(4);
    const moving = await fold(memory, golden, (graph) => ({
      mode: 'decay',
      decay,
      state: graph.external('state', state, 'i32', [4]),
    }));
    return [...comparisons, ...compare('movingAverage', moving, expected.movingAverage)];
  } finally {
    memory.dispose();
  }
}
