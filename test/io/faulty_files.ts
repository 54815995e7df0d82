import { type FileSystem, nodeFileSystem, type OpenFile } from '../../lib/io/file_system.js';

export interface Fault {
  /** Which call fails, counted from 1. */
  readonly call: number;
  readonly errno: 'EIO' | 'ENOSPC' | 'EDQUOT';
  /** Whether all that follow fail too, as on a disk that is gone. */
  readonly forGood?: boolean;
}

/**
 * The real file system, in which the n-th call of any kind fails. A write that fails writes half of
 * its bytes before, as a disk that becomes full does.
 */
export class FaultyFiles implements FileSystem {
  /** `open`, `write` and so on, with the last part of the path. */
  readonly calls: string[] = [];
  /** What was to fail. */
  failed: string | undefined;
  readonly #fault: Fault | undefined;
  readonly #largestWrite: number;

  constructor(fault?: Fault, largestWrite = Number.POSITIVE_INFINITY) {
    this.#fault = fault;
    this.#largestWrite = largestWrite;
  }

  #error(name: string): Error | undefined {
    this.calls.push(name);
    const { call, errno, forGood } = this.#fault ?? { call: 0, errno: 'EIO' };
    const fails = this.calls.length === call || (forGood && this.calls.length > call);
    if (!fails) return undefined;
    this.failed ??= name;
    return Object.assign(new Error(`${errno}: made to fail, ${name}`), { code: errno });
  }

  async #do<T>(name: string, action: () => Promise<T>): Promise<T> {
    const error = this.#error(name);
    if (error) throw error;
    return action();
  }

  async open(path: string, flags: 'wx' | 'r+' | 'r'): Promise<OpenFile> {
    const file = await this.#do('open', () => nodeFileSystem.open(path, flags));
    return {
      write: async (bytes, position) => {
        const error = this.#error('write');
        const some = bytes.subarray(0, error ? bytes.length / 2 : this.#largestWrite);
        const written = await file.write(some, position);
        if (error) throw error;
        return written;
      },
      truncate: (length) => this.#do('truncate', () => file.truncate(length)),
      sync: () => this.#do('sync', () => file.sync()),
      // A file is closed even where that gives an error (close(2)).
      close: async () => {
        const error = this.#error('close');
        await file.close();
        if (error) throw error;
      },
    };
  }

  rename(from: string, to: string): Promise<void> {
    return this.#do('rename', () => nodeFileSystem.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#do('remove', () => nodeFileSystem.remove(path));
  }

  list(folder: string): Promise<string[]> {
    return this.#do('list', () => nodeFileSystem.list(folder));
  }

  makeFolder(path: string): Promise<void> {
    return this.#do('makeFolder', () => nodeFileSystem.makeFolder(path));
  }
}

export const errnos = ['EIO', 'ENOSPC', 'EDQUOT'] as const;
