import type { StatisticsValues } from '../ops/statistics.js';
import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { type SeedWords, seedWords } from '../random.js';
import type { ParameterSegment, RecurrentSegment, TablesSegment } from './builder.js';
import type { FeedValues } from './feed.js';
import type { Network } from './network.js';

/** Which statistics a network normalises with. */
export type StatisticsChoice = 'batch' | 'population' | 'moving';

export interface PassOptions {
  /** A training step: zoneout and dropout are sampled, gradients follow. */
  readonly training: boolean;
  readonly statistics: StatisticsChoice;
  /** h and c of every recurrent layer are given per row, as inputs `h<index>` and `c<index>`. */
  readonly givenStates?: boolean;
  /** The table row of each row's first step is given, as the input `firstStep` [B]. */
  readonly givenFirstStep?: boolean;
}

/** h and c, [B][R*H] each. */
export interface StateValues {
  readonly h: Value;
  readonly c: Value;
}

/** One way through the layers of a network in a recording: what layers record with. */
export class Pass {
  readonly training: boolean;
  readonly statistics: StatisticsChoice;
  readonly lengths: Value | undefined;
  readonly firstStep: Value | undefined;
  readonly attempt: Value;
  readonly seed: SeedWords;
  /** What normalising layers leave behind when they use batch statistics. */
  readonly batchStatistics: {
    readonly tables: TablesSegment;
    readonly statistics: StatisticsValues;
  }[] = [];
  /** The final state of each recurrent layer. */
  readonly finalStates: StateValues[] = [];
  readonly #network: Network;
  readonly #options: PassOptions;
  readonly #parameters = new Map<ParameterSegment, Value>();

  constructor(
    readonly graph: Graph,
    network: Network,
    readonly feed: FeedValues,
    options: PassOptions,
  ) {
    this.#network = network;
    this.#options = options;
    this.training = options.training;
    this.statistics = options.statistics;
    this.seed = seedWords(network.seed);
    this.lengths = feed.lengths;
    this.attempt = feed.attempt;
    const batch = feed.sequence.shape[1];
    this.firstStep = options.givenFirstStep ? graph.input('firstStep', 'i32', [batch]) : undefined;
  }

  parameter(segment: ParameterSegment): Value {
    const known = this.#parameters.get(segment);
    if (known !== undefined) return known;
    const value = this.graph.parameter(this.#network.parameters.at(segment, this.training));
    this.#parameters.set(segment, value);
    return value;
  }

  /** Several at once; those that a layer does not have stay absent. */
  parameters<T extends Readonly<Record<string, ParameterSegment | undefined>>>(
    segments: T,
  ): { [K in keyof T]: undefined extends T[K] ? Value | undefined : Value } {
    const entries = Object.entries(segments).map(([name, segment]) => [
      name,
      segment && this.parameter(segment),
    ]);
    return Object.fromEntries(entries);
  }

  packed(segment: RecurrentSegment): Value {
    return this.#network.packed.value(this.graph, segment);
  }

  /** The tables to normalise with; undefined: the batch's own statistics. */
  tables(segment: TablesSegment): StatisticsValues | undefined {
    if (this.statistics === 'batch') return undefined;
    return this.#network.tables[this.statistics]?.values(this.graph, segment);
  }

  /** The state per row that a recurrent layer starts from; undefined: the learned one. */
  initialState({ index, directions, hidden }: RecurrentSegment): StateValues | undefined {
    if (!this.#options.givenStates) return undefined;
    const shape = [this.feed.sequence.shape[1], directions * hidden];
    const input = (name: string) => this.graph.input(`${name}${index}`, 'f32', shape);
    return { h: input('h'), c: input('c') };
  }
}
