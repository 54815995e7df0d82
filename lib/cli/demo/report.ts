import type { PixelOrder } from '../../index.js';
import { formatPercent } from '../format.js';
import { recentIterations } from './contestant.js';
import { paperAt } from './paper.js';

export interface Result {
  readonly name: string;
  readonly trainLoss: number;
  readonly testAccuracy: number;
}

export interface Outcome {
  readonly order: PixelOrder;
  readonly iterations: number;
  readonly trainImages: number;
  readonly testImages: number;
  readonly bnLstm: Result;
  readonly lstm: Result;
}

function images(count: number, all: number, what: string): string {
  const number = count.toLocaleString('en');
  return count === all ? `all ${number} ${what} images` : `the first ${number} ${what} images`;
}

/** The table at the end. */
export function table(outcome: Outcome): string {
  const { order, iterations, bnLstm, lstm } = outcome;
  const paper = paperAt(order, iterations);
  const rows = [
    ['', bnLstm.name, lstm.name, ''],
    ['iterations', `${iterations}`, `${iterations}`, ''],
    [
      'training loss',
      bnLstm.trainLoss.toFixed(3),
      lstm.trainLoss.toFixed(3),
      `mean of the last ${Math.min(iterations, recentIterations)}`,
    ],
    [
      'test accuracy',
      formatPercent(bnLstm.testAccuracy),
      formatPercent(lstm.testAccuracy),
      images(outcome.testImages, 10_000, 'test'),
    ],
    [
      "paper's validation accuracy",
      formatPercent(paper.bnLstm),
      formatPercent(paper.lstm),
      paper.label,
    ],
  ];
  return rows
    .map(([label, a, b, note]) => `${label.padEnd(29)}${a.padStart(9)}${b.padStart(9)}   ${note}`)
    .map((line) => line.trimEnd())
    .join('\n');
}

/** What has to be known to compare the rows of the table. */
export function notes({ order, trainImages }: Outcome): string {
  const noise = order === 'scanline';
  const lines = [
    `The BN-LSTM is tested with population statistics from ${trainImages.toLocaleString('en')} training images in`,
    `batches of 500${noise ? ', without noise' : ''}; the paper tested with all 50,000 in batches of 5,000. The paper's`,
    `validation accuracy is that of its curves: one run, batch statistics${noise ? ', with noise' : ''}.`,
  ];
  if (order === 'permuted') {
    lines.push(
      'What it calls permuted lost 283 of the 784 pixels, a harder task: see `--order authors`.',
    );
  }
  return lines.join('\n');
}

/** One sentence that says what was seen, and no more than 10,000 images can show. */
export function verdict({ iterations, testImages, bnLstm, lstm }: Outcome): string {
  const [a, b] = [bnLstm.testAccuracy, lstm.testAccuracy];
  const seen =
    `After ${iterations} ${iterations === 1 ? 'iteration' : 'iterations'} ` +
    `the BN-LSTM is right on ${formatPercent(a)} of the test images, ` +
    `the plain LSTM on ${formatPercent(b)}`;
  const error = Math.sqrt((a * (1 - a) + b * (1 - b)) / testImages);
  if (Math.abs(a - b) <= 2 * error) return `${seen}: no difference that this test could tell.`;
  const points = (100 * Math.abs(a - b)).toFixed(1);
  return `${seen}: the ${a > b ? 'BN-LSTM' : 'plain LSTM'} is ahead by ${points} points.`;
}
