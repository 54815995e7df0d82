import { open } from 'node:fs/promises';
import * as check from '../check.js';
import { BnLstmError } from '../errors.js';
import { ioError } from './atomic.js';

/** A file, or bytes that stand for one, to be read at any place. */
export interface Bytes {
  /** For messages. */
  readonly name: string;
  readonly size: number;
  /** Fills `into` from a position. */
  read(into: Uint8Array, position: number): Promise<void>;
}

/** A file that is not as it should be. */
export function dataError(name: string, reason: string, cause?: unknown): BnLstmError {
  const options = cause === undefined ? undefined : { cause };
  return new BnLstmError('ERR_BNLSTM_DATA', `${name}: ${reason}`, options);
}

export function bytesInMemory(bytes: Uint8Array, name: string): Bytes {
  return {
    name,
    size: bytes.length,
    async read(into, position) {
      if (position + into.length > bytes.length) throw dataError(name, ends(bytes.length));
      into.set(bytes.subarray(position, position + into.length));
    },
  };
}

const ends = (position: number) => `ends at byte ${position}, within its contents`;

/** What failed while a file was read, as one of our errors. */
export function readError(name: string, cause: unknown): BnLstmError {
  if (cause instanceof BnLstmError) return cause;
  if (cause instanceof RangeError) return dataError(name, `is too large: ${cause.message}`, cause);
  return ioError(`cannot read ${name}`, cause);
}

/**
 * Reads from a file by its path, or from bytes.
 * @throws ERR_BNLSTM_IO where the file cannot be read; ERR_BNLSTM_DATA where memory is too small
 */
export async function withBytes<T>(
  source: string | Uint8Array,
  method: string,
  use: (bytes: Bytes) => Promise<T>,
): Promise<T> {
  if (source instanceof Uint8Array) {
    const name = `${method}: ${source.length} bytes`;
    return use(bytesInMemory(source, name)).catch((cause) => {
      throw readError(name, cause);
    });
  }
  const name = check.string(source, `${method}: path`);
  try {
    const file = await open(name, 'r');
    try {
      const { size } = await file.stat();
      return await use({
        name,
        size,
        async read(into, position) {
          for (let done = 0; done < into.length; ) {
            const at = position + done;
            const { bytesRead } = await file.read(into, done, into.length - done, at);
            if (bytesRead === 0) throw dataError(name, ends(at));
            done += bytesRead;
          }
        },
      });
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw readError(name, cause);
  }
}
