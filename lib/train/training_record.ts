import * as check from '../check.js';
import type { DataCursor } from '../data/source.js';
import type { ScheduleState } from '../optim/schedule.js';
import { checkRecompute } from '../recompute.js';
import type { BestRecord } from './best.js';
import type { StepPlanRecord } from './step_plan.js';

/** What only a loop knows, beside the trainer. */
export interface LoopRecord {
  /** What results depend on, of the loop's options. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Where the trainer was when the run began. */
  readonly begin: { readonly steps: number; readonly epoch: number };
  readonly best: BestRecord;
  /** A validation is due before the next step. */
  readonly validationDue: boolean;
  /** Of the history's file, in bytes. */
  readonly historyBytes: number;
  /** Wall time of the run so far. */
  readonly seconds: number;
}

/** The metadata `training`. */
export interface TrainingRecord {
  /** Of the trainer: what results depend on. */
  readonly trainer: Readonly<Record<string, unknown>>;
  /** Of the package that wrote it. */
  readonly version: string;
  /** What computed it: the device's name, and which GPU that is. */
  readonly device: string;
  /** How; null before the first step. */
  readonly plan: StepPlanRecord | null;
  readonly steps: number;
  readonly cursor: DataCursor;
  readonly skippedInRow: number;
  /** Gradient norms of the last steps; null: not finite. */
  readonly norms: readonly (number | null)[];
  readonly schedule: ScheduleState | null;
  /** Of carried state: rows that there is room for. */
  readonly carriedRows: number;
  readonly loop: LoopRecord | null;
}

/**
 * The metadata `training` of a file, which is not trusted.
 * @throws ERR_BNLSTM_ARGUMENT, SyntaxError
 */
export function parseRecord(text: string): TrainingRecord {
  const record = check.object(JSON.parse(text) as TrainingRecord, 'training');
  const whole = (value: unknown, name: string, min = 0) => check.integer(value, name, { min });
  whole(record.steps, 'training: steps');
  whole(record.cursor?.epoch, 'training: cursor.epoch', 1);
  whole(record.cursor?.batches, 'training: cursor.batches');
  whole(record.skippedInRow, 'training: skippedInRow');
  whole(record.carriedRows, 'training: carriedRows');
  check.string(record.version, 'training: version');
  check.string(record.device, 'training: device');
  if (record.plan !== null) checkPlan(check.object(record.plan, 'training: plan'));
  if (!Array.isArray(record.norms)) {
    throw check.argumentError('training: norms', 'an array', check.show(record.norms));
  }
  check.object(record.trainer, 'training: trainer');
  if (record.loop !== null) {
    const { begin, options, historyBytes, seconds, validationDue } = check.object(
      record.loop,
      'training: loop',
    );
    check.object(options, 'training: loop.options');
    whole(begin?.steps, 'training: loop.begin.steps');
    whole(begin?.epoch, 'training: loop.begin.epoch', 1);
    whole(historyBytes, 'training: loop.historyBytes');
    check.number(seconds, 'training: loop.seconds', { min: 0 });
    check.boolean(validationDue, 'training: loop.validationDue');
  }
  return record;
}

function checkPlan({ shape, ops, recompute }: StepPlanRecord): void {
  const { size, steps, lengths } = check.object(shape, 'training: plan.shape');
  const extent = { min: 1, max: 2 ** 24 };
  check.integer(size, 'training: plan.shape.size', extent);
  check.integer(steps, 'training: plan.shape.steps', extent);
  check.boolean(lengths, 'training: plan.shape.lengths');
  checkRecompute(recompute, 'training: plan');
  if (!Array.isArray(ops))
    throw check.argumentError('training: plan.ops', 'an array', check.show(ops));
}
