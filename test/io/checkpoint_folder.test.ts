import { spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BnLstmError } from '../../lib/errors.js';
import { CheckpointFolder } from '../../lib/io/checkpoint_folder.js';
import { readSafetensors, type Tensor } from '../../lib/io/safetensors.js';
import { FaultyFiles } from './faulty_files.js';
import { deadPid, withFolder } from './folder.js';

const tensors = (value: number) =>
  new Map<string, Tensor>([['w', { dtype: 'F32', shape: [1], data: Float32Array.of(value) }]]);
const valueIn = async (path: string) => (await readSafetensors(path)).tensors.get('w')?.data[0];
const name = (index: number) => `step-${String(index).padStart(8, '0')}.safetensors`;

/** Changes one byte of the data. */
async function damage(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length - 1] ^= 1;
  await writeFile(path, bytes);
}

describe('CheckpointFolder', () => {
  it('keeps the newest checkpoints, the best and whatever else is there', async () => {
    await withFolder(async (parent) => {
      const path = join(parent, 'runs', 'first');
      const folder = await CheckpointFolder.open(path, { keep: 2 });
      await writeFile(join(path, 'step-1.safetensors'), 'of the user');
      await folder.saveBest(tensors(-1), {});
      for (const index of [9, 10, 200_000_000]) {
        expect(await folder.save(index, tensors(index), { step: String(index) })).toBe(
          join(path, name(index)),
        );
      }
      await folder.close();
      expect((await readdir(path)).sort()).toEqual(
        ['best.safetensors', name(10), name(200_000_000), 'step-1.safetensors'].sort(),
      );
      expect((await folder.list()).map(({ index }) => index)).toEqual([10, 200_000_000]);
      expect((await readSafetensors(join(path, name(10)))).metadata).toMatchObject({ step: '10' });
    });
  });

  it('orders steps as numbers and takes those past eight digits', async () => {
    await withFolder(async (path) => {
      const folder = await CheckpointFolder.open(path);
      for (const index of [123_456_789, 99_999_999, 0]) await folder.save(index, tensors(1), {});
      expect((await folder.list()).map(({ index }) => index)).toEqual([0, 99_999_999, 123_456_789]);
      await folder.close();
    });
  });

  it('never removes what was just written, nor later steps of a run that began again', async () => {
    await withFolder(async (path) => {
      const folder = await CheckpointFolder.open(path, { keep: 1 });
      await folder.save(30, tensors(30), {});
      await folder.save(10, tensors(10), {});
      await folder.save(20, tensors(20), {});
      expect((await folder.list()).map(({ index }) => index)).toEqual([20, 30]);
      await folder.close();
    });
  });

  it('gives the newest that reads well, with a warning for each that does not', async () => {
    await withFolder(async (path) => {
      const warnings: string[] = [];
      const onWarning = (message: string) => warnings.push(message);
      const folder = await CheckpointFolder.open(path, { onWarning });
      expect(await folder.newest(valueIn)).toBeUndefined();
      for (const index of [1, 2, 3]) await folder.save(index, tensors(index * 10), {});
      expect(await folder.newest(valueIn)).toMatchObject({ index: 3, name: name(3), content: 30 });
      expect(warnings).toEqual([]);
      await damage(join(path, name(3)));
      await writeFile(join(path, name(2)), '');
      expect(await folder.newest(valueIn)).toMatchObject({ index: 1, content: 10 });
      expect(warnings).toEqual([
        expect.stringMatching(
          /step-00000003\.safetensors: its sha256 is .*00000001.* used instead/,
        ),
        expect.stringMatching(/step-00000002\.safetensors: 0 bytes are too few.* used instead/),
      ]);
      await damage(join(path, name(1)));
      await expect(folder.newest(valueIn)).rejects.toMatchObject({
        code: 'ERR_BNLSTM_CHECKSUM',
        message: expect.stringMatching(
          /no checkpoint is good: .*3\.safe.*; .*2\.safe.*; .*1\.safe/,
        ),
      });
      await folder.close();
    });
  });

  it('does not go back where a checkpoint is sound but not the right one', async () => {
    await withFolder(async (path) => {
      const folder = await CheckpointFolder.open(path);
      for (const index of [1, 2]) await folder.save(index, tensors(index), {});
      const read: string[] = [];
      const other = new BnLstmError('ERR_BNLSTM_CHECKPOINT', 'of another model');
      const reading = folder.newest((path) => {
        read.push(path);
        throw other;
      });
      await expect(reading).rejects.toBe(other);
      expect(read).toEqual([join(path, name(2))]);
      await folder.close();
    });
  });

  it('refuses wrong options', async () => {
    await withFolder(async (path) => {
      const keepNone = CheckpointFolder.open(path, { keep: 0 });
      await expect(keepNone).rejects.toMatchObject({ code: 'ERR_BNLSTM_ARGUMENT' });
      expect(await readdir(path)).toEqual([]);
      await writeFile(join(path, 'file'), '');
      await expect(CheckpointFolder.open(join(path, 'file', 'folder'))).rejects.toMatchObject({
        code: 'ERR_BNLSTM_IO',
        message: expect.stringMatching(/cannot make .*folder: ENOTDIR/),
      });
    });
  });
});

