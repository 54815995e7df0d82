import * as check from '../check.js';
import type { Batch, DataSource } from '../data/source.js';
import { type EvaluateOptions, type Evaluation, evaluate } from '../infer/evaluate.js';
import { type Prediction, type PredictOptions, predict } from '../infer/predict.js';
import type { FloatType } from '../native.js';
import type { ParameterSegment } from '../nn/builder.js';
import type { Loss } from '../nn/loss.js';
import type { Network } from '../nn/network.js';
import type { StatisticsStatus } from '../nn/population_status.js';
import type { ReadOptions } from '../nn/reading.js';
import { summary } from '../nn/summary.js';
import { copyOf } from '../nn/tables.js';
import { mapStatistics, type StatisticsValues } from '../ops/statistics.js';
import { type Profile, Profiler } from '../program/profile.js';
import { estimateStatistics, type StatisticsEstimate } from '../train/estimate_statistics.js';
import type { TrainerOptions } from '../train/options.js';
import { Trainer } from '../train/trainer.js';
import { type ModelMemory, memoryOf } from './memory.js';
import { type ModelPlan, type PlanOptions, planModel } from './plan.js';
import { save } from './save.js';
import { type SelfTestResult, selfTest } from './self_test.js';

export interface ParameterInfo {
  /** Index of the layer and name, as `0.wx`. */
  readonly name: string;
  /** Without an axis of directions where there is one only. */
  readonly shape: readonly number[];
  readonly count: number;
  readonly trainable: boolean;
}

/**
 * The population statistics of one layer: means and biased variances by time step, row-major
 * [maxSteps][4H], cells [maxSteps][H], sequence-wise input statistics [1][4H]; with two directions
 * twice that, forwards first.
 */
export interface LayerStatistics extends Readonly<Record<keyof StatisticsValues, Float32Array>> {
  /** Index of the layer. */
  readonly layer: number;
  readonly maxSteps: number;
}

export interface ModelStatistics {
  readonly status: StatisticsStatus;
  /** One per normalising layer; zeros while the status is 'missing'. */
  readonly layers: readonly LayerStatistics[];
}

/**
 * Layers with their parameters on a device. Made by `sequential` and `load`. Verbs decide the mode:
 * training uses batch statistics, `evaluate` and `predict` population statistics unless told
 * otherwise. After `dispose` every method fails with ERR_BNLSTM_DISPOSED.
 */
export class Model {
  readonly #network: Network;
  #loss: Loss | undefined;

  /** @internal */
  constructor(network: Network) {
    this.#network = network;
  }

  /** As the device calls itself, for example 'cuda:0' or 'cpu:portable'. */
  get device(): string {
    return this.#network.stream.device;
  }

  /** Why it is on this device: what was asked for, or what `auto` has found. */
  get deviceReason(): string {
    return this.#network.deviceReason;
  }

  /** Of the values between layers: 'f32' or 'bf16'. */
  get dtype(): FloatType {
    return this.#network.dtype;
  }

