/** What the page's script draws: the curves of every run, thinned to what a screen can show. */
import { type CurveName, curveNames, type RunLog } from './run_log.js';
import { needsBuckets, rowPlaces, thin } from './thin.js';

/** Values to six digits; `null` where there is none, as JSON has no NaN. */
export type Values = (number | null)[];

/** Where rows lie on each axis; every list grows strictly or, where time stands still, not at all. */
export interface Axes {
  /** Step, counted from 1. */
  readonly step: number[];
  /** Epochs completed, with fractions; empty where the length of an epoch is not known. */
  readonly epoch: number[];
  /** Seconds spent in training steps so far. */
  readonly time: number[];
}

export interface CurveData {
  /** One value per row; of thinned curves, the least and the greatest of each bucket as they came. */
  readonly raw: Values;
  /** Of thinned curves: the mean of each bucket, to be smoothed. */
  readonly mean?: Values;
  /** Rows at which a value was NaN or infinite. */
  readonly gaps: number[];
}

export interface RunData {
  readonly name: string;
  readonly axes: Axes;
  /** Rows of each bucket: 2, or 1 for a run that is not thinned. */
  readonly rowsPerBucket: number;
  readonly curves: Partial<Record<CurveName, CurveData>>;
  readonly validation: {
    readonly axes: Axes;
    readonly loss: Values;
    readonly accuracy: Values;
    /** Row of the best one; -1 without any. */
    readonly best: number;
  };
}

export interface PageData {
  readonly runs: RunData[];
}

/** Buckets of all runs together: some 3 MB of JSON. */
const bucketBudget = 16_000;
const maxBuckets = 4000;
const maxGaps = 200;

const round = (value: number, digits: number) => Number(value.toPrecision(digits));
const value = (x: unknown) => (typeof x === 'number' && Number.isFinite(x) ? round(x, 6) : null);

/**
 * Epochs completed after each step record. The length of an epoch is where the next one begins; the
 * last one is taken to be as long as the one before.
 */
function epochsOf({ index, epoch }: RunLog): number[] {
  const begins: { epoch: number; step: number }[] = []; // the last step before each epoch
  for (let i = 0; i < index.length; i++) {
    if (begins.length === 0 || epoch[i] > begins.at(-1)!.epoch) {
      begins.push({ epoch: epoch[i], step: i === 0 ? 0 : index[i - 1] });
    }
  }
  if (begins.length < 2) return [];
  let at = 0;
  return index.map((step) => {
    while (at + 1 < begins.length && step > begins[at + 1].step) at++;
    const reference = Math.min(at, begins.length - 2);
    const epochs = begins[reference + 1].epoch - begins[reference].epoch;
    const length = (begins[reference + 1].step - begins[reference].step) / epochs;
    return begins[at].epoch - 1 + (step - begins[at].step) / length;
  });
}

/** Seconds in training at each step record. Where a time is missing, none is counted. */
function timesOf({ seconds }: RunLog): number[] {
  let sum = 0;
  return seconds.map((time) => (sum += time >= 0 ? time : 0));
}

/** The place of a step on an axis that is known at the step records: between them on a line. */
function between(step: number, steps: readonly number[], places: readonly number[]): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] < step) low = middle + 1;
    else high = middle;
  }
  if (low === steps.length) return places.at(-1) ?? 0;
  const [step0, place0] = low === 0 ? [0, 0] : [steps[low - 1], places[low - 1]];
  return place0 + ((places[low] - place0) * (step - step0)) / (steps[low] - step0 || 1);
}

function axesAt(rows: readonly number[], full: Axes): Axes {
  return {
    step: rows.map((row) => full.step[row]),
    epoch: full.epoch.length === 0 ? [] : rows.map((row) => round(full.epoch[row], 8)),
    time: rows.map((row) => round(full.time[row], 8)),
  };
}

/** The rows of validations that are drawn: evenly spread, with the last and the best. */
function validationRows(count: number, limit: number, best: number): number[] {
  const stride = Math.max(1, Math.ceil(count / limit));
  const rows: number[] = [];
  for (let row = 0; row < count; row++) {
    if (row === best || (count - 1 - row) % stride === 0) rows.push(row);
  }
  return rows;
}

/** The row of the validation that was the best. */
export function bestValidation({ validations, end }: RunLog): number {
  const ended = validations.findIndex(({ index }) => index === end?.best?.index);
  return ended >= 0 ? ended : validations.findLastIndex(({ best }) => best === true);
}

function curveData(values: readonly number[], buckets: number): CurveData {
  const { raw, mean, gaps } = thin(values, buckets);
  return {
    raw: raw.map(value),
    ...(mean && { mean: mean.map(value) }),
    gaps: gaps.slice(0, maxGaps),
  };
}

function runData(log: RunLog, buckets: number): RunData {
  const full: Axes = { step: log.index, epoch: epochsOf(log), time: timesOf(log) };
  const best = bestValidation(log);
  const drawn = validationRows(log.validations.length, Math.max(20, buckets >> 1), best);
  const steps = drawn.map((row) => log.validations[row].index);
  const onAxis = (places: readonly number[]) =>
    places.length === 0 ? [] : steps.map((step) => round(between(step, log.index, places), 8));
  return {
    name: log.name,
    axes: axesAt(rowPlaces(log.index.length, buckets), full),
    rowsPerBucket: needsBuckets(log.index.length, buckets) ? 2 : 1,
    curves: Object.fromEntries(
      curveNames
        .filter((name) => log.present.has(name))
        .map((name) => [name, curveData(log.curves[name], buckets)]),
    ),
    validation: {
      axes: { step: steps, epoch: onAxis(full.epoch), time: onAxis(full.time) },
      loss: drawn.map((row) => value(log.validations[row].loss)),
      accuracy: drawn.map((row) => value(log.validations[row].accuracy)),
      best: drawn.indexOf(best),
    },
  };
}

/** @param names shown for the runs, in their order */
export function pageData(logs: readonly RunLog[], names: readonly string[]): PageData {
  const buckets = Math.max(20, Math.min(maxBuckets, Math.floor(bucketBudget / logs.length)));
  return { runs: logs.map((log, i) => ({ ...runData(log, buckets), name: names[i] })) };
}
