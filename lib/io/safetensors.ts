/**
 * The safetensors format: u64 length of the header (little-endian), a JSON header `{ name: { dtype,
 * shape, data_offsets: [begin, end] }, __metadata__: { key: string } }` padded with spaces to 8
 * bytes, then the tensors without a gap. Numbers are little-endian, as is every machine that the
 * package runs on, so that arrays go in and out as they lie in memory. Files of ours have a checksum
 * (checksum.ts). docs/files.md describes them for other programs.
 */
import { type FileHandle, open } from 'node:fs/promises';
import * as check from '../check.js';
import { BnLstmError } from '../errors.js';
import { ioError, replaceFile } from './atomic.js';
import { checksumKeys, noChecksum, seal } from './checksum.js';
import type { FileSystem } from './file_system.js';
import { metadataKey } from './safetensors_header.js';
import { type ParseOptions, parse, type Safetensors, type Tensor } from './safetensors_parse.js';

export type { Safetensors, Tensor } from './safetensors_parse.js';

const arrayOf = { F32: Float32Array, I32: Int32Array } as const;

function bytesOf(data: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** An object as JSON with its keys in this order; JavaScript would put those like '0' first. */
function orderedJson(entries: Iterable<readonly [string, unknown]>): string {
  const pair = ([key, value]: readonly [string, unknown]) =>
    `${JSON.stringify(key)}:${typeof value === 'string' ? value : JSON.stringify(value)}`;
  return `{${Array.from(entries, pair).join(',')}}`;
}

function makeMetadata(metadata: Readonly<Record<string, string>>): string {
  const reserved = checksumKeys.find((key) => Object.hasOwn(metadata, key));
  if (reserved !== undefined) {
    throw check.argumentError('metadata', `no key with the name ${reserved}`, 'one');
  }
  const entries = [...Object.entries(noChecksum), ...Object.entries(metadata)];
  return orderedJson(entries.map(([key, value]) => [key, JSON.stringify(value)]));
}

/** Prefix and header, with zeros for a checksum. */
function makeHeader(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  if (tensors.has(metadataKey)) {
    throw check.argumentError('tensors', `no tensor with the name ${metadataKey}`, 'one');
  }
  const entries: [string, unknown][] = [[metadataKey, makeMetadata(metadata)]];
  let offset = 0;
  for (const [name, { dtype, shape, data }] of tensors) {
    const count = shape.reduce((product, extent) => product * extent, 1);
    check.typedArray(data, `tensor ${name}`, [arrayOf[dtype]], count);
    entries.push([name, { dtype, shape, data_offsets: [offset, offset + data.byteLength] }]);
    offset += data.byteLength;
  }
  const json = Buffer.from(orderedJson(entries));
  const padded = Math.ceil(json.length / 8) * 8;
  const header = Buffer.alloc(8 + padded, ' ');
  header.writeBigUInt64LE(BigInt(padded));
  header.set(json, 8);
  return header;
}

/** The bytes of a file, in parts; those of the tensors are the arrays themselves. */
export function makeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array[] {
  const header = makeHeader(tensors, metadata);
  const data = [...tensors.values()].map(({ data }) => bytesOf(data));
  seal(header, data);
  return [header, ...data];
}

/**
 * Writes tensors, in the order of the map, with a checksum, and replaces the file in one piece. The
 * same content gives the same bytes. The arrays must not change meanwhile.
 *
 * @param metadata without the keys `sha256` and `checksum`
 * @throws ERR_BNLSTM_IO if the file cannot be written: `path` is then as it was
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>>,
  { files }: { readonly files?: FileSystem } = {},
): Promise<void> {
  await replaceFile(path, makeSafetensors(tensors, metadata), files);
}

/** Fills `into` from a position of the file; a file that ends too early is damaged. */
async function readExactly(file: FileHandle, into: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) {
      throw new BnLstmError('ERR_BNLSTM_FORMAT', `the file ends at byte ${position + done}`);
    }
    done += bytesRead;
  }
}

async function readAll(file: FileHandle, options: ParseOptions): Promise<Safetensors> {
  const parser = parse((await file.stat()).size, options);
  let next = parser.next();
  while (!next.done) {
    await readExactly(file, next.value.into, next.value.position);
    next = parser.next();
  }
  return next.value;
}

/**
 * Reads a whole file. The file is not trusted: nothing is allocated that it does not hold, and its
 * tensors must cover it without gap or overlap. A checksum is compared where there is one.
 *
 * @throws ERR_BNLSTM_IO if the file cannot be read, ERR_BNLSTM_CHECKSUM if it is not as it was
 *   written, ERR_BNLSTM_FORMAT if it is damaged or has dtypes other than F32 and I32
 */
export async function readSafetensors(
  path: string,
  options: ParseOptions = {},
): Promise<Safetensors> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    return await readAll(file, options);
  } catch (cause) {
    if (cause instanceof BnLstmError) {
      throw new BnLstmError(cause.code, `${path}: ${cause.message}`, { cause });
    }
    throw ioError(`cannot read ${path}`, cause);
  } finally {
    await file?.close();
  }
}
