import { BnLstmError } from '../errors.js';
import { compile, lay } from './compile.js';
import { OutOfMemoryError } from './out_of_memory_error.js';
import type { Program } from './program.js';
import type { Recording } from './recording.js';
import { byteLength } from './value.js';

/** A batch, as far as its memory depends on the number of rows. */
export interface Fitting {
  readonly size: number;
  /** Fewer rows make no sense. */
  readonly least: number;
  /** Records the program for a batch of so many rows, for `size` and for less. */
  record(size: number): Recording;
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
  const hasRoom = (size: number) => {
    const { arena, copies } = bytesOf(batch.record(size));
    // An arena that is there serves again; it is given back only once a larger one has been made.
    return (arena <= stream.arenaBytes ? 0 : arena) + copies <= free;
  };
  const known = total > 0;
  // Where it seemed to fit, what is free says nothing of other batches.
  const largest = known && !hasRoom(batch.size) ? largestFitting(batch, hasRoom) : undefined;
  const sentences = [
    `${stream.device} has not enough memory for a batch of ${rows(batch.size)}: it needs ` +
      `${show(needed)}${known ? `, and ${show(free)} of ${show(total)} are free` : ''}`,
    ...(largest === undefined ? [] : [fits(largest, batch.least)]),
    batch.hint,
  ];
  const message = sentences.join('. ');
  return new OutOfMemoryError(message, needed, known ? free : undefined, largest, { cause });
}

/** Of the arena; and of what comes in and goes out, for the two runs that may be on their way. */
function bytesOf(recording: Recording) {
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
