import * as check from '../check.js';
import { hostStream, Philox } from '../random.js';
import { arrayData } from './array.js';
import type { SeekableSource } from './source.js';

export interface RecallTaskOptions {
  /** Length of every sequence. */
  readonly steps: number;
  /** What the first symbol, and so the target, is drawn from. */
  readonly classes: number;
  /** Size of the vocabulary: what all other symbols are drawn from. At least `classes`. */
  readonly symbols: number;
  /** Number of sequences. */
  readonly count: number;
  readonly seed: number;
}

/**
 * The recall task: sequences of random symbols (token ids) whose target is their first symbol. It
 * takes seconds to tell a BN-LSTM from a plain LSTM, and right population statistics from those
 * that are shared over time: with 60 steps, 8 classes and 16 symbols a BN-LSTM of 48 units is at
 * 99 % after about 200 batches of 64, and a plain LSTM still at chance after 600.
 */
export function recallTask(options: RecallTaskOptions): SeekableSource {
  options = check.options(options, 'recallTask', ['steps', 'classes', 'symbols', 'count', 'seed']);
  const name = (option: string) => `recallTask: ${option}`;
  const steps = check.integer(options.steps, name('steps'), { min: 1 });
  const classes = check.integer(options.classes, name('classes'), { min: 1 });
  const symbols = check.integer(options.symbols, name('symbols'), { min: classes });
  const count = check.integer(options.count, name('count'), { min: 1 });
  const philox = new Philox(check.seed(options.seed, name('seed')), hostStream.syntheticData);
  const inputs = new Int32Array(count * steps);
  const targets = new Int32Array(count);
  for (let i = 0; i < inputs.length; i++) {
    inputs[i] = philox.below(i % steps === 0 ? classes : symbols, i);
  }
  for (let n = 0; n < count; n++) targets[n] = inputs[n * steps];
  return arrayData({ inputs, targets, steps });
}
