import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BnLstmError } from '../../lib/errors.js';
import { readSafetensors, type Tensor, writeSafetensors } from '../../lib/io/safetensors.js';
import { parseBytes } from '../../lib/io/safetensors_parse.js';
import { f32, file } from './hostile_cases.js';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bnlstm-io-'));
  path = join(folder, 'model.safetensors');
});
afterEach(() => rm(folder, { recursive: true }));

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

describe('the checksum', () => {
  const small = new Map<string, Tensor>([
    ['w', { dtype: 'F32', shape: [2], data: Float32Array.of(1, -2) }],
    ['0', { dtype: 'I32', shape: [1], data: Int32Array.of(0x20202020) }],
  ]);
  const write = async (tensors = small, metadata: Record<string, string> = { format: 'x' }) => {
    await writeSafetensors(path, tensors, metadata);
    return readFile(path);
  };

  it('is over the whole file, with zeros in its place', async () => {
    const bytes = await write();
    const { sha256 } = await readSafetensors(path);
    expect(bytes.toString('latin1', 35, 99)).toBe(sha256);
    bytes.fill('0', 35, 99);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
  });

  it('is the same for the same content', async () => {
    const bytes = await write();
    expect(await write(new Map(small))).toEqual(bytes);
    const { tensors, metadata } = await readSafetensors(path);
    expect([...tensors]).toEqual([...small]);
    expect({ ...metadata }).toEqual({ format: 'x' });
    expect(await write(tensors, metadata)).toEqual(bytes);
    expect((await write(small, { 1: 'number-like' })).toString('latin1', 35, 99)).toBe(
      (await readSafetensors(path)).sha256,
    );
  });

  it('finds every change of a single byte', async () => {
    const bytes = await write();
    const codes = new Map<string, number>();
    for (let at = 0; at < bytes.length; at++) {
      for (let change = 1; change < 256; change++) {
        bytes[at] ^= change;
        const code = codeOf(() => parseBytes(bytes));
        if (code === undefined) throw new Error(`byte ${at} changed by ${change} was not found`);
        codes.set(code, (codes.get(code) ?? 0) + 1);
        bytes[at] ^= change;
      }
    }
    expect([...codes.keys()].sort()).toEqual(['ERR_BNLSTM_CHECKSUM', 'ERR_BNLSTM_FORMAT']);
    expect(codes.get('ERR_BNLSTM_CHECKSUM')).toBeGreaterThanOrEqual(12 * 255);
    expect(parseBytes(bytes).tensors.size).toBe(2);
  });

  it('finds every cut and every byte too much', async () => {
    const bytes = await write();
    for (let length = 0; length < bytes.length; length++) {
      expect(codeOf(() => parseBytes(bytes.subarray(0, length)))).toBe('ERR_BNLSTM_FORMAT');
    }
    const longer = Buffer.concat([bytes, Buffer.alloc(1)]);
    expect(codeOf(() => parseBytes(longer))).toBe('ERR_BNLSTM_FORMAT');
  });

  it('names the file, and can be left out of account', async () => {
    const bytes = await write();
    bytes[bytes.length - 1] ^= 1;
    await writeFile(path, bytes);
    await expect(readSafetensors(path)).rejects.toMatchObject({
      code: 'ERR_BNLSTM_CHECKSUM',
      message: expect.stringMatching(/^\/.*model\.safetensors: its sha256 is [0-9a-f]{64}, it was/),
    });
    const { tensors, sha256 } = await readSafetensors(path, { verify: false });
    expect(tensors.get('0')?.data[0]).toBe(0x21202020);
    expect(sha256).toHaveLength(64);
  });

  it('is asked of a file that another program wrote from one of ours', () => {
    const w = '"w":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}';
    const digits = '0'.repeat(64);
    const refused = [
      `{${w},"__metadata__":{"sha256":"${digits}","checksum":"sha256"}}`,
      `{"__metadata__": {"sha256":"${digits}","checksum":"sha256"},${w}}`,
      `{"__metadata__":{"checksum":"sha256","sha256":"${digits}"},${w}}`,
      `{"__metadata__":{"checksum":"sha256"},${w}}`,
      `{"__metadata__":{"sha256":"${digits}"},${w}}`,
      '{"__metadata__":{"sha256":""}}',
    ];
    for (const header of refused) {
      expect(codeOf(() => parseBytes(file(header, 0)))).toBe('ERR_BNLSTM_CHECKSUM');
    }
    const { metadata, sha256 } = parseBytes(
      file(`{${w},"__metadata__":{"sha256":"of something else","checksum":"md5"}}`, 0),
    );
    expect({ ...metadata }).toEqual({ sha256: 'of something else', checksum: 'md5' });
    expect(sha256).toBeUndefined();
  });

  it('is no key of users', async () => {
    for (const key of ['sha256', 'checksum']) {
      await expect(writeSafetensors(path, small, { [key]: 'x' })).rejects.toMatchObject({
        code: 'ERR_BNLSTM_ARGUMENT',
        message: `metadata: expected no key with the name ${key}, got one`,
      });
    }
  });
});

/** The code of the error of this package that `run` throws; undefined if it throws none. */
function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof BnLstmError) return error.code;
    throw error;
  }
  return undefined;
}
