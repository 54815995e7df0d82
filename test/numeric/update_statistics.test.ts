// Population statistics out of batches: every mode of updateStatistics against the reference.
import { describe, expect, it } from 'vitest';
import type { HostArray, NativeStream } from '../../lib/native.js';
import { mapStatistics, statisticsNames, statisticsShapes } from '../../lib/ops/statistics.js';
import { type StatisticsUpdate, updateStatistics } from '../../lib/ops/update_statistics.js';
import { Graph } from '../../lib/program/graph.js';
import { count } from '../../lib/program/value.js';
import type { Statistics } from '../../lib/reference/contract.js';
import {
  averageStatistics,
  movingAverage,
  poolStatistics,
  repeatLast,
} from '../../lib/reference/statistics.js';
import { relativeError } from '../reference/compare.js';
import { random } from '../reference/random.js';
import { withStream } from './check_case.js';
import { devices } from './devices.js';

const [M, H, B] = [6, 5, 4];
type Inputs = 'step' | 'sequence';

interface Batch {
  readonly T: number;
  readonly lengths: Int32Array;
  readonly statistics: Statistics;
}

/** Random statistics of T steps for one direction; the last steps may be reached by few rows. */
function batch(seed: number, T: number, inputs: Inputs, lengths?: readonly number[]): Batch {
  const shapes = statisticsShapes(1, T, H, inputs);
  const { uniforms } = random(seed);
  const ends = Int32Array.from(lengths ?? Array(B).fill(T));
  const statistics = mapStatistics((name) => {
    const isVariance = name.endsWith('Var');
    const table = uniforms(count(shapes[name]), isVariance ? 0 : -1, 1).map(Math.fround);
    const [, steps, width] = shapes[name];
    // A single row has no variance: anything else could not come from a batch.
    const alone = (s: number) => steps > 1 && ends.filter((end) => s < end).length < 2;
    return table.map((value, k) => (isVariance && alone(Math.floor(k / width)) ? 0 : value));
  });
  return { T, lengths: ends, statistics };
}

/** Rows that run at each step, as the reference wants them. */
function rowCounts({ T, lengths }: Batch, inputs: Inputs) {
  const state = Array.from({ length: T }, (_, s) => lengths.filter((length) => s < length).length);
  return { state, input: inputs === 'step' ? state : [state.reduce((sum, n) => sum + n, 0)] };
}

interface Fold {
  readonly inputs: Inputs;
  readonly mode: StatisticsUpdate['mode'];
  /** What the tables hold before. */
  readonly initial: number;
  readonly decay?: number;
  readonly state?: Int32Array;
  /** The first step of batch k. */
  readonly firstStep?: readonly number[];
  readonly directions?: number;
  /** Of mode 'pooled': the batches' lengths are given. */
  readonly withLengths?: boolean;
}

/** Folds batches into tables of M steps and gives the tables. */
async function fold(stream: NativeStream, batches: readonly Batch[], options: Fold) {
  const { inputs, mode, initial, decay = 0, state = new Int32Array(4), firstStep } = options;
  const { directions = 1, withLengths = true } = options;
  const tableShapes = statisticsShapes(directions, M, H, inputs);
  const array = async (data: HostArray) => {
    const place = { array: stream.array(data.byteLength), offset: 0 };
    await stream.write(place.array, 0, data);
    return place;
  };
  const places = {} as Record<keyof Statistics, Awaited<ReturnType<typeof array>>>;
  for (const name of statisticsNames) {
    places[name] = await array(new Float32Array(count(tableShapes[name])).fill(initial));
  }
  const counts = await array(new Int32Array(2 * M));
  const countsInput = await array(new Int32Array(2));
  const statePlace = await array(state);
  let result: Record<string, HostArray> = {};
  for (const [k, { T, lengths, statistics }] of batches.entries()) {
    const graph = new Graph(stream);
    const i32 = (label: string, place: typeof counts, shape: readonly number[]) =>
      graph.external(label, place, 'i32', shape);
    const updates: Record<typeof mode, () => StatisticsUpdate> = {
      average: () => ({
        mode: 'average',
        counts: i32('counts', counts, [M]),
        countsInput: inputs === 'sequence' ? i32('batches', countsInput, [1]) : undefined,
      }),
      decay: () => ({ mode: 'decay', decay, state: i32('state', statePlace, [4]) }),
      pooled: () => ({
        mode: 'pooled',
        counts: i32('counts', counts, [M, 2]),
        countsInput: inputs === 'sequence' ? i32('rows', countsInput, [1, 2]) : undefined,
        lengths: withLengths ? graph.input('lengths', 'i32', [B]) : undefined,
        batch: B,
      }),
    };
    const shapes = statisticsShapes(directions, T, H, inputs);
    const tables = mapStatistics((name) =>
      graph.external(name, places[name], 'f32', tableShapes[name]),
    );
    updateStatistics(graph, {
      statistics: mapStatistics((name) => graph.input(name, 'f32', shapes[name])),
      tables,
      inputStatistics: inputs,
      firstStep: firstStep && graph.input('firstStep', 'i32', [1]),
      update: updates[mode](),
    });
    for (const name of statisticsNames) graph.output(name, tables[name]);
    const program = graph.compile();
    result = await program.run({
      ...mapStatistics((name) => Float32Array.from(statistics[name])),
      ...(mode === 'pooled' && withLengths && { lengths }),
      ...(firstStep && { firstStep: Int32Array.of(firstStep[k]) }),
    });
    program.dispose();
  }
  return result;
}

