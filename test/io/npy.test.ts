import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readNpy } from '../../lib/io/npy.js';
import { expectError } from '../model/support.js';
import { expectOnlyOurErrors } from './mutate.js';
// Saved by NumPy 2.4.6, in base64.
import numpy from './numpy.json' with { type: 'json' };

const saved = (name: keyof typeof numpy) => Buffer.from(numpy[name], 'base64');

/** A file with a header of any text. */
function npy(header: string, data: Uint8Array | string = '', version = 1): Buffer {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length.writeUIntLE(header.length, 0, length.length);
  const lead = Buffer.from([0x93, ...Buffer.from('NUMPY'), version, 0]);
  return Buffer.concat([lead, length, Buffer.from(header, 'latin1'), Buffer.from(data)]);
}
const header = (descr: string, shape: string, order = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

describe('readNpy', () => {
  const arrays = {
    f2: Float32Array,
    f4: Float32Array,
    f8: Float32Array,
    i1: Int32Array,
    i2: Int32Array,
    i4: Int32Array,
    i8: Int32Array,
    u1: Uint8Array,
    u2: Int32Array,
    u4: Int32Array,
    u8: Int32Array,
  };
  it.each(
    Object.entries(arrays).flatMap(([type, array]) => [
      [`<${type}` as '<f4', array] as const,
      [`>${type}` as '>f4', array] as const,
    ]),
  )('reads %s', async (type, array) => {
    const expected = { shape: [2, 3], data: array.of(0, 1, 2, 3, 4, 5) };
    expect(await readNpy(saved(type))).toEqual(expected);
  });

  it.each([
    ['b1', [1, 3], Uint8Array.of(1, 0, 1)],
    [
      'signs f2',
      [8],
      Float32Array.of(
        -1.5,
        1023 * 2 ** -24,
        2 ** -24,
        65504,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        Number.NaN,
        -0,
      ),
    ],
    ['signs i1', [3], Int32Array.of(-128, 127, -1)],
    ['signs >i8', [3], Int32Array.of(-(2 ** 31), 2 ** 31 - 1, -1)],
    ['0-d', [], Float32Array.of(7.5)],
    ['1-d', [3], Int32Array.of(0, 1, 2)],
    ['empty', [0, 5], new Int32Array(0)],
    ['version 2', [2, 3], Float32Array.of(0, 1, 2, 3, 4, 5)],
    ['version 3', [2, 3], Float32Array.of(0, 1, 2, 3, 4, 5)],
    ['fortran 2d', [2, 3], Int32Array.of(0, 1, 2, 3, 4, 5)],
    ['fortran 3d', [2, 3, 4], Float32Array.from({ length: 24 }, (_, i) => i)],
    ['fortran empty', [2, 0, 3], new Float32Array(0)],
  ] as const)('reads %s', async (name, shape, data) => {
    expect(await readNpy(saved(name))).toEqual({ shape, data });
  });

  it('rounds float64 to nearest', async () => {
    const file = npy(header('<f8', '(1,)'), new Uint8Array(Float64Array.of(0.1).buffer));
    expect((await readNpy(file)).data).toEqual(Float32Array.of(0.1));
  });

  it('converts more than one piece', async () => {
    const values = BigInt64Array.from({ length: 300_000 }, (_, i) => BigInt(i));
    const { data } = await readNpy(npy(header('<i8', '(300000,)'), new Uint8Array(values.buffer)));
    expect(data).toEqual(Int32Array.from({ length: 300_000 }, (_, i) => i));
  });

  it.each([
    ['too long i8', /element 1 does not fit int32/],
    ['too small i8', /element 0 does not fit int32/],
    ['too long u4', /element 0 does not fit int32/],
    ['too long u8', /element 0 does not fit int32/],
    ['too large f8', /element 1 does not fit float32/],
    ['complex', /dtype c8, expected numbers: one of f2, f4/],
    ['f16', /dtype f16, expected numbers/],
    ['text', /dtype U1, expected numbers/],
    ['bytes', /dtype S1, expected numbers/],
    ['time', /dtype "<M8\[D\]", expected numbers/],
    ['object', /Python objects, which are never read/],
    ['record', /an array of records, expected numbers/],
  ] as const)('refuses %s', async (name, message) => {
    await expectError(() => readNpy(saved(name)), 'ERR_BNLSTM_DATA', message);
  });

  const good = header('|u1', '(2,)');
  it.each<[string, Buffer, RegExp]>([
    ['nothing', Buffer.alloc(0), /not a \.npy file/],
    ['text', Buffer.from('hello, world, hello'), /not a \.npy file/],
    ['a pickle', Buffer.from('\x80\x04\x95system("rm")', 'latin1'), /not a \.npy file/],
    ['version 4', npy(good, 'ab', 4), /version 4 of \.npy, expected 1, 2 or 3/],
    ['version 0', npy(good, 'ab', 0), /version 0 of \.npy/],
    ['a header cut', npy(good).subarray(0, 40), /ends within its header/],
    ['a header cut in its length', npy(good, '', 2).subarray(0, 11), /ends within its header/],
    ['data cut', npy(good, 'a'), /1 bytes of data, expected 2: u1 of shape \(2\)/],
    ['more data', npy(good, 'abc'), /3 bytes of data, expected 2/],
    ['a header too long', npy(good.padEnd(70_000), 'ab', 2), /a header of 70000 bytes/],
    ['code', npy(`__import__('os').system('true')\n`), /a damaged header/],
    ['a shape of code', npy(header('|u1', '(2*1,)'), 'ab'), /a damaged header/],
    ['a key twice', npy(good.replace('}', "'descr': '|u1'}"), 'ab'), /a damaged header/],
    ['a key too many', npy(good.replace('}', "'x': '|u1'}"), 'ab'), /a damaged header/],
    ['a key too few', npy("{'descr': '|u1', 'shape': (2,)}", 'ab'), /a damaged header/],
    ['more after the header', npy(`${good.trim()}; 1`, 'ab'), /a damaged header/],
    ['a shape that is a word', npy(header('|u1', "'(2,)x'"), 'ab'), /2 bytes|damaged shape/],
    ['a shape of holes', npy(header('|u1', '(1,,2)'), 'ab'), /a damaged shape "\(1,,2\)"/],
    ['an order that is a word', npy(header('|u1', '(2,)', "'no'"), 'ab'), /fortran_order "no"/],
    ['a dtype of code', npy(header('eval', '(2,)'), 'ab'), /dtype "eval", expected numbers/],
    ['a dtype of Object', npy(header('__proto__', '(2,)'), 'ab'), /dtype "__proto__"/],
    ['truth of 2', npy(header('|b1', '(2,)'), '\x01\x02'), /element 1 does not fit a truth value/],
    ['a huge shape', npy(header('<f4', '(4294967296, 4294967296)')), /0 bytes of data, expected/],
    ['extents too large', npy(header('<f4', '(99999999999999999999,)')), /a damaged shape/],
    [
      'huge and empty',
      npy(header('<f4', `(${'9007199254740991, '.repeat(40)}0)`)),
      /0 bytes of data/,
    ],
    ['65 dimensions', npy(header('|u1', `(${'1, '.repeat(65)})`), 'a'), /a damaged shape/],
  ])('refuses %s', async (_, file, message) => {
    await expectError(() => readNpy(file), 'ERR_BNLSTM_DATA', message);
  });

  describe('from a file', () => {
    let folder = '';
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'bnlstm-npy-'));
    });
    afterAll(() => rm(folder, { recursive: true }));

    it('reads it by its path, which errors name', async () => {
      const path = join(folder, 'x.npy');
      await writeFile(path, saved('<f4'));
      expect((await readNpy(path)).shape).toEqual([2, 3]);
      await writeFile(path, saved('<f4').subarray(0, -1));
      await expectError(() => readNpy(path), 'ERR_BNLSTM_DATA', /x\.npy: 23 bytes of data/);
    });

    it('says what the system says', async () => {
      await expectError(() => readNpy(join(folder, 'none')), 'ERR_BNLSTM_IO', /none.*ENOENT/);
      await expectError(() => readNpy(folder), 'ERR_BNLSTM_IO', /EISDIR/);
      await expectError(() => readNpy(''), 'ERR_BNLSTM_ARGUMENT', /readNpy: path/);
    });
  });

  it('meets damaged files with its own errors alone, and within memory', async () => {
    const seeds = Object.keys(numpy).filter((name) => !name.includes('npz'));
    await expectOnlyOurErrors(
      seeds.map((name) => saved(name as '<f4')),
      async (bytes) => (await readNpy(bytes)).data.byteLength,
      (bytes) => 4 * bytes,
    );
  });
});
