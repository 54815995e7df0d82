import { BnLstmError } from '../errors.js';
import { Verification } from './checksum.js';
import { type Entry, parseHeader } from './safetensors_header.js';

export interface Tensor {
  readonly dtype: 'F32' | 'I32';
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

export interface Safetensors {
  /** In the order of the file. */
  readonly tensors: Map<string, Tensor>;
  /** Without that of the checksum. */
  readonly metadata: Record<string, string>;
  /** The checksum of a file that was read, if it has one. */
  readonly sha256?: string | undefined;
}

export interface ParseOptions {
  /** Whether the checksum is compared, where there is one. Default true. */
  readonly verify?: boolean;
}

/** Bytes that the parser wants from a position of the file. */
export interface Want {
  readonly into: Uint8Array;
  readonly position: number;
}

const maxHeaderBytes = 100_000_000;

function formatError(reason: string): BnLstmError {
  return new BnLstmError('ERR_BNLSTM_FORMAT', reason);
}

function emptyTensor({ dtype, shape, begin, end }: Entry): Tensor {
  const count = (end - begin) / 4;
  const data = dtype === 'F32' ? new Float32Array(count) : new Int32Array(count);
  return { dtype, shape, data };
}

/**
 * Reads a file of so many bytes; whoever calls fills what it yields, from a file or from memory. It
 * allocates what the file holds and, for its header, some multiple of that, and nothing more.
 *
 * @throws ERR_BNLSTM_FORMAT, ERR_BNLSTM_CHECKSUM with the reason
 */
export function* parse(
  size: number,
  { verify = true }: ParseOptions,
): Generator<Want, Safetensors, void> {
  if (size < 8) throw formatError(`${size} bytes are too few for a safetensors file`);
  const prefix = Buffer.alloc(8);
  yield { into: prefix, position: 0 };
  const headerBytes = Number(prefix.readBigUInt64LE());
  const largest = Math.min(size - 8, maxHeaderBytes);
  if (headerBytes > largest) {
    throw formatError(`the header claims ${headerBytes} bytes, at most ${largest} are possible`);
  }
  const header = Buffer.alloc(headerBytes);
  yield { into: header, position: 8 };
  const dataStart = 8 + headerBytes;
  const { entries, metadata } = parseHeader(header, size - dataStart);
  const verification = verify ? Verification.of(prefix, header, metadata) : undefined;
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of entries) {
    const tensor = emptyTensor(entry);
    const into = new Uint8Array(tensor.data.buffer);
    yield { into, position: dataStart + entry.begin };
    verification?.add(into);
    tensors.set(name, tensor);
  }
  verification?.end();
  const { sha256, checksum } = metadata;
  if (checksum === 'sha256') {
    delete metadata.sha256;
    delete metadata.checksum;
  }
  return { tensors, metadata, sha256: checksum === 'sha256' ? sha256 : undefined };
}

/** Reads a file that is in memory. As `parse`. */
export function parseBytes(bytes: Uint8Array, options: ParseOptions = {}): Safetensors {
  const parser = parse(bytes.length, options);
  let next = parser.next();
  while (!next.done) {
    const { into, position } = next.value;
    into.set(bytes.subarray(position, position + into.length));
    next = parser.next();
  }
  return next.value;
}
