import { createHash, randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { BnLstmError } from '../errors.js';
import { type FileSystem, nodeFileSystem, syncFolder, writeAll } from './file_system.js';
import { pidIsAlive } from './processes.js';

/** Wraps a failure of the file system; its message has the errno and the path already. */
export function ioError(what: string, cause: unknown): BnLstmError {
  return new BnLstmError('ERR_BNLSTM_IO', `${what}: ${(cause as Error).message}`, { cause });
}

/** Process numbers mean something on one machine, or in one container, only. */
const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const temporaryName = /\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.tmp$/;

function temporaryFor(path: string): string {
  return `${path}.${host}-${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
}

/** Whether a name is that of a temporary file of this machine whose process has died. */
async function isLeftover(folder: string, name: string): Promise<boolean> {
  const [, owner, pid] = temporaryName.exec(name) ?? [];
  if (owner !== host) return false;
  if (Number(pid) !== process.pid) return !pidIsAlive(Number(pid));
  // Ours, or of an earlier process of our number: in a container that was started again.
  const { mtimeMs } = await stat(join(folder, name));
  return mtimeMs < Date.now() - process.uptime() * 1000 - 1000;
}

/** Removes what processes that died while they wrote have left in a folder, as far as it can. */
export async function removeLeftovers(folder: string, files = nodeFileSystem): Promise<void> {
  try {
    for (const name of await files.list(folder)) {
      if (await isLeftover(folder, name)) await files.remove(join(folder, name));
    }
  } catch {
    // They cost room, and nothing else.
  }
}

async function writeNew(
  files: FileSystem,
  path: string,
  chunks: Iterable<Uint8Array>,
): Promise<void> {
  const file = await files.open(path, 'wx');
  try {
    let position = 0;
    for (const chunk of chunks) position = await writeAll(file, chunk, position);
    await file.sync();
  } catch (error) {
    await file.close().catch(() => {}); // the first failure is the one to tell
    throw error;
  }
  await file.close();
}

/**
 * Replaces a file in one piece: whoever reads `path`, even after a crash, finds the old bytes or
 * the new ones. They are written beside it, synced, and renamed. On failure `path` is as it was and
 * the temporary file is gone; only if the last sync, that of the folder, fails is the new file in
 * place but perhaps lost by a power cut. What a process that was killed left here is removed.
 *
 * @throws ERR_BNLSTM_IO naming path and errno
 */
export async function replaceFile(
  path: string,
  chunks: Iterable<Uint8Array>,
  files: FileSystem = nodeFileSystem,
): Promise<void> {
  const folder = dirname(path);
  const temporary = temporaryFor(path);
  try {
    await removeLeftovers(folder, files);
    await writeNew(files, temporary, chunks);
    await files.rename(temporary, path);
    await syncFolder(files, folder);
  } catch (cause) {
    await files.remove(temporary).catch(() => {}); // the first failure is the one to tell
    throw ioError(`cannot write ${path}`, cause);
  }
}
