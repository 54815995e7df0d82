import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';

/** A file that is open for writing. */
export interface OpenFile {
  /** Writes some of `bytes` from a position of the file on, and says how many. */
  write(bytes: Uint8Array, position: number): Promise<number>;
  truncate(length: number): Promise<void>;
  /** Returns when everything is on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The calls by which files are changed, and no others: a test can make each one fail in turn, as a
 * full or broken disk does.
 */
export interface FileSystem {
  /** 'wx' makes a file that was not there, 'r+' opens one to be changed, 'r' a folder to be synced. */
  open(path: string, flags: 'wx' | 'r+' | 'r'): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  /** Of a file; that it is not there is no error. */
  remove(path: string): Promise<void>;
  /** Names in a folder. */
  list(folder: string): Promise<string[]>;
  /** Makes a folder and those above it where they are not there. */
  makeFolder(path: string): Promise<void>;
}

export const nodeFileSystem: FileSystem = {
  async open(path, flags) {
    const file = await open(path, flags);
    return {
      async write(bytes, position) {
        return (await file.write(bytes, 0, bytes.length, position)).bytesWritten;
      },
      truncate: (length) => file.truncate(length),
      sync: () => file.sync(),
      close: () => file.close(),
    };
  },
  rename,
  remove: (path) => rm(path, { force: true }),
  list: (folder) => readdir(folder),
  async makeFolder(path) {
    await mkdir(path, { recursive: true });
  },
};

/** Node refuses more than 2 GiB in one call. */
const largestWrite = 2 ** 30;

/**
 * Writes all of `bytes`, in as many calls as the system wants.
 *
 * @returns the position after them
 */
export async function writeAll(
  file: OpenFile,
  bytes: Uint8Array,
  position: number,
): Promise<number> {
  for (let done = 0; done < bytes.length; ) {
    const written = await file.write(bytes.subarray(done, done + largestWrite), position + done);
    if (written === 0) throw new Error('EIO: the system took no bytes, write');
    done += written;
  }
  return position + bytes.length;
}

/** Some file systems, mostly of networks, have no sync of folders. */
const unsupported = new Set(['EINVAL', 'ENOTSUP']);

/** Makes the names in a folder last: after a power cut, files that were renamed are where they are. */
export async function syncFolder(files: FileSystem, path: string): Promise<void> {
  // Windows cannot open a folder; its rename is durable enough by itself.
  if (process.platform === 'win32') return;
  const folder = await files.open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    if (!unsupported.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await folder.close().catch(() => {}); // nothing was written by it
  }
}