  get parameters(): readonly ParameterInfo[] {
    return this.#network.blueprint.parameters.map(({ name, visibleShape, count, trainable }) => ({
      name,
      shape: visibleShape,
      count,
      trainable,
    }));
  }

  /** Numbers in all parameters together. */
  get parameterCount(): number {
    return this.parameters.reduce((sum, { count }) => sum + count, 0);
  }

  /**
   * A trainer with an optimizer state of its own.
   * @throws ERR_BNLSTM_ARGUMENT, ERR_BNLSTM_DISPOSED
   */
  trainer(options: TrainerOptions): Trainer {
    const trainer = new Trainer(this.#network, options);
    this.#loss = options.loss;
    return trainer;
  }

  /**
   * Loss and accuracy over data, every target weighing the same.
   * @throws ERR_BNLSTM_STATISTICS_MISSING, ERR_BNLSTM_STATISTICS_STALE; ERR_BNLSTM_BATCH_OF_ONE with
   * batch statistics; ERR_BNLSTM_CARRIED_STATE with `carryState`; ERR_BNLSTM_ARGUMENT,
   * ERR_BNLSTM_DISPOSED, what `data` throws, and the reason of an aborted `signal`
   */
  async evaluate(data: DataSource, options?: EvaluateOptions): Promise<Evaluation> {
    this.#network.assertAlive();
    return evaluate(this.#network, data, options, this.#loss);
  }

  /**
   * Estimates population statistics in one pass over training data, for all layers at once: the
   * mean over batches of each step's mean and biased variance, every batch weighing the same
   * (docs/paper.md §2). Where batches carry `lengths` and only running rows count, rows weigh instead:
   * variance Σ n·var / Σ (n − 1). Batches should be as large as memory allows. Training noise
   * (`initialNoise`) is applied; zoneout and dropout are not sampled. A model without normalisation
   * needs none: nothing is read. If it fails, the old statistics stay. With `carryState` each chunk
   * of a longer sequence is written to the steps that it is at, of the row that is furthest.
   * @throws ERR_BNLSTM_BATCH_OF_ONE, ERR_BNLSTM_NOT_FINITE, ERR_BNLSTM_ARGUMENT,
   * ERR_BNLSTM_CARRIED_STATE, ERR_BNLSTM_DISPOSED, what `data` throws, and the reason of an aborted `signal`
   */
  async estimateStatistics(data: DataSource, options?: ReadOptions): Promise<StatisticsEstimate> {
    this.#network.assertAlive();
    return estimateStatistics(this.#network, data, options);
  }

  /**
   * Outputs for a batch, and the state in which its sequences end, so that they can be continued
   * with `state` and `firstStep`. With population statistics a row's result depends on no other
   * row: bit for bit on a CPU, to rounding on a GPU.
   * @throws as `evaluate`
   */
  async predict(batch: Batch, options?: PredictOptions): Promise<Prediction> {
    this.#network.assertAlive();
    return predict(this.#network, batch, options);
  }

  /**
   * Where the time of one `predict` goes, by op. The first run of a shape is slower than later ones.
   * @throws as `predict`
   */
  async profile(batch: Batch, options?: PredictOptions): Promise<Profile> {
    this.#network.assertAlive();
    const profiler = new Profiler();
    await predict(this.#network, batch, options, profiler.run);
    return profiler.profile;
  }

  /**
   * A copy of one parameter, row-major in its shape.
   * @throws ERR_BNLSTM_ARGUMENT for an unknown name, ERR_BNLSTM_DISPOSED
   */
  async get(name: string): Promise<Float32Array> {
    this.#network.assertAlive();
    const { offset, count } = this.#segment(name, 'get');
    return this.#network.parameters.read(offset, count);
  }

  /**
   * Overwrites one parameter; population statistics become stale.
   * @throws ERR_BNLSTM_ARGUMENT for an unknown name or another size, ERR_BNLSTM_DISPOSED
   */
  async set(name: string, values: Float32Array): Promise<void> {
    this.#network.assertAlive();
    const { offset, count } = this.#segment(name, 'set');
    check.typedArray(values, 'set: values', [Float32Array], count);
    await this.#network.parameters.write(values, offset);
  }

  /** A copy of all population statistics, and whether they belong to the current weights. */
  async statistics(): Promise<ModelStatistics> {
    this.#network.assertAlive();
    const { blueprint, tables, population } = this.#network;
    const { status } = population;
    const flat = (await tables.population?.read()) ?? new Float32Array();
    const layers = blueprint.tables.map(({ layer, maxSteps, segments }) => ({
      layer,
      maxSteps,
      ...mapStatistics((name) => copyOf(flat, segments[name])),
    }));
    return { status, layers };
  }

  /**
   * Writes parameters and statistics to a safetensors file, in one piece: `path` holds the old
   * file or the new one, whatever happens. The optimizer's state is not saved.
   * @throws ERR_BNLSTM_IO, ERR_BNLSTM_ARGUMENT, ERR_BNLSTM_DISPOSED
   */
  async save(path: string): Promise<void> {
    this.#network.assertAlive();
    await save(this.#network, check.string(path, 'save: path'));
  }

  /** `selfTest` on the model's device, in its dtype; the model takes no part. */
  async selfTest(): Promise<SelfTestResult> {
    this.#network.assertAlive();
    return selfTest({ device: this.device, dtype: this.dtype });
  }

  /** Layers, parameters and their shapes, to be read by people. */
  summary(): string {
    this.#network.assertAlive();
    return summary(this.#network);
  }

  /**
   * Which of the engine's ways computes each layer, and why, and the memory that it takes: of a
   * training step with batches of this size, or of a prediction. Nothing is allocated.
   * @throws ERR_BNLSTM_ARGUMENT, ERR_BNLSTM_DISPOSED, ERR_BNLSTM_UNSUPPORTED
   */
  plan(options: PlanOptions): ModelPlan {
    this.#network.assertAlive();
    return planModel(this.#network, options, this.#loss);
  }

  /** What it takes on its device now, by part. `plan` tells what a step will take. */
  memory(): ModelMemory {
    this.#network.assertAlive();
    return memoryOf(this.#network);
  }

  /** Cancels what runs (it rejects with ERR_BNLSTM_DISPOSED) and frees all memory. Idempotent. */
  async dispose(): Promise<void> {
    this.#network.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  #segment(name: string, method: string): ParameterSegment {
    const { parameters } = this.#network.blueprint;
    const segment = parameters.find((parameter) => parameter.name === name);
    if (segment === undefined) {
      const names = parameters.map((parameter) => parameter.name).join(', ');
      throw check.argumentError(`${method}: name`, `one of ${names}`, check.show(name));
    }
    return segment;
  }
}
