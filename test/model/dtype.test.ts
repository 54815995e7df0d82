// The choice of dtype, in models whose layers need no product: those are in numeric/bf16.test.ts.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { embedding, lastStep, load } from '../../lib/index.js';
import { readSafetensors, writeSafetensors } from '../../lib/io/safetensors.js';
import { toBf16 } from '../../lib/reference/rounding.js';
import { expectError, noiseBatch, normals, trainerOf, withModel } from './support.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bnlstm-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('f32 unless told otherwise; another is refused by name', async () => {
  await withModel({ features: 3 }, [lastStep()], async (model) => {
    expect(model.dtype).toBe('f32');
    expect(model.summary()).toContain('f32');
  });
  for (const dtype of ['f16', 'BF16', 16, null]) {
    await expectError(
      () => withModel({ features: 3, dtype: dtype as never }, [lastStep()], async () => {}),
      'ERR_BNLSTM_ARGUMENT',
      /sequential: dtype: expected "f32" or "bf16"/,
    );
  }
});

test('a bf16 model rounds what comes in, and its padding stays zero', async () => {
  const batch = noiseBatch({ count: 4, lengths: Int32Array.of(6, 1, 3, 5) });
  const inputs = batch.inputs.map((value, k) => {
    const [row, step] = [Math.floor(k / 18), Math.floor(k / 3) % 6];
    return step < (batch.lengths?.[row] ?? 0) ? value : Number.NaN;
  });
  await withModel({ features: 3, dtype: 'bf16' }, [lastStep()], async (model) => {
    expect(model.dtype).toBe('bf16');
    expect(model.summary()).toContain('bf16');
    const { outputs, shape } = await model.predict({ ...batch, inputs });
    expect(shape).toEqual([4, 3]);
    const last = [6, 1, 3, 5].flatMap((length, row) => {
      const from = (row * 6 + length - 1) * 3;
      return [...batch.inputs.subarray(from, from + 3)];
    });
    expect(outputs).toEqual(Float32Array.from(last, toBf16));
  });
});

test('sequences come out batch-major, widened', async () => {
  const inputs = Int32Array.of(3, 1, 4, 1, 5, 2);
  await withModel({ vocabulary: 6, dtype: 'bf16' }, [embedding(3)], async (model) => {
    const table = normals(18, 1);
    await model.set('0.table', table);
    expect(await model.get('0.table')).toEqual(table);
    const { outputs, shape } = await model.predict({ inputs, size: 2, steps: 3 });
    expect(shape).toEqual([2, 3, 3]);
    const rows = [...inputs].flatMap((id) => [...table.subarray(id * 3, id * 3 + 3)]);
    expect(outputs).toEqual(Float32Array.from(rows, toBf16));
  });
});

test('parameters and their steps are f32', async () => {
  const batch = {
    ...{ inputs: Int32Array.of(0, 1, 2, 3), targets: Int32Array.of(1, 2, 3, 0) },
    ...{ size: 4, steps: 1 },
  };
  const layers = [embedding(4), lastStep()];
  await withModel({ vocabulary: 4, dtype: 'bf16' }, layers, async (model) => {
    const trainer = trainerOf(model, 3e-2);
    const first = await trainer.step(batch);
    let last = first;
    for (let step = 0; step < 60; step++) last = await trainer.step(batch);
    expect(last.loss).toBeLessThan(0.3 * first.loss);
    const table = await model.get('0.table');
    expect(table.some((value) => value !== toBf16(value))).toBe(true);
  });
});

test('the file keeps it, with f32 weights; files of before the choice are f32', async () => {
  const path = join(folder, 'model.safetensors');
  await withModel({ vocabulary: 4, dtype: 'bf16' }, [embedding(2)], async (model) => {
    await model.save(path);
    const again = await load(path);
    expect(again.dtype).toBe('bf16');
    expect(await again.get('0.table')).toEqual(await model.get('0.table'));
    await again.dispose();
  });
  const { tensors, metadata } = await readSafetensors(path);
  expect([...tensors.values()].map(({ dtype }) => dtype)).toEqual(['F32']);
  const withDtype = async (dtype: unknown) => {
    const config = JSON.stringify({ ...JSON.parse(metadata.config), dtype });
    await writeSafetensors(path, tensors, { ...metadata, config });
  };
  await withDtype(undefined);
  const old = await load(path);
  expect(old.dtype).toBe('f32');
  await old.dispose();
  await withDtype('f16');
  await expectError(() => load(path), 'ERR_BNLSTM_FORMAT', /dtype: expected "f32" or "bf16"/);
});
