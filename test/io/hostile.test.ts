import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { BnLstmError, crossEntropy, linear, load, lstm, sequential, sgd } from '../../lib/index.js';
import { readSafetensors, writeSafetensors } from '../../lib/io/safetensors.js';
import { native } from '../../lib/native.js';
import { withFolder } from './folder.js';
import { goodModel, hostileFiles, hostileModels } from './hostile_cases.js';

const folder = fileURLToPath(new URL('hostile', import.meta.url));
const all = [...hostileFiles, ...hostileModels];
const pathOf = (name: string) => join(folder, `${name}.safetensors`);

if (process.env.BNLSTM_UPDATE_HOSTILE === '1') {
  await mkdir(folder, { recursive: true });
  for (const { name, bytes } of all) await writeFile(pathOf(name), bytes);
  await writeFile(pathOf('good'), goodModel);
}

async function errorOf(run: () => Promise<unknown>): Promise<unknown> {
  const before = native().counts().streams;
  const error = await run().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(native().counts().streams).toBe(before);
  return error;
}

describe('hostile files', () => {
  it('are those of the folder, as this version makes them', async () => {
    const names = ['good', ...all.map(({ name }) => name)].map((name) => `${name}.safetensors`);
    expect((await readdir(folder)).sort()).toEqual(names.sort());
    for (const { name, bytes } of all) {
      expect(bytes.equals(await readFile(pathOf(name))), name).toBe(true);
    }
  });

  it('differ from one that is in order', async () => {
    const model = await load(pathOf('good'), { device: 'cpu' });
    expect((await model.get('1.b'))[1]).toBe(10 / 8);
    await model.dispose();
  });

  it.each(all)('$name gives $code', async ({ name, code, message }) => {
    const error = await errorOf(() => load(pathOf(name), { device: 'cpu' }));
    expect(error).toBeInstanceOf(BnLstmError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect((error as Error).message.length).toBeLessThan(1000);
    if (code !== 'ERR_BNLSTM_OUT_OF_MEMORY')
      expect((error as Error).message).toContain(pathOf(name));
  });

  it.each(hostileFiles)('$name is no safetensors file', async ({ name, code, message }) => {
    const error = { code, message: expect.stringMatching(message) };
    await expect(readSafetensors(pathOf(name))).rejects.toMatchObject(error);
  });

  it.each(hostileModels)('$name is one', async ({ name }) => {
    await readSafetensors(pathOf(name));
  });

  it('of checkpoints may be too deep to be compared', () =>
    withFolder(async (temporary) => {
      const path = join(temporary, 'checkpoint.safetensors');
      const options = { features: 1, device: 'cpu' };
      const model = await sequential(options, [lstm({ hidden: 1 }), linear(2)]);
      const trainer = model.trainer({ loss: crossEntropy(), optimizer: sgd({ learningRate: 1 }) });
      await trainer.save(path);
      const { tensors, metadata } = await readSafetensors(path);
      const deep = '['.repeat(100_000) + ']'.repeat(100_000);
      for (const [key, from] of [
        ['training', '"trainer":{'],
        ['config', '"options":{'],
      ]) {
        const changed = metadata[key].replace(from, `${from}"x":${deep},`);
        expect(changed).not.toBe(metadata[key]);
        await writeSafetensors(path, tensors, { ...metadata, [key]: changed });
        const error = await errorOf(() => trainer.restore(path));
        expect(error).toMatchObject({ code: 'ERR_BNLSTM_FORMAT' });
        expect((error as Error).message).toContain(path);
      }
      await model.dispose();
    }));

  it('with a header of more than the limit is refused before the header is read', () =>
    withFolder(async (temporary) => {
      const path = join(temporary, 'large.safetensors');
      const file = await open(path, 'wx');
      const prefix = Buffer.alloc(8);
      prefix.writeBigUInt64LE(100_000_001n);
      await file.write(prefix);
      await file.truncate(200_000_000); // takes no room on the disk
      await file.close();
      await expect(readSafetensors(path)).rejects.toMatchObject({
        code: 'ERR_BNLSTM_FORMAT',
        message: expect.stringMatching(/claims 100000001 bytes, at most 100000000 are possible/),
      });
    }));
});
