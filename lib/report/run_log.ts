import * as check from '../check.js';
import type {
  EndRecord,
  HistoryRecord,
  StartRecord,
  StepRecord,
  ValidationRecord,
  WarningRecord,
} from '../io/history.js';

/** A run and what it has written down, in the order of its history file. */
export interface ReportRun {
  /** Shown in legends and tables; it need not be unique. */
  readonly name: string;
  readonly records: readonly HistoryRecord[];
}

export const curveNames = [
  'loss',
  'accuracy',
  'gradientNorm',
  'learningRate',
  'sequencesPerSecond',
] as const satisfies readonly (keyof StepRecord)[];

export type CurveName = (typeof curveNames)[number];

/** The records of a run in columns, without what a resumed run has done anew. */
export interface RunLog {
  readonly name: string;
  /** The run's beginning and each time that it was resumed. */
  readonly starts: StartRecord[];
  /** One number per step record; NaN for what is absent or not finite. */
  readonly index: number[];
  readonly epoch: number[];
  /** Wall time of the steps of a record. */
  readonly seconds: number[];
  readonly skipped: number[];
  readonly curves: Readonly<Record<CurveName, number[]>>;
  /** The curves that some record has: for classes there is accuracy, for reals there is none. */
  readonly present: Set<CurveName>;
  readonly validations: ValidationRecord[];
  readonly warnings: WarningRecord[];
  end: EndRecord | undefined;
}

/** A number of a record. JSON has no NaN: `null` stands for it, and so does anything else. */
function finite(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : Number.NaN;
}

/** Forgets what came after step `last`: the run has gone back to it. */
function cutAfter(log: RunLog, last: number): void {
  let length = log.index.length;
  while (length > 0 && log.index[length - 1] > last) length--;
  if (length < log.index.length) {
    for (const column of [log.index, log.epoch, log.seconds, log.skipped]) column.length = length;
    for (const column of Object.values(log.curves)) column.length = length;
  }
  for (const list of [log.validations, log.warnings]) {
    while (list.length > 0 && list.at(-1)!.index > last) list.pop();
  }
}

function addStep(log: RunLog, record: StepRecord): void {
  if (record.index <= (log.index.at(-1) ?? -1)) cutAfter(log, record.index - 1);
  log.index.push(record.index);
  log.epoch.push(finite(record.epoch));
  log.seconds.push(finite(record.seconds));
  log.skipped.push(finite(record.skipped ?? 0));
  for (const name of curveNames) {
    if (record[name] !== undefined) log.present.add(name);
    log.curves[name].push(finite(record[name]));
  }
}

/**
 * Reads a run's records. Types of records that are not known here are left out.
 *
 * @param name of the argument, for messages
 * @throws ERR_BNLSTM_ARGUMENT for what is no record, or a step or validation without a step number
 */
export function readLog(run: ReportRun, name: string): RunLog {
  check.options(run, name, ['name', 'records']);
  if (!Array.isArray(run.records)) {
    throw check.argumentError(`${name}.records`, 'an array of records', check.show(run.records));
  }
  const log: RunLog = {
    name: check.string(run.name, `${name}.name`),
    starts: [],
    index: [],
    epoch: [],
    seconds: [],
    skipped: [],
    curves: { loss: [], accuracy: [], gradientNorm: [], learningRate: [], sequencesPerSecond: [] },
    present: new Set(),
    validations: [],
    warnings: [],
    end: undefined,
  };
  for (const [i, record] of (run.records as readonly HistoryRecord[]).entries()) {
    if (typeof record !== 'object' || record === null) {
      throw check.argumentError(`${name}.records[${i}]`, 'a record', check.show(record));
    }
    if (record.type === 'start') {
      const resumedAt = finite(record.resumedAt);
      if (Number.isNaN(resumedAt)) log.starts.length = 0; // begun anew, in the same file
      cutAfter(log, Number.isNaN(resumedAt) ? -1 : resumedAt);
      log.starts.push(record);
      log.end = undefined;
    } else if (record.type === 'step') {
      check.integer(record.index, `${name}.records[${i}].index`, { min: 0 });
      addStep(log, record);
    } else if (record.type === 'validation') {
      check.integer(record.index, `${name}.records[${i}].index`, { min: 0 });
      log.validations.push(record);
    } else if (record.type === 'warning') {
      log.warnings.push(record);
    } else if (record.type === 'end') {
      log.end = record;
    }
  }
  return log;
}
