// The typed shape of the native addon, and the only file that loads it.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BnLstmError } from './errors.js';

export type DType = 'f32' | 'bf16' | 'i32' | 'u8';
/** What activations and their gradients may be. */
export type FloatType = 'f32' | 'bf16';
export type HostArray = Float32Array | Int32Array | Uint16Array | Uint8Array;

/** Zeroed device memory that never lives in the arena: parameters, tables, packed weights. */
export interface NativeArray {
  readonly bytes: number;
  /** Frees it once the programs that are queued have run. Idempotent. */
  dispose(): void;
}

/** Where an operand lies: bytes into an array, or into the stream's arena. */
export type NativeLocation =
  | { readonly array: NativeArray; readonly offset: number }
  | { readonly arena: number };

/** An operand without `location` is for `sizes` alone. */
export interface NativeOperand {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly location?: NativeLocation;
}

export type NativeOption = number | boolean | string | readonly number[];

export interface NativeOp {
  readonly name: string;
  readonly operands: Readonly<Record<string, NativeOperand>>;
  readonly options: Readonly<Record<string, NativeOption>>;
}

/**
 * The host's type of a value that crosses: 'f32' for the device's 'bf16' is rounded to nearest even
 * on the way in and widened on the way out. Absent: the device's.
 */
interface NativeTransfer {
  readonly hostDtype?: DType;
}

/**
 * A value the host gives at every submission. It is copied before `submit` returns and put at
 * `location` before the first op runs. `batchMajor`: the host array is [B][T]..., the device's
 * [T][B].... `lengths`: index of the input [B] i32 by which steps beyond a row's length are zeroed.
 */
export interface NativeInput extends NativeTransfer {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly location: NativeLocation;
  readonly batchMajor: boolean;
  readonly lengths?: number;
}

/** A value copied back to the host after the last op; `shape` is the device's. */
export interface NativeOutput extends NativeTransfer {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly location: NativeLocation;
  readonly batchMajor: boolean;
}

export interface NativeProgramDescription {
  readonly ops: readonly NativeOp[];
  readonly inputs: readonly NativeInput[];
  readonly outputs: readonly NativeOutput[];
  readonly arenaBytes: number;
}

export interface NativeProgram {
  readonly arenaBytes: number;
  /** Forgets it; what is queued still runs. Idempotent. */
  dispose(): void;
}

export interface NativeOpSizes {
  readonly saved: number;
  readonly scratch: number;
  readonly packed: number;
}

/** Which of its ways to compute an op an engine takes, and why, in words. */
export interface NativeOpPlan {
  readonly name: string;
  readonly why: string;
}

/** In bytes; `free` is what an allocation may hope for now. Both 0: not known. */
export interface NativeMemory {
  readonly free: number;
  readonly total: number;
}

/** An orthogonal matrix [rows][columns], times `scale`; the rest names its random numbers. */
export interface NativeOrthogonal {
  readonly rows: number;
  readonly columns: number;
  readonly scale: number;
  readonly seedLow: number;
  readonly seedHigh: number;
  readonly stream: number;
  readonly attempt: number;
}

/** The ordered queue of one model, with its own thread, its arena and its arrays. */
export interface NativeStream {
  readonly device: string;
  readonly arenaBytes: number;
  readonly arenaGeneration: number;
  sizes(op: NativeOp): NativeOpSizes;
  /** As `sizes`, for an op whose operands need no memory. */
  plan(op: NativeOp): NativeOpPlan;
  /** Of the device, now. */
  memory(): NativeMemory;
  array(bytes: number): NativeArray;
  /** Checks and keeps a program; grows the arena to it (which drains the queue first). */
  program(description: NativeProgramDescription): NativeProgram;
  /** Queues one run: the only call of a step. `outputs` are filled when the promise resolves. */
  submit(
    program: NativeProgram,
    inputs: readonly HostArray[],
    outputs: readonly HostArray[],
  ): Promise<void>;
  /** As `submit`, and `milliseconds` gets the time that each op took, in order. */
  profile(
    program: NativeProgram,
    inputs: readonly HostArray[],
    outputs: readonly HostArray[],
    milliseconds: Float32Array,
  ): Promise<void>;
  /**
   * Queues as many runs as `milliseconds` has room for the times of, by the device's clock where it
   * has one, with cold caches where it can see to that. Outputs are not copied back.
   */
  time(
    program: NativeProgram,
    inputs: readonly HostArray[],
    milliseconds: Float32Array,
  ): Promise<void>;
  /** Queues a copy; the data are taken before it returns. */
  write(array: NativeArray, offset: number, data: HostArray): Promise<void>;
  /** Queues a copy into `into`, filled when the promise resolves. */
  read(array: NativeArray, offset: number, into: HostArray): Promise<void>;
  /**
   * Queues the drawing of a matrix on the host, whatever the device: a function of `matrix` alone,
   * bit for bit. `into` is filled when the promise resolves.
   */
  orthogonal(matrix: NativeOrthogonal, into: Float32Array): Promise<void>;
  /**
   * Cancels what runs and what is queued (their promises reject with ERR_BNLSTM_DISPOSED), joins
   * the thread and frees all memory. Idempotent.
   */
  dispose(): void;
}

