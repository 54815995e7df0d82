/** What a training run writes down, as JSON lines: one of these records to a line. */
export type HistoryRecord =
  | StartRecord
  | StepRecord
  | ValidationRecord
  | CheckpointRecord
  | WarningRecord
  | EndRecord;

/** A run begins, or goes on after it was interrupted. */
export interface StartRecord {
  readonly type: 'start';
  /** ISO 8601. */
  readonly time: string;
  /** Of the package. */
  readonly version: string;
  readonly device: string;
  readonly dtype: string;
  /** `model.summary()` */
  readonly model: string;
  readonly parameters: number;
  readonly seed: number;
  /** What was asked for: the options of trainer and run, or what the command line had. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** Processor, cores, memory, Node.js and so on. */
  readonly machine: Readonly<Record<string, unknown>>;
  /** The step after which a resumed run goes on; absent for a new one. */
  readonly resumedAt?: number;
}

/** One report of the loop: the means over its steps. */
export interface StepRecord {
  readonly type: 'step';
  /** Of the last step, counted from 1. */
  readonly index: number;
  readonly epoch: number;
  readonly loss: number;
  /** For classes. */
  readonly accuracy?: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Wall time of these steps. */
  readonly seconds: number;
  readonly sequencesPerSecond: number;
  /** Steps that were skipped as not finite, if any. */
  readonly skipped?: number;
}

export interface ValidationRecord {
  readonly type: 'validation';
  readonly index: number;
  readonly epoch: number;
  readonly loss: number;
  readonly accuracy?: number;
  /** What was normalised with: 'batch' or 'population'; absent for a model that does not. */
  readonly statistics?: string;
  /** The best so far. */
  readonly best: boolean;
}

export interface CheckpointRecord {
  readonly type: 'checkpoint';
  readonly index: number;
  /** Name of the file, in the folder of the run. */
  readonly file: string;
}

/** Something that training goes on in spite of. */
export interface WarningRecord {
  readonly type: 'warning';
  readonly index: number;
  readonly message: string;
}

export interface EndRecord {
  readonly type: 'end';
  readonly index: number;
  readonly epoch: number;
  readonly stoppedBy: 'finished' | 'early-stopping' | 'aborted' | 'not-finite' | 'failed';
  /** Why, of a run that has failed or met numbers that are not finite. */
  readonly message?: string;
  /** Of the whole run, resumed parts included. */
  readonly seconds: number;
  readonly best?: { readonly index: number; readonly loss: number; readonly accuracy?: number };
  /** On data kept for that, if there were any. */
  readonly test?: { readonly loss: number; readonly accuracy?: number; readonly count: number };
}
