import { createHash } from 'node:crypto';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replaceFile } from '../../lib/io/atomic.js';
import { errnos, FaultyFiles } from './faulty_files.js';
import { deadPid, withFolder } from './folder.js';

const oldBytes = Buffer.from('old bytes, of which none may be lost');
const newBytes = Buffer.alloc(1000, 'new');
const chunks = [newBytes.subarray(0, 300), Buffer.alloc(0), newBytes.subarray(300)];

describe('replaceFile', () => {
  it('replaces a file and leaves nothing else', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'model.safetensors');
      await writeFile(path, 'old and longer');
      await replaceFile(path, [Buffer.from('ne'), Buffer.alloc(0), Buffer.from('w')]);
      expect(await readFile(path, 'utf8')).toBe('new');
      expect(await readdir(folder)).toEqual(['model.safetensors']);
    }));

  it('leaves the old file and no other when it fails half-way', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'model.safetensors');
      await writeFile(path, 'old');
      const chunks = function* () {
        yield Buffer.from('half');
        throw new Error('no more');
      };
      await expect(replaceFile(path, chunks())).rejects.toMatchObject({
        code: 'ERR_BNLSTM_IO',
        message: expect.stringMatching(/cannot write .*model\.safetensors: no more/),
      });
      expect(await readFile(path, 'utf8')).toBe('old');
      expect(await readdir(folder)).toEqual(['model.safetensors']);
    }));

  it('leaves the target and no other file when it cannot be replaced', () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, 'file'), 'x');
      await expect(replaceFile(folder, [Buffer.from('new')])).rejects.toMatchObject({
        code: 'ERR_BNLSTM_IO',
        cause: { code: expect.stringMatching(/EISDIR|ENOTEMPTY/) },
      });
      expect(await readdir(folder)).toEqual(['file']);
      const siblings = await readdir(dirname(folder));
      expect(siblings.filter((name) => name.startsWith(basename(folder)))).toHaveLength(1);
    }));

  it('names path and errno when there is no such folder', () =>
    withFolder(async (folder) => {
      const nowhere = join(folder, 'no', 'model');
      await expect(replaceFile(nowhere, [])).rejects.toMatchObject({
        message: expect.stringContaining(`cannot write ${nowhere}: ENOENT`),
        cause: { code: 'ENOENT' },
      });
    }));
});

describe('replaceFile where the file system fails', () => {
  const count = async () => {
    const files = new FaultyFiles();
    await withFolder((folder) => replaceFile(join(folder, 'file'), chunks, files));
    return files.calls;
  };

  it('makes the calls that a file needs to last', async () => {
    const file = ['open', 'write', 'write', 'sync', 'close'];
    expect(await count()).toEqual(['list', ...file, 'rename', 'open', 'sync', 'close']);
  });

  it.each(errnos)('leaves the old file or the new one, whichever call gives %s', async (errno) => {
    const calls = await count();
    for (let call = 1; call <= calls.length; call++) {
      await withFolder(async (folder) => {
        const path = join(folder, 'file');
        await writeFile(path, oldBytes);
        const files = new FaultyFiles({ call, errno });
        const saving = replaceFile(path, chunks, files);
        // Leftovers may stay, and the folder was only read.
        if (call === 1 || call === calls.length) await saving;
        else {
          await expect(saving).rejects.toMatchObject({
            code: 'ERR_BNLSTM_IO',
            message: expect.stringContaining(`cannot write ${path}: ${errno}`),
            cause: { code: errno },
          });
        }
        expect(files.failed).toBe(calls[call - 1]);
        const renamed = call === 1 || call > calls.indexOf('rename') + 1;
        expect(await readFile(path)).toEqual(renamed ? newBytes : oldBytes);
        expect(await readdir(folder)).toEqual(['file']);
      });
    }
  });

  it('leaves no file where there was none', async () => {
    const calls = await count();
    for (let call = 2; call <= calls.indexOf('rename') + 1; call++) {
      await withFolder(async (folder) => {
        const files = new FaultyFiles({ call, errno: 'EIO' });
        await expect(replaceFile(join(folder, 'file'), chunks, files)).rejects.toThrow('EIO');
        expect(await readdir(folder)).toEqual([]);
      });
    }
  });

  it('keeps the old file where all fails from some call on, and tells of the first', async () => {
    const calls = await count();
    for (let call = 2; call < calls.length; call++) {
      await withFolder(async (folder) => {
        const path = join(folder, 'file');
        await writeFile(path, oldBytes);
        const files = new FaultyFiles({ call, errno: 'EIO', forGood: true });
        await expect(replaceFile(path, chunks, files)).rejects.toThrow(
          `EIO: made to fail, ${calls[call - 1]}`,
        );
        const renamed = call > calls.indexOf('rename') + 1;
        expect(await readFile(path)).toEqual(renamed ? newBytes : oldBytes);
      });
    }
  });

  it('goes on after writes that were short', async () => {
    await withFolder(async (folder) => {
      const files = new FaultyFiles(undefined, 7);
      await replaceFile(join(folder, 'file'), chunks, files);
      expect(await readFile(join(folder, 'file'))).toEqual(newBytes);
      expect(files.calls.filter((call) => call === 'write').length).toBe(43 + 100);
    });
  });

  it('ends where the system takes nothing', async () => {
    await withFolder(async (folder) => {
      const files = new FaultyFiles(undefined, 0);
      await expect(replaceFile(join(folder, 'file'), chunks, files)).rejects.toThrow(/took no/);
      expect(await readdir(folder)).toEqual([]);
    });
  });
});

describe('what a process leaves that died', () => {
  const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);

  it('is removed by the next save in the folder, and nothing else is', async () => {
    await withFolder(async (folder) => {
      const dead = deadPid();
      const leftover = [`model.${host}-${dead}-01234567.tmp`, `b.c.${host}-${dead}-89abcdef.tmp`];
      const others = [
        `model.${host}-${process.ppid}-01234567.tmp`, // alive
        `model.${host}-${process.pid}-01234567.tmp`, // ours, of now
        `model.ffffffff-${dead}-01234567.tmp`, // of another machine
        `model.${host}-${dead}-0123456.tmp`,
        `model.${host}-${dead}-01234567.tmp.gz`,
        'model.tmp',
      ];
      for (const name of [...leftover, ...others]) await writeFile(join(folder, name), 'x');
      await replaceFile(join(folder, 'file'), chunks);
      expect((await readdir(folder)).sort()).toEqual([...others, 'file'].sort());
    });
  });

  it('is known where the process had our number, in a container that was started again', async () => {
    await withFolder(async (folder) => {
      const before = join(folder, `model.${host}-${process.pid}-01234567.tmp`);
      await writeFile(before, 'x');
      const start = new Date(Date.now() - process.uptime() * 1000 - 60_000);
      await utimes(before, start, start);
      await replaceFile(join(folder, 'file'), chunks);
      expect(await readdir(folder)).toEqual(['file']);
    });
  });

  it('has the form that is looked for', async () => {
    await withFolder(async (folder) => {
      let seen = '';
      const files = new FaultyFiles();
      const open = files.open.bind(files);
      files.open = (path, flags) => {
        if (flags === 'wx') seen = basename(path);
        return open(path, flags);
      };
      await replaceFile(join(folder, 'file'), chunks, files);
      expect(seen).toMatch(new RegExp(`^file\\.${host}-${process.pid}-[0-9a-f]{8}\\.tmp$`));
    });
  });
});