export interface NativeDevice {
  readonly name: string;
  readonly available: boolean;
  readonly why: string;
}

export interface NativeProbe {
  readonly devices: readonly NativeDevice[];
  readonly instructionSet: string;
  readonly instructionSets: readonly string[];
  readonly threads: number;
  readonly cuda: {
    readonly built: boolean;
    readonly message: string;
    /** Newest CUDA that the driver serves, 1000 major + 10 minor; 0: no driver. */
    readonly driverVersion: number;
    /** The same of the runtime in this build. */
    readonly runtimeVersion: number;
    /** The file of cuBLAS, or ''. Looked for only where there is a GPU. */
    readonly cublas: string;
    /** By device number. */
    readonly gpus: readonly NativeGpu[];
  };
}

export interface NativeGpu {
  readonly name: string;
  /** Compute capability, as '9.0'. */
  readonly capability: string;
  /** Bytes. */
  readonly memory: number;
  readonly multiprocessors: number;
}

export const cudnnAlgorithms = [
  'standard',
  'persist-static',
  'persist-dynamic',
  'persist-static-small-h',
] as const;

/** One LSTM layer of cuDNN, one direction. */
export interface NativeCudnnSettings {
  /** Number of the GPU. */
  readonly device: number;
  readonly algorithm: (typeof cudnnAlgorithms)[number];
  readonly dtype: 'f32' | 'tf32' | 'f16' | 'bf16';
  readonly steps: number;
  readonly batch: number;
  readonly features: number;
  readonly hidden: number;
  /** Measured ones. */
  readonly runs: number;
}

/** Milliseconds of each run, by the device's clock and with cold caches. */
export interface NativeCudnnTimes {
  readonly version: string;
  readonly path: string;
  /** What cuDNN said if it does not serve these settings: then nothing was timed. */
  readonly refused: string;
  /** Largest relative distance of a small layer's results from the equations in float64. */
  readonly error: number;
  readonly forward: Float32Array;
  /** Forward and backward, with all gradients. */
  readonly train: Float32Array;
  /** The same replayed as CUDA graphs; empty where cuDNN cannot be captured. */
  readonly forwardGraph: Float32Array;
  readonly trainGraph: Float32Array;
}

/** Counters for leak tests: what is alive in the whole process. */
export interface NativeCounts {
  readonly streams: number;
  readonly arrays: number;
  readonly bytes: number;
}

export interface Native {
  /** `threads` 0: the engine's choice. `tf32` is for CUDA alone; absent: false. */
  readonly Stream: new (
    device: string,
    options: { threads: number; tf32?: boolean },
  ) => NativeStream;
  probe(): NativeProbe;
  /**
   * Times cuDNN's LSTM, for the benchmark. Blocks the thread: the GPU is to do nothing else
   * meanwhile, and a kernel of cuDNN that hangs or crashes takes its process along: call it from one of its own.
   */
  cudnnLstm(settings: NativeCudnnSettings): NativeCudnnTimes;
  counts(): NativeCounts;
}

const require = createRequire(import.meta.url);
const root = join(dirname(fileURLToPath(import.meta.url)), '..');

function load(): Native {
  const override = process.env.BNLSTM_ADDON;
  try {
    if (override !== undefined) return require(override) as Native;
    return (require('node-gyp-build') as (directory: string) => Native)(root);
  } catch (cause) {
    throw new BnLstmError(
      'ERR_BNLSTM_ADDON',
      `the native addon did not load (${process.platform}-${process.arch}, Node ${process.version}): ` +
        `${(cause as Error).message}. Build it from source with: ` +
        'node node_modules/bnlstm/scripts/build.mjs (needs CMake and a C++20 compiler)',
      { cause },
    );
  }
}

let loaded: Native | undefined;

/** The addon, loaded at its first use so that importing the package cannot fail. */
export function native(): Native {
  loaded ??= load();
  return loaded;
}
