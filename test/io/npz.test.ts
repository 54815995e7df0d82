import { crc32, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readNpz } from '../../lib/io/npz.js';
import { expectError } from '../model/support.js';
import { expectOnlyOurErrors } from './mutate.js';
import numpy from './numpy.json' with { type: 'json' };

const saved = (name: keyof typeof numpy) => Buffer.from(numpy[name], 'base64');
const array = saved('<f4');

interface Entry {
  readonly name?: string;
  readonly data?: Buffer;
  readonly method?: number;
  /** What the archive claims, where that is not so. */
  readonly claims?: Partial<Record<'size' | 'compressed' | 'crc' | 'flags' | 'offset', number>>;
  /** Sizes stand in fields of 64 bits. */
  readonly wide?: boolean;
}

const u16 = (...values: number[]) => Buffer.from(Uint16Array.from(values).buffer);
const u32 = (...values: number[]) => Buffer.from(Uint32Array.from(values).buffer);
const u64 = (...values: number[]) => Buffer.from(BigUint64Array.from(values, BigInt).buffer);

function zip(entries: readonly Entry[], { wide = false, comment = '' } = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name = 'a.npy', data = array, method = 8, claims = {}, wide = false } of entries) {
    const packed = method === 8 ? deflateRawSync(data) : data;
    const own = { size: data.length, compressed: packed.length, crc: crc32(data), flags: 0 };
    const { size, compressed, crc, flags, offset } = { ...own, offset: at, ...claims };
    const all = 0xffffffff;
    const sizes = wide ? u32(all, all) : u32(compressed, size);
    const extra = wide
      ? Buffer.concat([u16(7, 1), Buffer.of(0), u16(1, 24), u64(size, compressed, offset)])
      : u16();
    const fields = [u16(flags, method, 0, 0), u32(crc), sizes, u16(name.length, extra.length)];
    const local = [u32(0x04034b50), u16(20), ...fields, Buffer.from(name), extra, packed];
    const rest = [u16(0, 0, 0), u32(0, wide ? all : offset), Buffer.from(name), extra];
    directory.push(u32(0x02014b50), u16(20, 20), ...fields, ...rest);
    parts.push(...local);
    at += Buffer.concat(local).length;
  }
  const bytes = Buffer.concat(directory).length;
  const n = entries.length;
  const end64 = [
    u32(0x06064b50),
    u64(44),
    u16(45, 45),
    u32(0, 0),
    u64(n, n, bytes, at),
    u32(0x07064b50, 0),
    u64(at + bytes),
    u32(1),
  ];
  const end = wide
    ? [u16(0xffff, 0xffff), u32(0xffffffff, 0xffffffff)]
    : [u16(n, n), u32(bytes, at)];
  const tail = [u32(0x06054b50), u16(0, 0), ...end, u16(comment.length), Buffer.from(comment)];
  return Buffer.concat([...parts, ...directory, ...(wide ? end64 : []), ...tail]);
}

const floats = { shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) };

