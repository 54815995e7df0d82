import { crc32, createInflateRaw } from 'node:zlib';
import { type Bytes, dataError } from './bytes.js';

/** A file within a ZIP archive, as its central directory has it. */
export interface ZipEntry {
  readonly name: string;
  /** Stored as it is, or deflated. */
  readonly deflated: boolean;
  readonly crc: number;
  readonly compressed: number;
  /** Bytes, as claimed. */
  readonly size: number;
  /** Of its local header. */
  readonly offset: number;
}

const signature = { local: 0x04034b50, entry: 0x02014b50, end: 0x06054b50 } as const;
const signature64 = { end: 0x06064b50, locator: 0x07064b50 } as const;
const endBytes = 22;
const maxComment = 65_535;
const maxDirectory = 1 << 24;
/** No deflated byte gives more: 258 bytes for two bits (RFC 1951). */
const maxRatio = 1032;
/** In a field of 16 or 32 bits: the number stands in a field of 64 bits elsewhere. */
const [elsewhere16, elsewhere32] = [0xffff, 0xffff_ffff];

async function readAt(file: Bytes, position: number, length: number): Promise<Buffer> {
  if (!(position >= 0 && position + length <= file.size)) {
    throw dataError(file.name, `a damaged archive: bytes from ${position} on are not there`);
  }
  const bytes = Buffer.alloc(length);
  await file.read(bytes, position);
  return bytes;
}

/** Where the central directory lies. */
async function findDirectory(file: Bytes): Promise<{ start: number; bytes: number }> {
  const length = Math.min(file.size, endBytes + maxComment);
  const tail = await readAt(file, file.size - length, length);
  let at = length - endBytes;
  const isEnd = (at: number) =>
    tail.readUInt32LE(at) === signature.end &&
    tail.readUInt16LE(at + 20) === length - at - endBytes;
  while (at >= 0 && !isEnd(at)) at--;
  if (at < 0) throw dataError(file.name, 'not a ZIP archive, as .npz files are');
  const bytes = tail.readUInt32LE(at + 12);
  const start = tail.readUInt32LE(at + 16);
  const entries = tail.readUInt16LE(at + 10);
  if (start !== elsewhere32 && bytes !== elsewhere32 && entries !== elsewhere16) {
    return { start, bytes };
  }
  const locator = await readAt(file, file.size - length + at - 20, 20);
  if (locator.readUInt32LE(0) !== signature64.locator) {
    throw dataError(file.name, 'a damaged archive: no locator of its directory');
  }
  const end = await readAt(file, Number(locator.readBigUInt64LE(8)), 56);
  if (end.readUInt32LE(0) !== signature64.end) {
    throw dataError(file.name, 'a damaged archive: no end of its directory');
  }
  return { bytes: Number(end.readBigUInt64LE(40)), start: Number(end.readBigUInt64LE(48)) };
}

/** Fields of 64 bits, in the order of those that do not fit into 32. */
function* wideFields(extra: Buffer): Generator<number, void, undefined> {
  for (let at = 0; at + 4 <= extra.length; ) {
    const [id, length] = [extra.readUInt16LE(at), extra.readUInt16LE(at + 2)];
    const end = Math.min(at + 4 + length, extra.length);
    if (id === 1) {
      for (let i = at + 4; i + 8 <= end; i += 8) yield Number(extra.readBigUInt64LE(i));
      return;
    }
    at = end;
  }
}

/**
 * The files of an archive.
 * @throws ERR_BNLSTM_DATA if it is damaged, encrypted or packed in another way than deflated
 */
export async function readZipDirectory(file: Bytes): Promise<ZipEntry[]> {
  const damaged = (reason: string) => dataError(file.name, `a damaged archive: ${reason}`);
  const { start, bytes } = await findDirectory(file);
  if (bytes > maxDirectory) throw damaged(`a directory of ${bytes} bytes`);
  const directory = await readAt(file, start, bytes);
  const entries = new Map<string, ZipEntry>();
  for (let at = 0; at < bytes; ) {
    if (at + 46 > bytes || directory.readUInt32LE(at) !== signature.entry) {
      throw damaged('its directory is not one');
    }
    const [flags, method] = [directory.readUInt16LE(at + 8), directory.readUInt16LE(at + 10)];
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    const extraEnd = nameEnd + directory.readUInt16LE(at + 30);
    const end = extraEnd + directory.readUInt16LE(at + 32);
    if (end > bytes) throw damaged('its directory is cut');
    const name = directory.toString('utf8', at + 46, nameEnd);
    const wide = wideFields(directory.subarray(nameEnd, extraEnd));
    const field = (offset: number) => {
      const value = directory.readUInt32LE(at + offset);
      return value === elsewhere32 ? (wide.next().value ?? Number.NaN) : value;
    };
    const [size, compressed, offset] = [field(24), field(20), field(42)];
    const label = JSON.stringify(name);
    if (flags & 1) throw dataError(file.name, `${label} is encrypted`);
    if (method !== 0 && method !== 8) {
      throw dataError(
        file.name,
        `${label} is packed by method ${method}, expected 0 or 8 (deflate)`,
      );
    }
    if (!(offset + 30 + compressed <= file.size)) throw damaged(`${label} is cut`);
    const possible = method === 0 ? size === compressed : size <= maxRatio * compressed;
    if (!possible) throw damaged(`${label} claims ${size} bytes, in ${compressed}`);
    const crc = directory.readUInt32LE(at + 16);
    if (entries.has(name)) throw damaged(`${label} is there twice`);
    entries.set(name, { name, deflated: method === 8, crc, compressed, size, offset });
    at = end;
  }
  return [...entries.values()];
}

async function inflate(packed: Buffer, into: Uint8Array, damaged: (why: string) => Error) {
  const stream = createInflateRaw();
  stream.end(packed);
  let at = 0;
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      if (at + piece.length > into.length) throw damaged('holds more than it claims');
      into.set(piece, at);
      at += piece.length;
    }
  } catch (cause) {
    if (!(cause as { code?: string }).code?.startsWith('Z_')) throw cause;
    throw damaged(`cannot be unpacked: ${(cause as Error).message}`);
  }
  if (at < into.length) throw damaged('holds less than it claims');
}

/**
 * The contents of a file of an archive. No more is allocated than the archive's bytes of it and the
 * bytes that it claims, which are no more than can be in there.
 * @throws ERR_BNLSTM_DATA
 */
export async function readZipEntry(file: Bytes, entry: ZipEntry): Promise<Uint8Array> {
  const { name, deflated, crc, compressed, size, offset } = entry;
  const damaged = (reason: string) => dataError(file.name, `${JSON.stringify(name)} ${reason}`);
  const header = await readAt(file, offset, 30);
  if (header.readUInt32LE(0) !== signature.local) throw damaged('is not where it should be');
  const begin = offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  const packed = await readAt(file, begin, compressed);
  let contents: Uint8Array = packed;
  if (deflated) {
    contents = new Uint8Array(size);
    await inflate(packed, contents, damaged);
  }
  if (crc32(contents) !== crc) throw damaged('is damaged: its checksum is another');
  return contents;
}
