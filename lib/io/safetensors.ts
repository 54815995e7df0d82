/**
 * The safetensors format: u64 length of the header (little-endian), a JSON header `{ name: { dtype,
 * shape, data_offsets: [begin, end] }, __metadata__: { key: string } }` padded with spaces to 8
 * bytes, then the tensors without a gap. Numbers are little-endian, as is every machine that the
 * package runs on, so that arrays go in and out as they lie in memory.
 */
import { type FileHandle, open } from 'node:fs/promises';
import * as check from '../check.js';
import { BnLstmError } from '../errors.js';
import { ioError, replaceFile } from './atomic.js';
import { type Entry, metadataKey, parseHeader } from './safetensors_header.js';

export interface Tensor {
  readonly dtype: 'F32' | 'I32';
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

export interface Safetensors {
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Record<string, string>;
}

const arrayOf = { F32: Float32Array, I32: Int32Array } as const;
const maxHeaderBytes = 100_000_000;

function bytesOf(data: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function makeHeader(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  if (tensors.has(metadataKey)) {
    throw check.argumentError('tensors', `no tensor with the name ${metadataKey}`, 'one');
  }
  const entries: [string, unknown][] = [[metadataKey, metadata]];
  let offset = 0;
  for (const [name, { dtype, shape, data }] of tensors) {
    const count = shape.reduce((product, extent) => product * extent, 1);
    check.typedArray(data, `tensor ${name}`, [arrayOf[dtype]], count);
    entries.push([name, { dtype, shape, data_offsets: [offset, offset + data.byteLength] }]);
    offset += data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const padded = Math.ceil(json.length / 8) * 8;
  const header = Buffer.alloc(8 + padded, ' ');
  header.writeBigUInt64LE(BigInt(padded));
  header.set(json, 8);
  return header;
}

/**
 * Writes tensors, in the order of the map, and replaces the file in one piece.
 *
 * @throws ERR_BNLSTM_IO if the file cannot be written: `path` is then as it was
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const header = makeHeader(tensors, metadata);
  await replaceFile(path, [header, ...[...tensors.values()].map(({ data }) => bytesOf(data))]);
}

/** Fills `into` from a position of the file; a file that ends too early is damaged. */
async function readExactly(file: FileHandle, into: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) throw formatError(`the file ends at byte ${position + done}`);
    done += bytesRead;
  }
}

function formatError(reason: string): BnLstmError {
  return new BnLstmError('ERR_BNLSTM_FORMAT', reason);
}

async function readTensor(file: FileHandle, entry: Entry, dataStart: number): Promise<Tensor> {
  const { dtype, shape, begin, end } = entry;
  const data = new arrayOf[dtype]((end - begin) / 4);
  await readExactly(file, bytesOf(data), dataStart + begin);
  return { dtype, shape, data };
}

async function readAll(file: FileHandle): Promise<Safetensors> {
  const { size } = await file.stat();
  if (size < 8) throw formatError(`${size} bytes are too few for a safetensors file`);
  const prefix = Buffer.alloc(8);
  await readExactly(file, prefix, 0);
  const headerBytes = Number(prefix.readBigUInt64LE());
  const largest = Math.min(size - 8, maxHeaderBytes);
  if (headerBytes > largest) {
    throw formatError(`the header claims ${headerBytes} bytes, at most ${largest} are possible`);
  }
  const header = Buffer.alloc(headerBytes);
  await readExactly(file, header, 8);
  const dataStart = 8 + headerBytes;
  const { entries, metadata } = parseHeader(header, size - dataStart);
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of entries) tensors.set(name, await readTensor(file, entry, dataStart));
  return { tensors, metadata };
}

/**
 * Reads a whole file. The file is not trusted: nothing is allocated that it does not hold, and its
 * tensors must cover it without gap or overlap.
 *
 * @throws ERR_BNLSTM_IO if the file cannot be read, ERR_BNLSTM_FORMAT if it is damaged or has
 *   dtypes other than F32 and I32
 */
export async function readSafetensors(path: string): Promise<Safetensors> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    return await readAll(file);
  } catch (cause) {
    if (cause instanceof BnLstmError) {
      throw new BnLstmError(cause.code, `${path}: ${cause.message}`, { cause });
    }
    throw ioError(`cannot read ${path}`, cause);
  } finally {
    await file?.close();
  }
}
