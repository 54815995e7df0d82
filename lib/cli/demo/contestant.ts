import type { Batch, DataSource, Model, PixelOrder, Trainer } from '../../index.js';
import { mnistModel, mnistSettings, mnistTraining } from '../paper/mnist.js';

const { iterations: _, ...settings } = mnistSettings;

export { settings };

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
    this.#trainer = model.trainer(mnistTraining());
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
  const { order, device, seed, threads } = options; // callers have more in it
  const placed = { device, seed, threads };
  const normalised = await mnistModel({ model: 'bn-lstm', order }, placed);
  const plain = await mnistModel({ model: 'lstm', order }, placed);
  return [new Contestant('BN-LSTM', true, normalised), new Contestant('LSTM', false, plain)];
}
