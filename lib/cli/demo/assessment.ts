import type { DataSource } from '../../index.js';
import { type Contestant, evaluationBatch } from './contestant.js';
import type { Result } from './report.js';

/** What comes after training, and how long it takes. */
export interface Assessment {
  /** For population statistics. */
  readonly trainImages: number;
  readonly testImages: number;
  readonly seconds: number;
}

const full = { trainImages: 5_000, testImages: 10_000 };

/** A share of a number of images, in whole batches and at least one. */
function inBatches(images: number, share: number): number {
  return Math.max(1, Math.floor((images * share) / evaluationBatch)) * evaluationBatch;
}

/**
 * Runs one batch of each part of the assessment, and from its time plans the whole. It takes fewer
 * images only if it would take more than half of `budget` seconds.
 */
export async function planAssessment(
  contestants: readonly Contestant[],
  data: { readonly train: DataSource; readonly test: DataSource },
  budget: number,
): Promise<Assessment> {
  const started = performance.now();
  for (const contestant of contestants) {
    await contestant.estimateStatistics(data.train, evaluationBatch);
  }
  const statisticsDone = performance.now();
  for (const contestant of contestants) await contestant.test(data.test, evaluationBatch);
  const statistics = (statisticsDone - started) / 1000 / evaluationBatch; // per image
  const test = (performance.now() - statisticsDone) / 1000 / evaluationBatch;
  const secondsFor = (trainImages: number, testImages: number) =>
    1.1 * (trainImages * statistics + testImages * test);

  const share = Math.min(1, budget / 2 / secondsFor(full.trainImages, full.testImages));
  const trainImages = inBatches(full.trainImages, share);
  const testImages = inBatches(full.testImages, share);
  return { trainImages, testImages, seconds: secondsFor(trainImages, testImages) };
}

/** Population statistics, then the accuracy of each contestant. */
export async function assess(
  contestants: readonly Contestant[],
  data: { readonly train: DataSource; readonly test: DataSource },
  { trainImages, testImages }: Assessment,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const contestant of contestants) {
    await contestant.estimateStatistics(data.train, trainImages);
    const testAccuracy = await contestant.test(data.test, testImages);
    results.push({ name: contestant.name, trainLoss: contestant.loss, testAccuracy });
  }
  return results;
}