function expectTables(actual: Record<string, HostArray>, expected: Statistics): void {
  const errors = statisticsNames.map((name) => relativeError(actual[name], expected[name]));
  expect(errors.filter((error) => !(error <= 1e-6))).toEqual([]);
}

describe.each(devices)('%s', (device) => {
  describe.each(['step', 'sequence'] as const)('input statistics: %s', (inputs) => {
    it('average: equal weight, shorter batches repeat their last step', () =>
      withStream(device, async (stream) => {
        const batches = [batch(1, 4, inputs), batch(2, M, inputs), batch(3, 2, inputs)];
        // The tables need no clearing: the first batch replaces what they hold.
        const actual = await fold(stream, batches, {
          inputs,
          mode: 'average',
          initial: Number.NaN,
        });
        const list = batches.map(({ statistics }) => statistics);
        expectTables(actual, averageStatistics(list, H));
      }));

    it('decay: a moving average, which nothing enters while the step is not finite', () =>
      withStream(device, async (stream) => {
        const batches = [batch(1, 4, inputs), batch(2, M, inputs)];
        const decay = 0.75;
        const options = { inputs, mode: 'decay', initial: 0.5, decay } as const;
        const steps = (some: Statistics) => repeatLast(some, H, M);
        const initial = mapStatistics((name) =>
          new Float64Array(count(statisticsShapes(1, M, H, inputs)[name])).fill(0.5),
        );
        const expected = batches.reduce(
          (tables, { statistics }) => movingAverage(tables, steps(statistics), decay),
          initial as Statistics,
        );
        expectTables(await fold(stream, batches, options), expected);
        const state = Int32Array.of(0, 0, 1, 0);
        expectTables(await fold(stream, batches, { ...options, state }), initial);
      }));

    it('pooled: without lengths all rows run at all steps', () =>
      withStream(device, async (stream) => {
        const batches = [batch(1, 3, inputs), batch(2, M, inputs)];
        const options = { inputs, mode: 'pooled', initial: Number.NaN } as const;
        const expected = await fold(stream, batches, options);
        const actual = await fold(stream, batches, { ...options, withLengths: false });
        expect(actual).toEqual(expected);
      }));

    it('pooled: rows weigh, and a step that no batch defines repeats the one before', () =>
      withStream(device, async (stream) => {
        const batches = [
          batch(1, 4, inputs, [4, 2, 1, 1]),
          batch(2, M, inputs, [5, 5, 2, M]),
          batch(3, 3, inputs, [3, 3, 3, 3]),
        ];
        const options = { inputs, mode: 'pooled', initial: Number.NaN } as const;
        const actual = await fold(stream, batches, options);
        const list = batches.map((one) => ({
          statistics: one.statistics,
          counts: rowCounts(one, inputs),
        }));
        expectTables(actual, poolStatistics(list, H));
      }));
  });

  /** Rows `steps` of a table of two. */
  const rowsOf = (table: Float64Array, steps: readonly number[]) => {
    const width = table.length / 2;
    return Float64Array.from(steps.flatMap((s) => [...table.slice(s * width, (s + 1) * width)]));
  };

  it.each(['average', 'pooled', 'decay'] as const)(
    '%s: a direction is as it would be alone',
    (mode) =>
      withStream(device, async (stream) => {
        const lengths = [4, 3, 3, 1];
        const sides = [
          [batch(1, 4, 'sequence', lengths), batch(2, 3, 'sequence')],
          [batch(3, 4, 'sequence', lengths), batch(4, 3, 'sequence')],
        ];
        const options = { inputs: 'sequence', mode, initial: 0.5, decay: 0.75 } as const;
        const alone = [
          await fold(stream, sides[0], options),
          await fold(stream, sides[1], options),
        ];
        const both = sides[0].map((left, k) => ({
          ...left,
          statistics: mapStatistics((name) =>
            Float64Array.of(...left.statistics[name], ...sides[1][k].statistics[name]),
          ),
        }));
        const actual = await fold(stream, both, { ...options, directions: 2 });
        const expected = mapStatistics((name) =>
          Float32Array.of(...alone[0][name], ...alone[1][name]),
        );
        expect(actual).toEqual(expected);
      }),
  );

  it.each(['average', 'pooled'] as const)(
    '%s: rows before the first that was reached are 0',
    (mode) =>
      withStream(device, async (stream) => {
        const chunk = batch(1, 2, 'step');
        const options = { inputs: 'step', mode, initial: Number.NaN } as const;
        const actual = await fold(stream, [chunk], { ...options, firstStep: [2] });
        const expected = mapStatistics((name) => {
          const rows = rowsOf(chunk.statistics[name], [0, 1, 1, 1]);
          const unbiased = mode === 'pooled' && name.endsWith('Var') ? B / (B - 1) : 1;
          return Float64Array.of(
            ...new Float64Array(rows.length / 2),
            ...rows.map((v) => v * unbiased),
          );
        });
        expectTables(actual, expected);
      }),
  );

  it('chunks of a longer sequence go to their rows, and steps beyond the table nowhere', () =>
    withStream(device, async (stream) => {
      const chunks = [batch(1, 4, 'step'), batch(2, 4, 'step')];
      const options = { inputs: 'step', mode: 'pooled', initial: Number.NaN } as const;
      const actual = await fold(stream, chunks, { ...options, firstStep: [0, 4] });
      // Each row has met one batch: its mean, and its variance by n / (n - 1).
      const [first, second] = chunks.map(({ statistics }) => statistics);
      const expected = mapStatistics((name) => {
        const width = first[name].length / 4;
        const table = Float64Array.of(...first[name], ...second[name]).slice(0, M * width);
        return name.endsWith('Var') ? table.map((value) => (value * B) / (B - 1)) : table;
      });
      expectTables(actual, expected);
    }));

  it('average: each row counts the chunks that reached it, and one that none reached repeats', () =>
    withStream(device, async (stream) => {
      // Rows 0 and 1 meet three chunks, 2 and 3 two, 4 and 5 none: they repeat row 3.
      const chunks = [1, 2, 3, 4, 5].map((seed) => batch(seed, 2, 'step'));
      const firstStep = [0, 2, 0, 2, 0];
      const options = { inputs: 'step', mode: 'average', initial: Number.NaN } as const;
      const actual = await fold(stream, chunks, { ...options, firstStep });
      const at = (first: number) =>
        averageStatistics(
          chunks.filter((_, k) => firstStep[k] === first).map(({ statistics }) => statistics),
          H,
        );
      const [early, late] = [at(0), at(2)];
      const expected = mapStatistics((name) =>
        Float64Array.of(...rowsOf(early[name], [0, 1]), ...rowsOf(late[name], [0, 1, 1, 1])),
      );
      expectTables(actual, expected);
    }));

  it('average: chunks beyond the table write nothing but sequence-wise input statistics', () =>
    withStream(device, async (stream) => {
      const chunks = [batch(1, M, 'sequence'), batch(2, 4, 'sequence')];
      const options = { inputs: 'sequence', mode: 'average', initial: Number.NaN } as const;
      const actual = await fold(stream, chunks, { ...options, firstStep: [0, M + 2] });
      const [first, second] = chunks.map(({ statistics }) => statistics);
      const mean = (name: 'inputMean' | 'inputVar') =>
        first[name].map((value, k) => (value + second[name][k]) / 2);
      const inputs = { inputMean: mean('inputMean'), inputVar: mean('inputVar') };
      expectTables(actual, { ...first, ...inputs });
    }));

  it('decay: a chunk moves the rows of its own steps alone', () =>
    withStream(device, async (stream) => {
      const chunk = batch(1, 2, 'step');
      const options = { inputs: 'step', mode: 'decay', initial: 0.5, decay: 0.75 } as const;
      const actual = await fold(stream, [chunk], { ...options, firstStep: [3] });
      const expected = mapStatistics((name) => {
        const width = chunk.statistics[name].length / 2;
        const table = new Float64Array(M * width).fill(0.5);
        for (const [k, value] of chunk.statistics[name].entries()) {
          table[3 * width + k] = 0.75 * 0.5 + 0.25 * value;
        }
        return table;
      });
      expectTables(actual, expected);
    }));
});
