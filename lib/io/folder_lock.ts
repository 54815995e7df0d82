import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { BnLstmError } from '../errors.js';
import { ioError } from './atomic.js';
import { type FileSystem, nodeFileSystem, writeAll } from './file_system.js';
import { mayBeAlive, type Owner, thisProcess } from './processes.js';

/** A lock that is not written yet gets so long to become readable, in milliseconds. */
const patience = 200;
/** Others may take over the same stale lock at the same time. */
const attempts = 10;

function parseOwner(text: string): Owner | undefined {
  try {
    const { pid, host, life } = JSON.parse(text) as Record<string, unknown>;
    const right =
      Number.isSafeInteger(pid) &&
      (pid as number) > 0 &&
      typeof host === 'string' &&
      typeof life === 'string';
    return right ? { pid: pid as number, host: host as string, life: life as string } : undefined;
  } catch {
    return undefined;
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes the lock; false where there is one. */
async function create(files: FileSystem, path: string, text: string): Promise<boolean> {
  try {
    const file = await files.open(path, 'wx');
    try {
      await writeAll(file, Buffer.from(text), 0);
    } catch (error) {
      await files.remove(path).catch(() => {});
      throw error;
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function busy(path: string, { pid, host }: Owner): BnLstmError {
  const where = host === hostname() ? '' : ` on ${host}; remove the file if it runs no more`;
  return new BnLstmError('ERR_BNLSTM_BUSY', `${path}: held by process ${pid}${where}`);
}

/**
 * A file that says which process writes in a folder. One that a process of this machine left when
 * it died is taken over; of those of other machines (or containers) nobody can tell, and they hold.
 */
export class FolderLock {
  private constructor(
    readonly path: string,
    private readonly text: string,
    private readonly files: FileSystem,
  ) {}

  /**
   * @throws ERR_BNLSTM_BUSY naming the process that holds it, this one included; ERR_BNLSTM_IO
   */
  static async take(path: string, files: FileSystem = nodeFileSystem): Promise<FolderLock> {
    const text = JSON.stringify(thisProcess());
    try {
      for (let attempt = 0; attempt < attempts; attempt++) {
        if (await create(files, path, text)) return new FolderLock(path, text, files);
        let held = await textOf(path);
        if (held !== undefined && parseOwner(held) === undefined) {
          await new Promise((resolve) => setTimeout(resolve, patience));
          held = await textOf(path);
        }
        if (held === undefined) continue;
        const owner = parseOwner(held);
        if (owner !== undefined && mayBeAlive(owner)) throw busy(path, owner);
        await removeIf(files, path, held);
      }
    } catch (cause) {
      if (cause instanceof BnLstmError) throw cause;
      throw ioError(`cannot lock ${path}`, cause);
    }
    throw new BnLstmError('ERR_BNLSTM_BUSY', `${path}: others take it again and again`);
  }

  /**
   * To be called before what must not be done by two: a lock that was removed by hand, or taken over
   * by two at the same moment, is noticed here.
   *
   * @throws ERR_BNLSTM_BUSY naming who has it now; ERR_BNLSTM_IO
   */
  async verify(): Promise<void> {
    let held: string | undefined;
    try {
      held = await textOf(this.path);
    } catch (cause) {
      throw ioError(`cannot read ${this.path}`, cause);
    }
    if (held === this.text) return;
    const owner = held === undefined ? undefined : parseOwner(held);
    if (owner !== undefined) throw busy(this.path, owner);
    throw new BnLstmError('ERR_BNLSTM_BUSY', `${this.path}: it was removed while it was held`);
  }

  /** Idempotent; a lock that another process has taken over is left to it. */
  async release(): Promise<void> {
    await removeIf(this.files, this.path, this.text).catch(() => {}); // stale soon enough
  }
}

async function removeIf(files: FileSystem, path: string, text: string): Promise<void> {
  if ((await textOf(path)) === text) await files.remove(path);
}
