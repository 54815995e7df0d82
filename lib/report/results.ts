/** What came out of a run: the numbers of its tables. */
import { bestValidation } from './page_data.js';
import type { RunLog } from './run_log.js';

export interface Scores {
  readonly loss: number;
  readonly accuracy?: number | undefined;
}

export interface Results {
  /** 'running' also where the process has died: a file cannot tell. */
  readonly state: 'running' | 'finished' | 'stopped';
  readonly stateText: string;
  /** Why, where the run says so. */
  readonly message: string | undefined;
  readonly steps: number;
  readonly epoch: number | undefined;
  /** Means over the last `trainingSteps` steps. */
  readonly training: Scores | undefined;
  readonly trainingSteps: number;
  readonly best: (Scores & { readonly index: number }) | undefined;
  readonly last: (Scores & { readonly index: number }) | undefined;
  readonly test: (Scores & { readonly count: number }) | undefined;
  /** Of the whole run where it has ended, else the time of its training steps. */
  readonly seconds: number;
  readonly sequencesPerSecond: number;
  readonly skipped: number;
  /** Values of curves that were NaN or infinite. */
  readonly notFinite: number;
}

/** Steps over which the last training loss is a mean: a single one says little. */
const lastSteps = 100;

const states: Readonly<Record<string, [Results['state'], string]>> = {
  finished: ['finished', 'finished'],
  'early-stopping': ['finished', 'finished: stopped early'],
  aborted: ['stopped', 'aborted'],
  'not-finite': ['stopped', 'stopped: loss or gradient not finite'],
  failed: ['stopped', 'failed'],
};

function stateOf({ end }: RunLog): [Results['state'], string] {
  if (end === undefined) return ['running', 'running, or interrupted'];
  const stoppedBy = String(end.stoppedBy);
  return Object.hasOwn(states, stoppedBy) ? states[stoppedBy] : ['stopped', stoppedBy];
}

/** A mean of rows with weights, over those that are there; NaN without any. */
function mean(values: readonly number[], weights: readonly number[], from = 0): number {
  let [sum, total] = [0, 0];
  for (let i = from; i < values.length; i++) {
    if (Number.isNaN(values[i]) || !(weights[i] > 0)) continue;
    sum += values[i] * weights[i];
    total += weights[i];
  }
  return sum / total;
}

export function resultsOf(log: RunLog): Results {
  const { index, curves, end, validations, present } = log;
  const [state, stateText] = stateOf(log);
  const steps = Math.max(end?.index ?? 0, index.at(-1) ?? 0);
  const covers = index.map((step, i) => step - (i === 0 ? 0 : index[i - 1]));
  let from = index.length;
  while (from > 0 && index[from - 1] > (index.at(-1) ?? 0) - lastSteps) from--;
  const best = validations[bestValidation(log)] ?? end?.best;
  const epoch = end?.epoch ?? log.epoch.at(-1);
  let notFinite = 0;
  for (const name of present) {
    for (const value of curves[name]) if (Number.isNaN(value)) notFinite++;
  }
  return {
    state,
    stateText,
    message: typeof end?.message === 'string' ? end.message.slice(0, 500) : undefined,
    steps,
    epoch: Number.isFinite(epoch) ? epoch : undefined,
    training:
      index.length === 0
        ? undefined
        : {
            loss: mean(curves.loss, covers, from),
            accuracy: present.has('accuracy') ? mean(curves.accuracy, covers, from) : undefined,
          },
    trainingSteps: from === index.length ? 0 : (index.at(-1) ?? 0) - (index[from - 1] ?? 0),
    best,
    last: validations.at(-1),
    test: end?.test,
    seconds: end?.seconds ?? log.seconds.reduce((sum, time) => sum + (time > 0 ? time : 0), 0),
    sequencesPerSecond: mean(curves.sequencesPerSecond, log.seconds),
    skipped: log.skipped.reduce((sum, count) => sum + (count > 0 ? count : 0), 0),
    notFinite,
  };
}
