import * as check from '../check.js';
import { numbered } from '../data/numbered.js';
import type { Batch, DataSource } from '../data/source.js';
import { BnLstmError } from '../errors.js';
import type { NativeArray } from '../native.js';
import type { TablesSegment } from '../nn/builder.js';
import { CarriedState } from '../nn/carried_state.js';
import { Feed, type FeedShape } from '../nn/feed.js';
import type { Network } from '../nn/network.js';
import { pipeline } from '../nn/pipeline.js';
import {
  checkDataSource,
  checkReadOptions,
  noSingleRow,
  type ReadOptions,
  read,
  readOptionNames,
} from '../nn/reading.js';
import { StatisticsTables } from '../nn/tables.js';
import { type StatisticsUpdate, updateStatistics } from '../ops/update_statistics.js';
import { ProgramCache } from '../program/cache.js';
import { compileFitting } from '../program/fitting.js';
import { Graph } from '../program/graph.js';
import type { Program } from '../program/program.js';
import type { Value } from '../program/value.js';

export interface StatisticsEstimate {
  readonly batches: number;
  readonly sequences: number;
}

/**
 * One pass over data for the population statistics of all layers at once (docs/paper.md §2). It works on
 * tables of its own, so that a pass that fails or is aborted leaves the old statistics as they are.
 */
export async function estimateStatistics(
  network: Network,
  data: DataSource,
  options: ReadOptions | undefined,
): Promise<StatisticsEstimate> {
  const method = 'estimateStatistics';
  check.options(options, method, readOptionNames);
  checkDataSource(data, `${method}: data`);
  const reading = checkReadOptions(options ?? {}, method);
  const { population } = network.tables;
  if (population === undefined) return { batches: 0, sequences: 0 };

  const { version } = network.parameters;
  const carried = reading.carryState ? new CarriedState(network, method) : undefined;
  const estimate = new Estimate(network, carried);
  try {
    let batches = 0;
    let sequences = 0;
    const feeds = read(
      data,
      { ...reading, lastBatch: noSingleRow(data, reading) },
      (batch, index) => ({
        feed: estimate.feed(batch),
        index,
      }),
    );
    const add = ({ feed, index }: { feed: Feed; index: number }) => estimate.add(feed, index);
    for await (const size of pipeline(feeds, add, reading.signal)) {
      batches++;
      sequences += size;
    }
    if (batches === 0) {
      throw check.argumentError(`${method}: data`, 'at least one batch', 'none');
    }
    await population.write(await estimate.tables());
    network.population.estimatedWith(version);
    return { batches, sequences };
  } finally {
    estimate.dispose();
  }
}

/** Tables and counts of one estimate, with the programs that write them. */
class Estimate {
  readonly #network: Network;
  readonly #tables: StatisticsTables;
  /** Of the tables of each layer, i32: [maxSteps][2], then [1][2] for sequence-wise statistics. */
  readonly #counts: ReadonlyMap<TablesSegment, NativeArray>;
  readonly #programs = new ProgramCache();
  readonly #carried: CarriedState | undefined;
  /** Whether batches carry lengths, which then all must: it decides how they are weighed. */
  #lengths: boolean | undefined;

  constructor(network: Network, carried: CarriedState | undefined) {
    const { stream, blueprint } = network;
    this.#network = network;
    this.#carried = carried;
    this.#tables = new StatisticsTables(stream, blueprint);
    this.#counts = new Map(
      blueprint.tables.map((tables) => [tables, stream.array(countBytes(tables.maxSteps + 1))]),
    );
  }

  feed(batch: Batch): Feed {
    const feed = new Feed(this.#network, batch);
    this.#network.refuseSingleRow(feed);
    const lengths = feed.lengths !== undefined;
    this.#lengths ??= lengths;
    if (this.#lengths !== lengths) {
      const got = lengths ? 'lengths after a batch without' : 'no lengths after a batch with them';
      throw check.argumentError('batch: lengths', 'in all batches or in none', got);
    }
    return feed;
  }

  /** Folds a batch in; gives its number of rows. `index` chooses the initial noise. */
  async add(feed: Feed, index: number): Promise<number> {
    this.#network.assertAlive();
    const chunk = numbered({ batch: index + 1 }, () => this.#carried?.next(feed));
    const program = this.#programs.get(`${feed.key} ${this.#carried?.key}`, () =>
      this.#compile(feed),
    );
    const attempt = Int32Array.of(index);
    await this.#network.run(program, { ...feed.inputs, ...chunk?.inputs, attempt });
    if (chunk) this.#carried?.advance(chunk);
    return feed.size;
  }

  async tables(): Promise<Float32Array> {
    const values = await this.#tables.read();
    if (!values.every(Number.isFinite)) {
      throw new BnLstmError(
        'ERR_BNLSTM_NOT_FINITE',
        'the statistics of some batch are not finite; the population statistics are as before',
      );
    }
    return values;
  }

  dispose(): void {
    this.#programs.clear();
    this.#tables.dispose();
    this.#carried?.dispose();
    for (const array of this.#counts.values()) array.dispose();
  }

  #compile({ shape }: Feed): Program {
    return compileFitting({
      size: shape.size,
      least: 2,
      record: (size) => this.#record(shape.ofSize(size)),
      hint: 'Shorter sequences need less',
    });
  }

  #record(feed: FeedShape): Graph {
    const graph = new Graph(this.#network.stream);
    const carried = this.#carried;
    const options = { training: false, statistics: 'batch', carried } as const;
    const { pass } = this.#network.forward(graph, feed, options);
    for (const { tables, statistics } of pass.batchStatistics) {
      const { inputStatistics } = tables;
      const update = this.#update(graph, tables, feed, pass.lengths);
      const into = this.#tables.values(graph, tables);
      const firstStep = pass.chunkStep;
      updateStatistics(graph, { statistics, tables: into, inputStatistics, firstStep, update });
    }
    pass.keepStates();
    return graph;
  }

  /** Rows weigh where they can be of different number; else batches weigh the same. */
  #update(
    graph: Graph,
    tables: TablesSegment,
    feed: FeedShape,
    lengths: Value | undefined,
  ): StatisticsUpdate {
    const { maxSteps, lengthStatistics, inputStatistics, layer } = tables;
    const array = this.#counts.get(tables) as NativeArray;
    const counts = (...numbers: readonly number[]) => {
      const external = (offset: number, rows: number) =>
        graph.external(`${layer}.counts`, { array, offset }, 'i32', [rows, ...numbers]);
      const countsInput =
        inputStatistics === 'sequence' ? external(countBytes(maxSteps), 1) : undefined;
      return { counts: external(0, maxSteps), countsInput };
    };
    if (!lengths || lengthStatistics === 'all') return { mode: 'average', ...counts() };
    return { mode: 'pooled', ...counts(2), lengths, batch: feed.size };
  }
}

/** Bytes of two numbers per row of a table. */
function countBytes(rows: number): number {
  return 2 * rows * Int32Array.BYTES_PER_ELEMENT;
}