describe('CheckpointFolder where the file system fails', () => {
  const indices = [1, 2, 3];

  /** Saves 1 to 3 and keeps one; the faults are in the last save. */
  async function withFaults(
    call: number,
    check: (
      files: FaultyFiles,
      saving: Promise<string>,
      path: string,
      warnings: string[],
    ) => unknown,
  ): Promise<void> {
    await withFolder(async (path) => {
      const before = await CheckpointFolder.open(path, { keep: 1 });
      for (const index of indices.slice(0, 2)) await before.save(index, tensors(index), {});
      await before.close();
      const warnings: string[] = [];
      const files = new FaultyFiles({ call: call + openCalls, errno: 'EIO' });
      const onWarning = (message: string) => warnings.push(message);
      const folder = await CheckpointFolder.open(path, { keep: 1, files, onWarning });
      await check(files, folder.save(3, tensors(3), {}), path, warnings);
      await folder.close();
    });
  }
  /** Of `open`: the folder, the lock, leftovers. */
  const openCalls = 5;

  it('never loses the checkpoint before, and removal is no part of a save', async () => {
    const seen: string[] = [];
    for (let call = 1; call <= 12; call++) {
      await withFaults(call, async (files, saving, path, warnings) => {
        const error = await saving.then(
          () => undefined,
          (reason: unknown) => reason,
        );
        seen.push(files.failed ?? 'none');
        const names = (await readdir(path)).filter((file) => file !== 'lock');
        const renamed = seen.length > seen.indexOf('rename') + 1 && seen.includes('rename');
        if (error === undefined) {
          // Only what is not needed has failed: leftovers, the folder's closing, the removal.
          expect(names).toEqual(call > 10 ? [name(2), name(3)] : [name(3)]);
          expect(warnings.length).toBe(call > 10 ? 1 : 0);
        } else {
          expect(error).toMatchObject({
            code: 'ERR_BNLSTM_IO',
            message: expect.stringMatching(/3\.safetensors: EIO/),
          });
          expect(names).toEqual(renamed ? [name(2), name(3)] : [name(2)]);
        }
        expect(await valueIn(join(path, name(2))).catch(() => 'removed')).toBe(
          names.includes(name(2)) ? 2 : 'removed',
        );
      });
    }
    const write = ['open', 'write', 'write', 'sync', 'close', 'rename', 'open', 'sync', 'close'];
    expect(seen).toEqual(['list', ...write, 'list', 'remove']);
  });
});

describe('the lock of a folder', () => {
  it('is held by one, who is named, until it is given up', async () => {
    await withFolder(async (path) => {
      const folder = await CheckpointFolder.open(path);
      await expect(CheckpointFolder.open(path)).rejects.toMatchObject({
        code: 'ERR_BNLSTM_BUSY',
        message: `${join(path, 'lock')}: held by process ${process.pid}`,
      });
      await folder.close();
      await folder.close();
      await (await CheckpointFolder.open(path)).close();
      expect(await readdir(path)).toEqual([]);
    });
  });

  const holder = (owner: object) =>
    JSON.stringify({ pid: 1, host: hostname(), life: '', ...owner });

  it('is taken over from the dead, and from nobody else', async () => {
    const sleeper = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    try {
      await withFolder(async (path) => {
        const lock = join(path, 'lock');
        const free = async (text: string) => {
          await writeFile(lock, text);
          await (await CheckpointFolder.open(path)).close();
          expect(await readdir(path)).toEqual([]);
        };
        const busy = async (text: string, message: RegExp) => {
          await writeFile(lock, text);
          await expect(CheckpointFolder.open(path)).rejects.toMatchObject({
            code: 'ERR_BNLSTM_BUSY',
            message: expect.stringMatching(message),
          });
          expect(await readFile(lock, 'utf8')).toBe(text);
        };
        const pid = sleeper.pid ?? 0;
        await busy(holder({ pid }), new RegExp(`held by process ${pid}$`));
        await free(holder({ pid: deadPid() }));
        await busy(holder({ pid: deadPid(), host: 'elsewhere' }), /on elsewhere; remove the file/);
        if (process.platform === 'linux') {
          await free(holder({ pid, life: 'of an earlier process of that number' }));
          await free(holder({ pid: process.pid, life: 'before the container began again' }));
        }
        for (const text of ['', '{', 'null', '[1]', '{"pid":1}', holder({ pid: -1 }), '\0\xff']) {
          await free(text);
        }
      });
    } finally {
      sleeper.kill('SIGKILL');
    }
  });

  it('that was lost is noticed by the next save', async () => {
    await withFolder(async (path) => {
      const folder = await CheckpointFolder.open(path);
      await writeFile(join(path, 'lock'), holder({ pid: 4711 }));
      await expect(folder.save(1, tensors(1), {})).rejects.toMatchObject({
        code: 'ERR_BNLSTM_BUSY',
        message: expect.stringContaining('held by process 4711'),
      });
      await folder.close();
      expect(await readdir(path)).toEqual(['lock']);
    });
  });
});