describe('readNpz', () => {
  it('reads what NumPy has saved', async () => {
    expect(await readNpz(saved('npz'))).toEqual(
      new Map<string, unknown>([
        ['inputs', floats],
        ['targets', { shape: [2], data: Int32Array.of(1, 0) }],
      ]),
    );
    const compressed = await readNpz(saved('compressed npz'));
    expect(compressed.get('inputs')).toEqual({ shape: [50, 40], data: new Float32Array(2000) });
    expect(compressed.get('lengths')?.data).toEqual(Int32Array.from(Array(50).keys()));
    expect(await readNpz(saved('npz of none'))).toEqual(new Map());
  });

  it('reads the arrays that are asked for alone', async () => {
    const { data } = (await readNpz(saved('npz of objects'), { names: ['b'] })).get('b') ?? {};
    expect(data).toEqual(Int32Array.of(1, 2));
    const all = () => readNpz(saved('npz of objects'));
    await expectError(all, 'ERR_BNLSTM_DATA', /: a: an array of Python objects/);
  });

  it.each<[string, Buffer]>([
    ['stored', zip([{ method: 0 }])],
    ['deflated', zip([{}])],
    ['of wide fields', zip([{ wide: true }])],
    ['with a wide directory', zip([{}], { wide: true })],
    ['with a comment', zip([{}], { comment: 'PK\x05\x06 and more' })],
    ['with other files', zip([{ name: 'readme.txt', data: Buffer.from('hello') }, {}])],
  ])('reads an archive that is %s', async (_, file) => {
    expect(await readNpz(file)).toEqual(new Map([['a', floats]]));
  });

  const bomb = zip([{ data: Buffer.alloc(50_000_000) }]);
  it.each<[string, Buffer, RegExp]>([
    ['nothing', Buffer.alloc(0), /not a ZIP archive/],
    ['an array', array, /not a ZIP archive/],
    ['an archive cut', zip([{}]).subarray(0, -1), /not a ZIP archive/],
    ['an archive without its beginning', zip([{}]).subarray(9), /damaged archive/],
    ['a name twice', zip([{}, {}]), /"a\.npy" is there twice/],
    ['encryption', zip([{ claims: { flags: 1 } }]), /"a\.npy" is encrypted/],
    ['bzip2', zip([{ method: 12 }]), /packed by method 12, expected 0 or 8/],
    ['another checksum', zip([{ claims: { crc: 1 } }]), /"a\.npy" is damaged: its checksum/],
    ['more than is claimed', zip([{ claims: { size: 100 } }]), /holds more than it claims/],
    ['less than is claimed', zip([{ claims: { size: 200 } }]), /holds less than it claims/],
    ['more than can be', zip([{ claims: { size: 2 ** 31 } }]), /claims 2147483648 bytes, in/],
    ['a stored size that differs', zip([{ method: 0, claims: { size: 9 } }]), /claims 9 bytes/],
    ['packed bytes that are not there', zip([{ claims: { compressed: 9999 } }]), /"a\.npy" is cut/],
    ['an offset into the blue', zip([{ claims: { offset: 3 } }]), /is not where it should be/],
    ['an offset out of the file', zip([{ claims: { offset: 1e9 } }]), /"a\.npy" is cut/],
    [
      'packed bytes that are none',
      zip([{ method: 8, data: array, claims: { compressed: 20 } }]),
      /cannot be unpacked/,
    ],
    ['a bomb', bomb, /50000000 bytes unpacked, more than maxBytes = 1000000/],
    [
      'a bomb that hides',
      zip([{ data: Buffer.alloc(50_000_000), claims: { size: 1_000_000 } }]),
      /holds more than it claims/,
    ],
    [
      'bombs together',
      zip([{ data: Buffer.alloc(600_000) }, { name: 'b.npy', data: Buffer.alloc(600_000) }]),
      /1200000 bytes unpacked/,
    ],
    [
      'an array that is none',
      zip([{ data: Buffer.from('hello, world') }]),
      /: a: not a \.npy file/,
    ],
  ])('refuses %s', async (_, file, message) => {
    await expectError(() => readNpz(file, { maxBytes: 1_000_000 }), 'ERR_BNLSTM_DATA', message);
  });

  it('says what is wrong', async () => {
    const read = (options: object) => () => readNpz(saved('npz'), options);
    const missing = /no array "x"; there are: inputs, targets/;
    await expectError(read({ names: ['x'] }), 'ERR_BNLSTM_DATA', missing);
    await expectError(read({ names: 'inputs' }), 'ERR_BNLSTM_ARGUMENT', /readNpz: names/);
    await expectError(read({ maxBytes: 0 }), 'ERR_BNLSTM_ARGUMENT', /readNpz: maxBytes/);
    await expectError(read({ name: 'x' }), 'ERR_BNLSTM_ARGUMENT', /got name/);
  });

  it('meets damaged files with its own errors alone, and within memory', async () => {
    const names = ['npz', 'compressed npz', 'npz of none'] as const;
    const seeds = [...names.map(saved), zip([{ wide: true }], { wide: true, comment: 'hello' })];
    const bytesOf = async (file: Buffer) =>
      [...(await readNpz(file)).values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    await expectOnlyOurErrors(seeds, bytesOf, (bytes) => 4 * 1032 * bytes);
  });
});
