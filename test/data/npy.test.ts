import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NpyDataOptions, npyData, npzData } from '../../lib/data/npy.js';
import { expectError } from '../model/support.js';
import { all } from './contract.js';

type Numbers = Float32Array | Int32Array | Uint8Array;
interface Contents {
  readonly shape: readonly number[];
  readonly data: Numbers;
}

function npy({ shape, data }: Contents): Uint8Array {
  const type = data instanceof Float32Array ? '<f4' : data instanceof Int32Array ? '<i4' : '|u1';
  const extents = shape.map((extent) => `${extent},`).join('');
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${extents}), }\n`;
  const lead = Buffer.from([0x93, 78, 85, 77, 80, 89, 1, 0, header.length, 0]);
  return Buffer.concat([lead, Buffer.from(header), new Uint8Array(data.buffer)]);
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bnlstm-npydata-'));
});
afterAll(() => rm(folder, { recursive: true }));

const f =
  (...shape: number[]) =>
  (data: number[]) => ({ shape, data: Float32Array.from(data) });
const i =
  (...shape: number[]) =>
  (data: number[]) => ({ shape, data: Int32Array.from(data) });
const u =
  (...shape: number[]) =>
  (data: number[]) => ({ shape, data: Uint8Array.from(data) });

/** From files of these arrays. */
async function read(
  arrays: Record<string, Contents>,
  options: Omit<NpyDataOptions, 'inputs'> = {},
) {
  const paths: Record<string, string> = {};
  for (const [name, array] of Object.entries(arrays)) {
    paths[name] = join(folder, `${name}.npy`);
    await writeFile(paths[name], npy(array));
  }
  return npyData({ inputs: '', ...paths, ...options });
}

describe('npyData', () => {
  it('reads reals with classes', async () => {
    const inputs = f(2, 2, 3)([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    const data = await read({ inputs, targets: i(2)([1, 4]) });
    expect(data.form).toEqual({
      count: 2,
      steps: 2,
      lengths: false,
      inputs: 'reals',
      features: 3,
      targets: 'classes',
      classes: 5,
      perStep: false,
    });
    expect(all(data, { batchSize: 2 })).toEqual([
      { inputs: inputs.data, targets: Int32Array.of(1, 4), size: 2, steps: 2 },
    ]);
  });

  it('reads token ids with lengths, classes of steps and a mask; padding may hold anything', async () => {
    const data = await read(
      {
        inputs: i(2, 3)([3, -1, -1, 4, 5, -1]),
        lengths: i(2)([1, 2]),
        targets: i(2, 3)([1, -1, -1, 2, -100, 9]),
        mask: f(2, 3)([1, 1, 1, 1, 0, 1]),
      },
      { bucketBatches: 4, stepMultiple: 4 },
    );
    expect(data.form).toMatchObject({ inputs: 'tokens', vocabulary: 6, classes: 3, perStep: true });
    expect(data.form).toMatchObject({ lengths: true, steps: 2 });
    expect(all(data, { batchSize: 2 })).toEqual([
      {
        inputs: Int32Array.of(3, 0, 0, 0, 4, 5, 0, 0),
        targets: Int32Array.of(1, 0, 0, 0, 2, 0, 0, 0),
        mask: Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0),
        lengths: Int32Array.of(1, 2),
        size: 2,
        steps: 4,
      },
    ]);
  });

  it('takes bytes for pixels, and what it is told', async () => {
    const inputs = u(1, 2)([51, 255]);
    const batch = async (options: object) =>
      all(await read({ inputs }, options), { batchSize: 1 })[0];
    expect((await batch({})).inputs).toEqual(Float32Array.of(0.2, 1));
    expect((await batch({ byteScale: 1 })).inputs).toEqual(Float32Array.of(51, 255));
    expect((await batch({ tokens: true })).inputs).toEqual(Int32Array.of(51, 255));
    const whole = await read({ inputs: i(1, 2)([1, -2]) }, { tokens: false });
    expect(all(whole, { batchSize: 1 })[0].inputs).toEqual(Float32Array.of(1, -2));
  });

  it.each([
    [f(2)([1, 2]), {}, { targets: 'reals', width: 1, perStep: false }],
    [f(2, 3)([1, 2, 3, 4, 5, 6]), {}, { targets: 'reals', width: 3, perStep: false }],
    [f(2, 2, 1)([1, 2, 3, 4]), {}, { targets: 'reals', width: 1, perStep: true }],
    [i(2, 1)([1, 2]), {}, { targets: 'classes', classes: 3, perStep: false }],
    [u(2, 2)([1, 2, 0, 0]), {}, { targets: 'classes', classes: 3, perStep: true }],
    [f(2)([1, 2]), { targetKind: 'classes' }, { targets: 'classes', classes: 3, perStep: false }],
    [i(2)([1, 2]), { targetKind: 'reals' }, { targets: 'reals', width: 1, perStep: false }],
  ] as const)('reads targets %#', async (targets, options, form) => {
    const data = await read({ inputs: f(2, 2)([1, 2, 3, 4]), targets }, options);
    expect(data.form).toMatchObject(form);
    expect(all(data, { batchSize: 2 })[0].targets).toHaveLength(targets.data.length);
  });

  const inputs = f(2, 2)([1, 2, 3, 4]);
  it.each<[string, Record<string, Contents>, object, RegExp]>([
    [
      'inputs of one dimension',
      { inputs: f(4)([1, 2, 3, 4]) },
      {},
      /inputs\.npy: expected shape \[N, T, D\].*got \(4\)/,
    ],
    ['no inputs', { inputs: f(0, 2)([]) }, {}, /got \(0, 2\)/],
    ['tokens below 0', { inputs: i(1, 2)([1, -1]) }, {}, /element 1: expected a token id, got -1/],
    [
      'tokens between',
      { inputs: f(1, 2)([1, 0.5]) },
      { tokens: true },
      /element 1: expected a token id, got 0\.5/,
    ],
    [
      'tokens of three dimensions',
      { inputs: i(1, 2, 1)([1, 2]) },
      { tokens: true },
      /expected shape \[N, T\]/,
    ],
    [
      'another number of targets',
      { inputs, targets: i(3)([1, 2, 3]) },
      {},
      /targets\.npy: expected shape \(2, …\)/,
    ],
    [
      'targets of other steps',
      { inputs, targets: i(2, 3)([1, 2, 3, 4, 5, 6]) },
      {},
      /expected shape \(2\), or \(2, 2\)/,
    ],
    [
      'real targets of other steps',
      { inputs, targets: f(2, 3, 1)([1, 2, 3, 4, 5, 6]) },
      {},
      /expected shape \(2, 2, C\)/,
    ],
    [
      'classes below 0',
      { inputs, targets: i(2)([1, -1]) },
      {},
      /element 1: expected a class, got -1/,
    ],
    ['classes between', { inputs, targets: f(2)([1, 0.5]) }, { targetKind: 'classes' }, /got 0\.5/],
    [
      'lengths of 0',
      { inputs, lengths: i(2)([1, 0]) },
      {},
      /lengths\.npy: element 1: expected a length from 1 to 2, got 0/,
    ],
    ['lengths too long', { inputs, lengths: i(2)([3, 1]) }, {}, /element 0: expected a length/],
    ['lengths between', { inputs, lengths: f(2)([1, 1.5]) }, {}, /element 1: expected a length/],
    [
      'another number of lengths',
      { inputs, lengths: i(1)([1]) },
      {},
      /expected shape \(2\), got \(1\)/,
    ],
    ['a mask alone', { inputs, mask: f(2)([1, 1]) }, {}, /a mask without targets/],
    [
      'a mask of another shape',
      { inputs, targets: i(2)([0, 1]), mask: f(2, 2)([1, 1, 1, 1]) },
      {},
      /mask\.npy: expected shape \(2\)/,
    ],
    [
      'a mask below 0',
      { inputs, targets: i(2)([0, 1]), mask: f(2)([1, -1]) },
      {},
      /element 1: expected a weight/,
    ],
    [
      'a mask of NaN',
      { inputs, targets: i(2)([0, 1]), mask: f(2)([Number.NaN, 1]) },
      {},
      /element 0/,
    ],
  ])('refuses %s', async (_, arrays, options, message) => {
    await expectError(() => read(arrays, options), 'ERR_BNLSTM_DATA', message);
  });

  it('gives batches of what fits, and an error of its own for what does not', async () => {
    const numbers = fc.constantFrom(Float32Array, Int32Array, Uint8Array);
    const arrayOf = (...shapes: number[][]) =>
      fc
        .tuple(fc.constantFrom(...shapes), numbers, fc.integer({ min: 0, max: 2 }))
        .map(([shape, Type, value]): Contents => {
          const data = new Type(shape.reduce((product, extent) => product * extent, 1)).fill(value);
          return { shape, data };
        });
    const extent = fc.integer({ min: 0, max: 3 });
    const arrays = fc.tuple(extent, extent).chain(([N, T]) =>
      fc.record(
        {
          inputs: arrayOf([N, T], [N, T, 2], [N], []),
          targets: arrayOf([N], [N, T], [N, T, 2], [N, 1], [T]),
          lengths: arrayOf([N], [N], [N, 1], [T]),
          mask: arrayOf([N], [N, T], [N, T, 1]),
        },
        { requiredKeys: ['inputs'] },
      ),
    );
    let fits = 0;
    await fc.assert(
      fc.asyncProperty(arrays, async (arrays) => {
        let data: Awaited<ReturnType<typeof read>>;
        try {
          data = await read(arrays);
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_BNLSTM_DATA' });
          return;
        }
        fits++;
        const { count, steps, features, lengths, perStep } = data.form;
        expect(count).toBe(arrays.inputs.shape[0]);
        const [batch] = all(data, { batchSize: count });
        expect(batch.steps).toBe(lengths ? Math.max(...(batch.lengths ?? [])) : steps);
        expect(batch.inputs).toHaveLength(count * batch.steps * features);
        const rows = perStep ? count * batch.steps : count;
        expect((batch.targets?.length ?? 0) % rows).toBe(0);
        if (batch.mask) expect(batch.mask).toHaveLength(rows);
      }),
      { numRuns: 400 },
    );
    expect(fits).toBeGreaterThan(0);
  });

  it('says what is wrong', async () => {
    const code = 'ERR_BNLSTM_ARGUMENT';
    await expectError(() => npyData({} as never), code, /npyData: inputs: expected a string/);
    await expectError(() => read({ inputs }, { bucketBatches: 2 }), code, /none without lengths/);
    await expectError(() => read({ inputs }, { tokens: 1 } as never), code, /npyData: tokens/);
    await expectError(() => read({ inputs }, { byteScale: '' } as never), code, /byteScale/);
    await expectError(() => read({ inputs }, { targetKind: 'x' } as never), code, /targetKind/);
    await expectError(() => read({ inputs }, { target: '' } as never), code, /got target/);
    await expectError(() => npyData({ inputs: join(folder, 'no') }), 'ERR_BNLSTM_IO', /ENOENT/);
  });
});

describe('npzData', () => {
  const x = f(2, 1)([1, 2]);
  async function archive(arrays: Record<string, Contents>): Promise<string> {
    const path = join(folder, 'data.npz');
    const entries = Object.entries(arrays).map(([name, array]) => [`${name}.npy`, npy(array)]);
    await writeFile(path, zipSync(Object.fromEntries(entries)));
    return path;
  }

  it('finds the arrays by the usual names', async () => {
    const path = await archive({ inputs: x, targets: i(2)([0, 1]), other: f(1)([1]) });
    expect((await npzData(path)).form).toMatchObject({ count: 2, classes: 2, lengths: false });
  });

  it('finds them by names that are given', async () => {
    const path = await archive({ x_train: x, y_train: i(2)([0, 1]), targets: f(9)(Array(9)) });
    const { form } = await npzData(path, { inputs: 'x_train', targets: 'y_train' });
    expect(form).toMatchObject({ count: 2, classes: 2 });
  });

  it('says what is wrong', async () => {
    const path = await archive({ inputs: x, lengths: i(1)([1]) });
    await expectError(() => npzData(path), 'ERR_BNLSTM_DATA', /data\.npz: lengths: expected shape/);
    const missing = () => npzData(path, { targets: 'y' });
    await expectError(missing, 'ERR_BNLSTM_DATA', /no array "y"; there are: inputs, lengths/);
    const small = () => npzData(path, { maxBytes: 9 });
    await expectError(small, 'ERR_BNLSTM_DATA', /more than maxBytes = 9/);
    await expectError(() => npzData(''), 'ERR_BNLSTM_ARGUMENT', /npzData: path/);
    await expectError(() => npzData(path, { inputs: 1 } as never), 'ERR_BNLSTM_ARGUMENT', /inputs/);
  });
});
