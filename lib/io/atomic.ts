import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BnLstmError } from '../errors.js';

/** Wraps a failure of the file system; its message has the errno and the path already. */
export function ioError(what: string, cause: unknown): BnLstmError {
  return new BnLstmError('ERR_BNLSTM_IO', `${what}: ${(cause as Error).message}`, { cause });
}

async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory; its rename is durable enough by itself.
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * Replaces a file in one piece: whoever reads `path`, even after a crash, finds the old bytes or
 * the new ones. They are written beside it, synced, and renamed. On failure `path` is as it was and
 * the temporary file is gone; only if the last sync, that of the folder, fails is the new file in
 * place but perhaps lost by a power cut.
 *
 * @throws ERR_BNLSTM_IO naming path and errno
 */
export async function replaceFile(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      for (const chunk of chunks) await file.writeFile(chunk); // each from where the last ended
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {}); // the first failure is the one to tell
    throw ioError(`cannot write ${path}`, cause);
  }
}
