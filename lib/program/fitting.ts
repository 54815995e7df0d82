import { BnLstmError } from '../errors.js';
import type { RecomputeMode } from '../recompute.js';
import { compile, lay } from './compile.js';
import { OutOfMemoryError } from './out_of_memory_error.js';
import type { Program } from './program.js';
import type { Recording } from './recording.js';
import { byteLength } from './value.js';

/** Share of what is free that is left for the engine's own workspace, and for fragments. */
const spare = 1 / 16;

/** A batch, as far as its memory depends on the number of rows. */
export interface Fitting {
  readonly size: number;
  /** Fewer rows make no sense. */
  readonly least: number;
  /** Records the program for a batch of so many rows, for `size` and for less. */
  record(size: number): Recording;
  /** The same batch with other `recompute`, the fastest first. */
  readonly modes?: readonly { readonly mode: RecomputeMode; record(): Recording }[];
  /** What else takes less memory, as a clause. */
  readonly hint: string;
}

/**
 * Compiles the program of a batch.
 * @throws OutOfMemoryError with the largest batch that fits
 */
export function compileFitting(batch: Fitting): Program {
  const recording = batch.record(batch.size);
  try {
    return compile(recording);
  } catch (error) {
    if (!(error instanceof BnLstmError) || error.code !== 'ERR_BNLSTM_OUT_OF_MEMORY') throw error;
    throw explain(batch, recording, error);
  }
}

function explain(batch: Fitting, recording: Recording, cause: BnLstmError): OutOfMemoryError {
  const { stream } = recording;
  const { free, total } = stream.memory();
  const { arena, copies } = bytesOf(recording);
  const needed = arena + copies;
  const hasRoom = (recorded: Recording) => {
    const { arena, copies } = bytesOf(recorded);
    // An arena that is there serves again; it is given back only once a larger one has been made.
    const more = (arena <= stream.arenaBytes ? 0 : arena) + copies;
    return more <= (1 - spare) * free;
  };
  const known = total > 0;
  // Where all of it seemed to fit, what is free says nothing of others.
  const short = known && !hasRoom(recording);
  const largest = short ? largestFitting(batch, (size) => hasRoom(batch.record(size))) : undefined;
  const lighter = short ? batch.modes?.find(({ record }) => hasRoom(record())) : undefined;
  const sentences = [
    `${stream.device} has not enough memory for a batch of ${rows(batch.size)}: it needs ` +
      `${show(needed)}${known ? `, and ${show(free)} of ${show(total)} are free` : ''}`,
    ...(lighter ? [`All of it fits with recompute: '${lighter.mode}'`] : []),
    ...(largest === undefined ? [] : [fits(largest, batch.least)]),
    batch.hint,
  ];
  const found = { needed, free: known ? free : undefined, largestBatch: largest };
  return new OutOfMemoryError(sentences.join('. '), { ...found, mode: lighter?.mode }, { cause });
}

/** Of the arena; and of what comes in and goes out, for the two runs that may be on their way. */
export function bytesOf(recording: Recording) {
  const transfers = [...recording.inputs, ...recording.outputs];
  const bytes = transfers.reduce((sum, { value }) => sum + byteLength(value.dtype, value.shape), 0);
  return { arena: lay(recording).arenaBytes, copies: 2 * bytes };
}

/** Memory grows with the rows; 0 where not even the least fit. */
function largestFitting({ size, least }: Fitting, hasRoom: (size: number) => boolean): number {
  let [fitting, tooLarge] = [least - 1, size];
  while (tooLarge - fitting > 1) {
    const middle = Math.floor((fitting + tooLarge) / 2);
    if (hasRoom(middle)) fitting = middle;
    else tooLarge = middle;
  }
  return fitting < least ? 0 : fitting;
}

function fits(largest: number, least: number): string {
  return largest === 0
    ? `Not even ${rows(least)} would fit`
    : `The largest batch that fits has ${rows(largest)}`;
}

function rows(count: number): string {
  return count === 1 ? '1 row' : `${count} rows`;
}

function show(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  return mebibytes < 1 ? `${bytes} bytes` : `${mebibytes.toFixed(1)} MiB`;
}
