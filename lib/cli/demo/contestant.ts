import {
  type Batch,
  bnLstm,
  crossEntropy,
  type DataSource,
  lastStep,
  linear,
  lstm,
  type Model,
  type PixelOrder,
  paperInit,
  rmsprop,
  sequential,
  type Trainer,
} from '../../index.js';

/** The paper's settings for MNIST. */
export const settings = {
  hidden: 100,
  steps: 784,
  batchSize: 100,
  learningRate: 1e-3,
  decay: 0.9,
  clipNorm: 1,
  gammaInit: 0.1,
  /** On h0, in scanline order: its black borders have no variance, and gradients would explode. */
  initialNoise: 0.1,
} as const;

/** Batches of statistics and tests. Statistics of more rows are better; the paper took 5,000. */
export const evaluationBatch = 500;

/** How many of the last iterations the running loss and accuracy are means of. */
export const recentIterations = 50;

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** One of the two models, with what it has done so far. */
export class Contestant {
  readonly losses: number[] = [];
  readonly accuracies: number[] = [];
  /** Spent in training steps. */
  seconds = 0;
  readonly #trainer: Trainer;

  constructor(
    readonly name: string,
    readonly normalised: boolean,
    readonly model: Model,
  ) {
    const { learningRate, decay, clipNorm } = settings;
    const optimizer = rmsprop({ learningRate, decay });
    this.#trainer = model.trainer({ loss: crossEntropy(), optimizer, clipNorm });
  }

  /** The running training loss: NaN before the first iteration. */
  get loss(): number {
    return mean(this.losses.slice(-recentIterations));
  }

  get accuracy(): number {
    return mean(this.accuracies.slice(-recentIterations));
  }

  async step(batch: Batch): Promise<void> {
    const started = performance.now();
    const { loss, accuracy } = await this.#trainer.step(batch);
    this.seconds += (performance.now() - started) / 1000;
    this.losses.push(loss);
    this.accuracies.push(accuracy ?? Number.NaN);
  }

  /** Population statistics from the first `images` training images, where the model has any. */
  async estimateStatistics(train: DataSource, images: number): Promise<void> {
    if (!this.normalised) return;
    await this.model.estimateStatistics(train, { batchSize: evaluationBatch, limit: images });
  }

  /** Accuracy on the first `images` of a set. */
  async test(data: DataSource, images: number): Promise<number> {
    const { accuracy } = await this.model.evaluate(data, {
      batchSize: evaluationBatch,
      limit: images,
    });
    return accuracy ?? Number.NaN;
  }
}

export interface ContestOptions {
  readonly order: PixelOrder;
  readonly seed: number;
  readonly device: string;
  readonly threads?: number | undefined;
}

/** The BN-LSTM and the plain LSTM, alike but for the normalisation. */
export async function makeContestants(options: ContestOptions): Promise<[Contestant, Contestant]> {
  const { device, seed, threads } = options;
  const { hidden, steps, gammaInit } = settings;
  const initialNoise = options.order === 'scanline' ? settings.initialNoise : 0;
  const init = paperInit('mnist');
  const input = { features: 1, device, seed, threads };
  const normalised = await sequential(input, [
    bnLstm({ hidden, maxSteps: steps, gammaInit, initialNoise, ...init }),
    lastStep(),
    linear(10),
  ]);
  const plain = await sequential(input, [lstm({ hidden, ...init }), lastStep(), linear(10)]);
  return [new Contestant('BN-LSTM', true, normalised), new Contestant('LSTM', false, plain)];
}
