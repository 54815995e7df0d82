import { type DeviceChoice, openStream } from '../device.js';
import { BnLstmError } from '../errors.js';
import type { FloatType, NativeStream } from '../native.js';
import type { BnLstmPlan } from '../ops/bn_lstm.js';
import { ProgramCache } from '../program/cache.js';
import type { Graph } from '../program/graph.js';
import { plainRunner, type Runner } from '../program/profile.js';
import type { Arrays, Program } from '../program/program.js';
import type { Value } from '../program/value.js';
import { type Blueprint, Builder, keepsMoving } from './builder.js';
import type { Feed, FeedShape } from './feed.js';
import { initialMovingStatistics, initialParameters } from './initial_values.js';
import type { BuiltLayer, Layer, Signal } from './layer.js';
import { PackedWeights } from './packed_weights.js';
import { Parameters } from './parameters.js';
import { Pass, type PassOptions } from './pass.js';
import { PopulationStatus } from './population_status.js';
import type { Spec } from './spec.js';
import { StatisticsTables } from './tables.js';

/** Programs are small; batches of many lengths would otherwise be recorded again and again. */
const cachedPrograms = 32;

export interface NetworkOptions extends DeviceChoice {
  readonly seed: number;
  /** Of activations between layers, and of their gradients. */
  readonly dtype: FloatType;
  /** Of recurrent layers. Default 'auto'. */
  readonly plan?: BnLstmPlan;
  readonly input: Spec;
  readonly layers: readonly Layer[];
  /** May refuse what the layers declare, by throwing, before anything of their size is allocated. */
  readonly approve?: (blueprint: Blueprint) => void;
}

/**
 * Layers with their parameters, packed weights and statistics tables, on one stream of a device.
 * Model, Trainer and inference share it.
 */
export class Network {
  readonly stream: NativeStream;
  /** Why it is on this device. */
  readonly deviceReason: string;
  readonly input: Spec;
  readonly output: Spec;
  readonly seed: number;
  readonly dtype: FloatType;
  /** Products of f32 may be rounded to TF32. */
  readonly tf32: boolean;
  /** Of recurrent layers. */
  readonly plan: BnLstmPlan;
  readonly layers: readonly Layer[];
  readonly blueprint: Blueprint;
  readonly parameters: Parameters;
  readonly packed: PackedWeights;
  /** Population tables, and moving ones if a layer keeps them; none without normalisation. */
  readonly tables: { readonly population?: StatisticsTables; readonly moving?: StatisticsTables };
  readonly population: PopulationStatus;
  /** Programs for inference; trainers have their own. */
  readonly programs = new ProgramCache(cachedPrograms);
  /** Training steps that were attempted: chooses their random numbers. */
  attempts = 0;
  readonly #built: readonly BuiltLayer[];
  #training = false;
  #disposed = false;

  /**
   * Opens the device and allocates everything. Parameters and tables are zero.
   * @throws ERR_BNLSTM_DEVICE, ERR_BNLSTM_DEVICE_LOST, ERR_BNLSTM_OUT_OF_MEMORY; ERR_BNLSTM_ARGUMENT
   * where a layer cannot follow another
   */
  static open(options: NetworkOptions): Network {
    const { stream, reason } = openStream(options);
    try {
      return new Network(stream, reason, options);
    } catch (error) {
      stream.dispose();
      throw error;
    }
  }

  private constructor(
    stream: NativeStream,
    reason: string,
    { input, layers, seed, dtype, tf32 = false, plan = 'auto', approve }: NetworkOptions,
  ) {
    this.stream = stream;
    this.deviceReason = reason;
    this.input = input;
    this.layers = layers;
    this.seed = seed;
    this.dtype = dtype;
    this.tf32 = tf32;
    this.plan = plan;
    const builder = new Builder(stream, dtype);
    let spec = input;
    this.#built = layers.map((layer, index) => {
      builder.layer = index;
      builder.last = index === layers.length - 1;
      const built = layer.build(builder, spec);
      spec = built.output;
      return built;
    });
    this.output = spec;
    this.blueprint = builder;
    approve?.(builder);
    this.parameters = new Parameters(stream, builder);
    this.packed = new PackedWeights(stream, builder, this.parameters);
    this.population = new PopulationStatus(() => this.parameters.version);
    this.tables = {
      ...(this.normalised && { population: new StatisticsTables(stream, builder) }),
      ...(keepsMoving(builder) && { moving: new StatisticsTables(stream, builder) }),
    };
  }

  /** Draws all parameters from the seed, and starts moving statistics. */
  async initialise(): Promise<void> {
    const initial = await initialParameters(this.blueprint, this.seed, this.stream);
    await Promise.all([
      this.parameters.write(initial),
      this.tables.moving?.write(initialMovingStatistics(this.blueprint)),
    ]);
  }

  /** Whether some layer normalises. */
  get normalised(): boolean {
    return this.blueprint.tables.length > 0;
  }

  /** Whether some layer takes its statistics over padding too. */
  get paddingIsData(): boolean {
    return this.blueprint.tables.some(({ lengthStatistics }) => lengthStatistics === 'all');
  }

  /** Whether some layer takes its statistics over the rows that still run. */
  get countsRows(): boolean {
    return this.blueprint.tables.some(({ lengthStatistics }) => lengthStatistics === 'valid');
  }

  /** Records the layers over a batch. `layers` has the output of each, `outputs` is the last one. */
  forward(
    graph: Graph,
    feed: FeedShape,
    options: PassOptions,
  ): { pass: Pass; outputs: Value; layers: readonly Value[] } {
    const values = feed.declare(graph);
    const pass = new Pass(graph, this, values, options);
    let signal: Signal = { value: values.sequence };
    const layers = this.#built.map((layer, index) => {
      graph.layer = index;
      signal = layer.forward(pass, signal);
      return signal.value;
    });
    graph.layer = undefined;
    return { pass, outputs: signal.value, layers };
  }

  /** Queues a program that reads the weights, after packing them if they have changed. */
  async run(program: Program, inputs: Arrays, runner: Runner = plainRunner): Promise<Arrays> {
    const packing = this.packed.update(this.programs);
    const [outputs] = await Promise.all([runner(program, inputs), packing]);
    return outputs;
  }

  /** Refuses a batch of one row where batch statistics would be used. */
  refuseSingleRow({ size }: Feed): void {
    if (size > 1 || !this.normalised) return;
    throw new BnLstmError(
      'ERR_BNLSTM_BATCH_OF_ONE',
      'batch: size: expected at least 2 rows for batch statistics, got 1',
    );
  }

  /** Throws ERR_BNLSTM_DISPOSED once the model is gone. */
  assertAlive(): void {
    if (this.#disposed) throw new BnLstmError('ERR_BNLSTM_DISPOSED', 'the model was disposed');
  }

  /**
   * Makes the caller the only one who trains, until the function that it gets is called.
   * @throws ERR_BNLSTM_BUSY
   */
  lockTraining(): () => void {
    this.assertAlive();
    if (this.#training) {
      throw new BnLstmError('ERR_BNLSTM_BUSY', 'another loop or step is training the model');
    }
    this.#training = true;
    return () => {
      this.#training = false;
    };
  }

  /** Cancels what runs and frees everything. Idempotent. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.programs.clear();
    this.stream.dispose();
  }
}
