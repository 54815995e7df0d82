import type { DataCursor } from '../data/source.js';
import type { StartRecord, StepRecord } from '../io/history.js';
import { machineFacts } from '../machine.js';
import { summary } from '../nn/summary.js';
import { VERSION } from '../version.js';
import { type CheckedFitOptions, decisiveOptions } from './fit_options.js';
import type { Stepper } from './stepper.js';
import type { StepResult } from './turn.js';

/** Epoch of the last step: where an epoch has ended the cursor is at the next one. */
export function lastEpoch({ epoch, batches }: DataCursor): number {
  return batches === 0 ? epoch - 1 : epoch;
}

export function startRecord(
  stepper: Stepper,
  options: CheckedFitOptions,
  resumedAt: number | undefined,
): StartRecord {
  const { network, config: trainer } = stepper;
  const { configuration, iterations, epochs } = options;
  const count = (value: number) => (Number.isFinite(value) ? value : undefined);
  const fit = { ...decisiveOptions(options), iterations: count(iterations), epochs: count(epochs) };
  return {
    type: 'start',
    time: new Date().toISOString(),
    version: VERSION,
    device: network.stream.device,
    dtype: network.dtype,
    model: summary(network),
    parameters: network.blueprint.parameters.reduce((sum, { count }) => sum + count, 0),
    seed: network.seed,
    configuration: configuration ?? { trainer, fit },
    machine: { ...machineFacts() },
    ...(resumedAt !== undefined && { resumedAt }),
  };
}

export function stepRecord(result: StepResult): StepRecord {
  const { index, epoch, loss, accuracy, gradientNorm, learningRate, seconds, skipped } = result;
  return {
    type: 'step',
    index,
    epoch,
    loss,
    ...(accuracy !== undefined && { accuracy }),
    gradientNorm,
    learningRate,
    seconds,
    sequencesPerSecond: result.sequences / seconds,
    ...(skipped > 0 && { skipped }),
  };
}
