import type { BnLstmPlan } from '../ops/bn_lstm.js';
import { carryState } from '../ops/carry_state.js';
import { keepState } from '../ops/keep_state.js';
import type { StatisticsValues } from '../ops/statistics.js';
import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { type SeedWords, seedWords } from '../random.js';
import { type Recompute, recomputeOptions } from '../recompute.js';
import type { ParameterSegment, RecurrentSegment, TablesSegment } from './builder.js';
import type { CarriedState, CarriedValues, WindowPlace } from './carried_state.js';
import type { FeedValues } from './feed.js';
import type { Network } from './network.js';

/** Which statistics a network normalises with. */
export type StatisticsChoice = 'batch' | 'population' | 'moving';

export interface PassOptions {
  /** A training step: zoneout and dropout are sampled, gradients follow. */
  readonly training: boolean;
  /** Names of parameters that get no gradient in it. */
  readonly frozen?: ReadonlySet<string>;
  readonly statistics: StatisticsChoice;
  /** h and c of every recurrent layer are given per row, as inputs `h<index>` and `c<index>`. */
  readonly givenStates?: boolean;
  /** The table row of each row's first step is given, as the input `firstStep` [B]. */
  readonly givenFirstStep?: boolean;
  /** The batch is a chunk of longer sequences, and goes on from what is carried here. */
  readonly carried?: CarriedState | undefined;
  /** Of a training step: default, the batch is one by itself. */
  readonly window?: WindowPlace | undefined;
  /** Of a training step: default 'none'. */
  readonly recompute?: Recompute;
}

/** h and c, [B][R*H] each. */
export interface StateValues {
  readonly h: Value;
  readonly c: Value;
}

/** What rows start from, and the deviation of the noise on h. */
export interface LearnedState {
  readonly h0: ParameterSegment;
  readonly c0: ParameterSegment;
  readonly noise: number;
}

/** One way through the layers of a network in a recording: what layers record with. */
export class Pass {
  readonly training: boolean;
  readonly statistics: StatisticsChoice;
  readonly lengths: Value | undefined;
  readonly firstStep: Value | undefined;
  /** The table row of the batch's first step [1] i32; undefined for whole sequences. */
  readonly chunkStep: Value | undefined;
  /** What backward computes anew, as bnLstm takes it. */
  readonly recompute: ReturnType<typeof recomputeOptions>;
  /** Of recurrent layers. */
  readonly plan: BnLstmPlan;
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
  readonly #carried: CarriedValues | undefined;
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
    const [steps, batch] = feed.sequence.shape;
    this.#carried = options.carried?.declare(graph, batch, options.window);
    this.chunkStep = this.#carried?.chunkStep;
    const given = options.givenFirstStep ? graph.input('firstStep', 'i32', [batch]) : undefined;
    // Batch statistics know no tables.
    this.firstStep =
      options.statistics === 'batch' ? undefined : (this.#carried?.firstStep ?? given);
    this.plan = network.plan;
    this.recompute = recomputeOptions(options.recompute ?? 'none', steps);
  }

  parameter(segment: ParameterSegment): Value {
    const known = this.#parameters.get(segment);
    if (known !== undefined) return known;
    const trains = this.training && !this.#options.frozen?.has(segment.name);
    const value = this.graph.parameter(this.#network.parameters.at(segment, trains));
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

  /**
   * The state per row that a recurrent layer starts from; undefined: the learned one. Initial noise
   * is for rows that start with the learned state, and so is put on here where only some do.
   */
  initialState(segment: RecurrentSegment, learned: LearnedState): StateValues | undefined {
    if (this.#carried) return this.#carriedState(this.#carried, segment, learned);
    const { index, directions, hidden } = segment;
    if (!this.#options.givenStates) return undefined;
    const shape = [this.feed.sequence.shape[1], directions * hidden];
    const input = (name: string) => this.graph.input(`${name}${index}`, 'f32', shape);
    return { h: input('h'), c: input('c') };
  }

  /** Records that final states are what the next chunk goes on from, unless `state` has the flag. */
  keepStates(state?: Value): void {
    for (const [index, kept] of this.#carried?.next.entries() ?? []) {
      const { h, c } = this.finalStates[index];
      keepState(this.graph, h, kept.h, state);
      keepState(this.graph, c, kept.c, state);
    }
  }

  #carriedState(
    { reset, states }: CarriedValues,
    { index }: RecurrentSegment,
    { h0, c0, noise }: LearnedState,
  ): StateValues {
    const { graph, seed, attempt } = this;
    const { h, c } = states[index];
    const random = noise > 0 && { noise: { deviation: noise, seed, attempt } };
    return {
      h: carryState(graph, { learned: this.parameter(h0), carried: h, reset, ...random }),
      c: carryState(graph, { learned: this.parameter(c0), carried: c, reset }),
    };
  }
}
