import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { replaceFile } from '../../lib/io/atomic.js';
import { readSafetensors, type Tensor, writeSafetensors } from '../../lib/io/safetensors.js';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bnlstm-io-'));
  path = join(folder, 'model.safetensors');
});
afterEach(() => rm(folder, { recursive: true }));

/** A file with this header text (padded to 8 bytes) and so many bytes of data. */
function file(header: unknown, dataBytes: number): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const out = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8 + dataBytes, ' ');
  out.writeBigUInt64LE(BigInt(Math.ceil(text.length / 8) * 8));
  out.set(text, 8);
  return out;
}

const f32 = (shape: number[], begin: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('writeSafetensors and readSafetensors', () => {
  it('gives back what was written, in order, with its bits', async () => {
    const tensors = new Map<string, Tensor>([
      ['weights', { dtype: 'F32', shape: [2, 2], data: Float32Array.of(1.5, -0, Infinity, NaN) }],
      ['counts', { dtype: 'I32', shape: [3], data: Int32Array.of(-1, 0, 2 ** 31 - 1) }],
      ['scalar', { dtype: 'F32', shape: [], data: Float32Array.of(7) }],
      ['none', { dtype: 'F32', shape: [0, 5], data: new Float32Array(0) }],
      ['__proto__', { dtype: 'F32', shape: [1], data: Float32Array.of(1) }],
    ]);
    const metadata = { format: 'bnlstm', ключ: 'значение "quoted"' };
    await writeSafetensors(path, tensors, metadata);
    const read = await readSafetensors(path);
    expect([...read.tensors]).toEqual([...tensors]);
    expect({ ...read.metadata }).toEqual(metadata);
    expect(await readdir(folder)).toEqual(['model.safetensors']);
  });

  it('lays the file out as the format says', async () => {
    const data = Float32Array.of(1, 2);
    await writeSafetensors(path, new Map([['w', { dtype: 'F32', shape: [2], data }]]), { a: 'b' });
    const bytes = await readFile(path);
    const headerBytes = Number(bytes.readBigUInt64LE());
    const header = bytes.subarray(8, 8 + headerBytes).toString();
    expect(headerBytes % 8).toBe(0);
    expect(header).toMatch(/^\{.*\} *$/);
    expect(header).toMatch(
      /^\{"__metadata__":\{"sha256":"[0-9a-f]{64}","checksum":"sha256","a":"b"\},/,
    );
    expect(JSON.parse(header).w).toEqual(f32([2], 0, 8));
    expect(bytes.readFloatLE(8 + headerBytes + 4)).toBe(2);
    expect(bytes.length).toBe(8 + headerBytes + 8);
  });

  it('writes a view of a larger buffer', async () => {
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    await writeSafetensors(path, new Map([['w', { dtype: 'F32', shape: [2], data }]]), {});
    expect((await readSafetensors(path)).tensors.get('w')?.data).toEqual(Float32Array.of(2, 3));
  });

  it('gives back any set of tensors', async () => {
    const tensor = fc
      .tuple(fc.boolean(), fc.array(fc.nat(4), { maxLength: 3 }), fc.nat())
      .map(([real, shape, seed]): Tensor => {
        const count = shape.reduce((a, b) => a * b, 1);
        const values = Array.from({ length: count }, (_, i) => (seed + i) % 1000);
        return real
          ? { dtype: 'F32', shape, data: Float32Array.from(values) }
          : { dtype: 'I32', shape, data: Int32Array.from(values) };
      });
    const name = fc.string({ unit: 'grapheme' }).filter((text) => text !== '__metadata__');
    const model = fc.uniqueArray(fc.tuple(name, tensor), {
      selector: ([key]) => key,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(model, async (entries) => {
        await writeSafetensors(path, new Map(entries), {});
        const read = await readSafetensors(path);
        expect(new Map(read.tensors)).toEqual(new Map(entries));
      }),
    );
  });

  it('refuses tensors whose data do not fit their shape, before it touches the file', async () => {
    await writeFile(path, 'old');
    const wrong = new Map<string, Tensor>([
      ['w', { dtype: 'F32', shape: [3], data: new Float32Array(2) }],
    ]);
    await expect(writeSafetensors(path, wrong, {})).rejects.toMatchObject({
      code: 'ERR_BNLSTM_ARGUMENT',
      message: 'tensor w: expected a Float32Array of 3 elements, got Float32Array(2)',
    });
    expect(await readFile(path, 'utf8')).toBe('old');
  });
});

describe('readSafetensors', () => {
  const cases: [string, Buffer, RegExp][] = [
    ['empty', Buffer.alloc(0), /0 bytes are too few/],
    ['cut in its prefix', Buffer.alloc(7), /7 bytes are too few/],
    [
      'cut in its header',
      file({ w: f32([1], 0, 4) }, 4).subarray(0, 30),
      /claims 56 bytes, at most 22/,
    ],
    ['all header', Buffer.alloc(64, 0xff), /claims 18446744073709552000 bytes, at most 56/],
    ['padded with NUL', file('{}\0\0\0\0\0\0', 0), /not JSON/],
    ['not UTF-8', file('{"\xff": 1}', 0).fill(0xff, 10, 11), /not JSON/],
    ['not JSON', file('{"w": ', 0), /not JSON/],
    ['a list', file([1], 0), /not a JSON object/],
    ['null', file('null', 0), /not a JSON object/],
    ['cut in its data', file({ w: f32([2], 0, 8) }, 4), /take 8 bytes, the file has 4/],
    ['too long', file({ w: f32([1], 0, 4) }, 8), /take 4 bytes, the file has 8/],
    [
      'of another dtype',
      file({ w: { ...f32([2], 0, 4), dtype: 'BF16' } }, 4),
      /"w" has dtype "BF16"/,
    ],
    ['without dtype', file({ w: { shape: [1], data_offsets: [0, 4] } }, 4), /dtype undefined/],
    ['without shape', file({ w: { dtype: 'F32', data_offsets: [0, 4] } }, 4), /no valid shape/],
    ['of negative shape', file({ w: f32([-1], 0, 4) }, 4), /no valid shape/],
    ['of fractional shape', file({ w: f32([0.5, 2], 0, 4) }, 4), /no valid shape/],
    ['of huge shape', file({ w: f32([2 ** 40, 2 ** 40], 0, 4) }, 4), /needs 4\.8\d+e\+24/],
    [
      'of unsafe shape',
      file('{"w":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,4]}}', 4),
      /no valid shape/,
    ],
    ['of the wrong size', file({ w: f32([3], 0, 8) }, 8), /has 8 bytes, its shape \[3\] needs 12/],
    ['with offsets turned round', file({ w: f32([1], 4, 0) }, 4), /no valid data_offsets/],
    [
      'with one offset',
      file({ w: { ...f32([1], 0, 4), data_offsets: [0] } }, 4),
      /no valid data_offsets/,
    ],
    ['with a gap', file({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12), /a gap before tensor "b"/],
    ['with a gap at the start', file({ a: f32([1], 4, 8) }, 8), /a gap before tensor "a"/],
    [
      'with an overlap',
      file({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, 8),
      /an overlap with tensor "b"/,
    ],
    [
      'with a shared range',
      file({ a: f32([1], 0, 4), b: f32([1], 0, 4) }, 4),
      /an overlap with tensor "b"/,
    ],
    [
      'with a name twice',
      file('{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}, "\\u0061" : 1}', 0),
      /has "a" twice/,
    ],
    [
      'with a key twice',
      file('{"a":{"dtype":"F32","shape":[1],"shape":[0],"data_offsets":[0,0]}}', 0),
      /has "shape" twice/,
    ],
    ['with a tensor that is none', file({ w: 3 }, 0), /"w" is not an object/],
    ['with a list of metadata', file({ __metadata__: [] }, 0), /__metadata__ is not an object/],
    ['with metadata of numbers', file({ __metadata__: { step: 3 } }, 0), /"step" is not a string/],
  ];

  it.each(cases)('refuses a file that is %s', async (_, bytes, reason) => {
    await writeFile(path, bytes);
    await expect(readSafetensors(path)).rejects.toMatchObject({
      code: 'ERR_BNLSTM_FORMAT',
      message: expect.stringMatching(reason),
    });
    await expect(readSafetensors(path)).rejects.toThrow(path);
  });

  it('takes __proto__ for a key like any other', async () => {
    await writeFile(path, file('{"__metadata__":{"__proto__":"x"}}', 0));
    const { metadata } = await readSafetensors(path);
    expect(Object.entries(metadata)).toEqual([['__proto__', 'x']]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it('takes the same string as key and value, and keys that repeat in other objects', async () => {
    await writeFile(
      path,
      file(
        '{"__metadata__":{"a":"a","b":"a"},"a":{"shape":[0],"dtype":"F32","data_offsets":[0,0]}}',
        0,
      ),
    );
    expect([...(await readSafetensors(path)).tensors.keys()]).toEqual(['a']);
  });

  it('reads tensors that do not lie on multiples of their size', async () => {
    const header = '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'; // 54 bytes
    const odd = Buffer.alloc(8 + header.length + 4);
    odd.writeBigUInt64LE(BigInt(header.length));
    odd.write(header, 8);
    odd.writeFloatLE(1, 8 + header.length);
    await writeFile(path, odd);
    expect((await readSafetensors(path)).tensors.get('w')?.data).toEqual(Float32Array.of(1));
  });

  it('says why a file cannot be opened', async () => {
    await expect(readSafetensors(path)).rejects.toMatchObject({
      code: 'ERR_BNLSTM_IO',
      message: expect.stringMatching(/cannot read .*model\.safetensors: ENOENT/),
      cause: { code: 'ENOENT' },
    });
    await expect(readSafetensors(folder)).rejects.toMatchObject({ code: 'ERR_BNLSTM_IO' });
  });
});

describe('replaceFile', () => {
  it('replaces a file and leaves nothing else', async () => {
    await writeFile(path, 'old and longer');
    await replaceFile(path, [Buffer.from('ne'), Buffer.alloc(0), Buffer.from('w')]);
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['model.safetensors']);
  });

  it('leaves the old file and no other when it fails half-way', async () => {
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
  });

  it('leaves the target and no other file when it cannot be replaced', async () => {
    await writeFile(join(folder, 'file'), 'x');
    await expect(replaceFile(folder, [Buffer.from('new')])).rejects.toMatchObject({
      code: 'ERR_BNLSTM_IO',
      cause: { code: expect.stringMatching(/EISDIR|ENOTEMPTY/) },
    });
    expect(await readdir(folder)).toEqual(['file']);
    const siblings = await readdir(dirname(folder));
    expect(siblings.filter((name) => name.startsWith(basename(folder)))).toHaveLength(1);
  });

  it('names path and errno when there is no such folder', async () => {
    const nowhere = join(folder, 'no', 'model');
    await expect(replaceFile(nowhere, [])).rejects.toMatchObject({
      message: expect.stringContaining(`cannot write ${nowhere}: ENOENT`),
      cause: { code: 'ENOENT' },
    });
  });
});
