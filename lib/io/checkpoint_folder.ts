import { join } from 'node:path';
import * as check from '../check.js';
import { BnLstmError } from '../errors.js';
import { ioError, removeLeftovers } from './atomic.js';
import { type FileSystem, nodeFileSystem } from './file_system.js';
import { FolderLock } from './folder_lock.js';
import { type Tensor, writeSafetensors } from './safetensors.js';

export interface CheckpointFolderOptions {
  /** Checkpoints that are kept, the newest ones. Default 3. */
  readonly keep?: number;
  /** What went wrong without being an error. Default: nobody is told. */
  readonly onWarning?: (message: string) => void;
  readonly files?: FileSystem;
}

export interface CheckpointFile {
  /** The step after which it was written. */
  readonly index: number;
  readonly name: string;
  readonly path: string;
}

export const bestName = 'best.safetensors';
const lockName = 'lock';
const checkpointName = /^step-(\d{8,16})\.safetensors$/;

export function nameOfCheckpoint(index: number): string {
  return `step-${String(index).padStart(8, '0')}.safetensors`;
}

/** A reading that failed with one of these may succeed with an older file. */
const damage = new Set(['ERR_BNLSTM_IO', 'ERR_BNLSTM_FORMAT', 'ERR_BNLSTM_CHECKSUM']);

/**
 * The checkpoints of one training run, in a folder that one process has at a time. A file is there
 * in whole or not at all; an older one is removed only when a newer one is on the disk. Of what is
 * in the files it knows nothing.
 */
export class CheckpointFolder {
  readonly #lock: FolderLock;
  readonly #keep: number;
  readonly #files: FileSystem;
  readonly #warn: (message: string) => void;

  private constructor(
    readonly path: string,
    lock: FolderLock,
    { keep = 3, files = nodeFileSystem, onWarning = () => {} }: CheckpointFolderOptions,
  ) {
    this.#lock = lock;
    this.#keep = keep;
    this.#files = files;
    this.#warn = onWarning;
  }

  /**
   * Takes a folder, which is made if it is not there, until `close`.
   *
   * @throws ERR_BNLSTM_BUSY where another process has it, with its number; ERR_BNLSTM_IO
   */
  static async open(
    path: string,
    options: CheckpointFolderOptions = {},
  ): Promise<CheckpointFolder> {
    check.integer(options.keep ?? 3, 'keep', { min: 1 });
    const files = options.files ?? nodeFileSystem;
    try {
      await files.makeFolder(path);
    } catch (cause) {
      throw ioError(`cannot make ${path}`, cause);
    }
    const lock = await FolderLock.take(join(path, lockName), files);
    await removeLeftovers(path, files);
    return new CheckpointFolder(path, lock, options);
  }

  /** Gives the folder up to others. Idempotent. */
  close(): Promise<void> {
    return this.#lock.release();
  }

  /**
   * Writes the checkpoint of a step, then removes older ones. That one cannot be removed is a
   * warning.
   *
   * @returns the path of the file
   * @throws ERR_BNLSTM_IO: everything is as it was; ERR_BNLSTM_BUSY where another process has taken
   *   the folder over
   */
  async save(
    index: number,
    tensors: ReadonlyMap<string, Tensor>,
    metadata: Readonly<Record<string, string>>,
  ): Promise<string> {
    const name = nameOfCheckpoint(check.integer(index, 'index', { min: 0 }));
    const path = await this.#write(name, tensors, metadata); // its folder is synced then
    await this.#removeOld(index);
    return path;
  }

  /** Writes the best model so far, beside the checkpoints. As `save`. */
  saveBest(
    tensors: ReadonlyMap<string, Tensor>,
    metadata: Readonly<Record<string, string>>,
  ): Promise<string> {
    return this.#write(bestName, tensors, metadata);
  }

  /**
   * All checkpoints, oldest first.
   *
   * @throws ERR_BNLSTM_IO
   */
  async list(): Promise<CheckpointFile[]> {
    let names: string[];
    try {
      names = await this.#files.list(this.path);
    } catch (cause) {
      throw ioError(`cannot list ${this.path}`, cause);
    }
    return names
      .map((name) => ({ name, index: Number(checkpointName.exec(name)?.[1]) }))
      .filter(({ name, index }) => name === nameOfCheckpoint(index)) // NaN where it is none
      .map(({ name, index }) => ({ index, name, path: join(this.path, name) }))
      .sort((a, b) => a.index - b.index);
  }

  /**
   * The newest checkpoint that reads well. One that is damaged is passed over with a warning; an
   * error of `read` that is not of damage (of IO, format or checksum) ends the search.
   *
   * @returns what `read` gave for it; undefined where the folder has no checkpoint
   * @throws ERR_BNLSTM_FORMAT, ERR_BNLSTM_CHECKSUM or ERR_BNLSTM_IO with all reasons where none is
   *   good; what `read` throws
   */
  async newest<T>(
    read: (path: string) => T | Promise<T>,
  ): Promise<(CheckpointFile & { readonly content: T }) | undefined> {
    const failures: BnLstmError[] = [];
    for (const file of (await this.list()).reverse()) {
      try {
        const content = await read(file.path);
        for (const { message } of failures) this.#warn(`${message}; ${file.name} is used instead`);
        return { ...file, content };
      } catch (error) {
        if (!(error instanceof BnLstmError && damage.has(error.code))) throw error;
        failures.push(error);
      }
    }
    if (failures.length === 0) return undefined;
    const reasons = failures.map(({ message }) => message).join('; ');
    throw new BnLstmError(failures[0].code, `${this.path}: no checkpoint is good: ${reasons}`, {
      cause: failures[0],
    });
  }

  async #write(
    name: string,
    tensors: ReadonlyMap<string, Tensor>,
    metadata: Readonly<Record<string, string>>,
  ): Promise<string> {
    const path = join(this.path, name);
    await this.#lock.verify();
    await writeSafetensors(path, tensors, metadata, { files: this.#files });
    return path;
  }

  /** Files of later steps do not count: a run that went on from an earlier one will replace them. */
  async #removeOld(index: number): Promise<void> {
    try {
      const old = (await this.list()).filter((file) => file.index <= index).slice(0, -this.#keep);
      for (const { path } of old) await this.#files.remove(path);
    } catch (error) {
      this.#warn(`old checkpoints stay: ${(error as Error).message}`);
    }
  }
}
