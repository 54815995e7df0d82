import type { Batch, DataSource } from '../../index.js';
import { type Contestant, settings } from './contestant.js';
import type { Snapshot } from './progress.js';

/** When to stop: at a number of iterations, or where the time for training ends. */
export type Until = { readonly iterations: number } | { readonly seconds: number };

export interface TrainingOptions {
  readonly seed: number;
  readonly until: Until;
  /** Seconds that the work after training takes. */
  readonly afterwards: number;
  readonly stop: AbortSignal;
  readonly onIteration: (snapshot: Snapshot) => void;
}

async function* epochs(data: DataSource, seed: number): AsyncGenerator<Batch> {
  const { batchSize } = settings;
  for (let epoch = 1; ; epoch++) yield* data.batches({ batchSize, shuffle: { seed, epoch } });
}

/**
 * Trains the contestants in turns, an iteration each on the same batch, so that both have done the
 * same at any moment. Returns what ended it.
 */
export async function trainInTurns(
  contestants: readonly Contestant[],
  data: DataSource,
  { seed, until, afterwards, stop, onIteration }: TrainingOptions,
): Promise<'iterations' | 'time' | 'interrupt'> {
  const started = performance.now();
  let iteration = 0;
  for await (const batch of epochs(data, seed)) {
    for (const contestant of contestants) await contestant.step(batch);
    iteration++;
    const seconds = (performance.now() - started) / 1000;
    const each = seconds / iteration;
    const left =
      'iterations' in until ? (until.iterations - iteration) * each : until.seconds - seconds;
    onIteration({ standings: contestants, iteration, secondsLeft: left + afterwards });
    if (stop.aborted) return 'interrupt';
    if ('iterations' in until) {
      if (iteration >= until.iterations) return 'iterations';
    } else if (left < each) return 'time';
  }
  throw new Error('unreachable: epochs never end');
}
