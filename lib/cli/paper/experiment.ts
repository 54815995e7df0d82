import type {
  DataSource,
  DeviceOptions,
  Model,
  PixelOrder,
  SeekableSource,
  TrainerOptions,
} from '../../index.js';

/** What was asked for, checked. */
export interface Choice extends DeviceOptions {
  readonly seed: number;
  /** Of every run; default: the experiment's. */
  readonly iterations?: number | undefined;
  /** Minutes of training and validation. Default: no end. */
  readonly budget?: number | undefined;
  /** Of RMSProp. Default: the experiment's. */
  readonly decay?: number | undefined;
  /** Of the pixels of permuted MNIST. Default: the authors'. */
  readonly order?: Exclude<PixelOrder, 'scanline'> | undefined;
  /** Validation, statistics and test read the first so many sequences. Default: all. */
  readonly limit?: number | undefined;
  /** A saved model, of an experiment that measures one. */
  readonly model?: string | undefined;
}

export interface Data {
  readonly train: SeekableSource;
  readonly valid: DataSource;
  readonly test: DataSource;
}

/** One model that is trained. */
export interface Run {
  /** Also that of its folder. */
  readonly name: string;
  /** What tells it from the other runs. */
  readonly variables: Readonly<Record<string, number | string>>;
  readonly model: () => Promise<Model>;
  readonly training: TrainerOptions;
  readonly data: () => Promise<Data>;
}

/** Choices that mean something to some experiments only. */
type Takes = readonly ('order' | 'model')[];

/** Models are trained side by side, validated on the way and tested at the end. */
export interface LearningExperiment {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  readonly takes?: Takes;
  readonly settings: {
    readonly batchSize: number;
    readonly iterations: number;
    /** Iterations per point of the training curve: the mean over them. */
    readonly reportEvery: number;
    readonly validateEvery: number;
    /**
     * A run goes on by so many iterations when it is its turn. Where all are stopped they are about as
     * far, and a process that is killed loses no more.
     */
    readonly turn: number;
    /** Batch of the population statistics and the test. */
    readonly statisticsBatch: number;
    readonly [setting: string]: unknown;
  };
  runs(choice: Choice): readonly Run[];
}

/** Something is computed and written down. */
export interface Measurement {
  readonly name: string;
  readonly summary: string;
  readonly takes?: Takes;
  readonly settings: Readonly<Record<string, unknown>>;
  measure(choice: Choice, say: (line: string) => void): Promise<readonly object[]>;
}

export type Experiment = LearningExperiment | Measurement;
