import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as check from '../check.js';
import { ioError } from './atomic.js';
import {
  type FileSystem,
  nodeFileSystem,
  type OpenFile,
  syncFolder,
  writeAll,
} from './file_system.js';
import type { HistoryRecord } from './history.js';

export interface HistoryFileOptions {
  /**
   * Bytes that stay, as `sync` gave them for a checkpoint; what follows was done after it and will
   * be done again. 0: the history begins anew. Default: all whole lines stay.
   */
  readonly cutTo?: number;
  /** Of a file that is not what the checkpoint says. Default: nobody is told. */
  readonly onWarning?: (message: string) => void;
  readonly files?: FileSystem;
}

/**
 * The history of a run as it grows: JSON lines, each written at once. Numbers that are not finite
 * are written as null.
 */
export class HistoryFile {
  readonly #file: OpenFile;
  /** Writes are queued: lines never mix. */
  #last: Promise<unknown> = Promise.resolve();
  #length: number;
  /** Part of a line may follow. */
  #torn = false;

  private constructor(
    readonly path: string,
    file: OpenFile,
    length: number,
  ) {
    this.#file = file;
    this.#length = length;
  }

  /**
   * Opens a history to go on with, or a new one. A file is cut only between lines: if it is shorter
   * than `cutTo`, or has no end of a line there, then it is not the one that the checkpoint means;
   * its whole lines up to there stay, and there is a warning.
   *
   * @throws ERR_BNLSTM_IO
   */
  static async open(path: string, options: HistoryFileOptions = {}): Promise<HistoryFile> {
    const { cutTo, files = nodeFileSystem, onWarning = () => {} } = options;
    if (cutTo !== undefined) check.integer(cutTo, 'cutTo', { min: 0 });
    try {
      const bytes = await bytesOf(path);
      const length = bytes.subarray(0, cutTo).lastIndexOf(0x0a) + 1;
      if (cutTo !== undefined && length !== cutTo) {
        onWarning(
          `${path}: not the history of the checkpoint, which has ${cutTo} bytes in whole lines: ` +
            `${length} of ${bytes.length} bytes stay`,
        );
      }
      const file = await files.open(path, bytes === none ? 'wx' : 'r+');
      try {
        if (length < bytes.length) await file.truncate(length);
        await syncFolder(files, dirname(path));
      } catch (error) {
        await file.close().catch(() => {});
        throw error;
      }
      return new HistoryFile(path, file, length);
    } catch (cause) {
      throw ioError(`cannot open ${path}`, cause);
    }
  }

  /** In bytes, of all lines that were written. */
  get length(): number {
    return this.#length;
  }

  /**
   * Writes a record, after those before it.
   *
   * @throws ERR_BNLSTM_IO: the file is as it was, or will be by the next record
   */
  append(record: HistoryRecord): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    return this.#next(async () => {
      if (this.#torn) await this.#file.truncate(this.#length);
      this.#torn = true;
      await writeAll(this.#file, line, this.#length);
      this.#torn = false;
      this.#length += line.length;
    });
  }

  /**
   * Waits until all records are on the disk. To be called before a checkpoint is written that has
   * this length in it, and not after.
   *
   * @returns the length then, in bytes
   * @throws ERR_BNLSTM_IO
   */
  sync(): Promise<number> {
    return this.#next(async () => {
      await this.#file.sync();
      return this.#length;
    });
  }

  /**
   * Waits for all records.
   *
   * @throws ERR_BNLSTM_IO
   */
  close(): Promise<void> {
    return this.#next(() => this.#file.close());
  }

  #next<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#last.then(action).catch((cause) => {
      throw ioError(`cannot write ${this.path}`, cause);
    });
    this.#last = result.catch(() => {});
    return result;
  }
}

const none = Buffer.alloc(0);

async function bytesOf(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return none;
    throw error;
  }
}
