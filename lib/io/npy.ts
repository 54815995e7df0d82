import { type Bytes, dataError, withBytes } from './bytes.js';
import { readNpyHeader } from './npy_header.js';

/** Numbers of any number of dimensions, in C order: the last index runs fastest. */
export interface NpyArray {
  /** [] for a single number. */
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/** How elements of a type are read. */
interface ElementType {
  readonly bytes: number;
  readonly into: Float32ArrayConstructor | Int32ArrayConstructor | Uint8ArrayConstructor;
  /** Undefined for a number that `into` cannot hold. */
  readonly read: (view: DataView, at: number, little: boolean) => number | undefined;
  /** Little-endian elements lie in a file as in memory. */
  readonly asItIs?: boolean;
  /** What a number does not fit that cannot be held. */
  readonly limit?: string;
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const [int32, float32] = ['int32', 'float32'];

function double(value: number): number | undefined {
  const rounded = Math.fround(value);
  return Number.isFinite(value) && !Number.isFinite(rounded) ? undefined : rounded;
}

/** Of 64 bits: the high word must be the sign of the low one. */
function long(view: DataView, at: number, little: boolean, signed: boolean): number | undefined {
  const low = view.getInt32(little ? at : at + 4, little);
  const high = view.getInt32(little ? at + 4 : at, little);
  const fits = signed ? high === low >> 31 : high === 0 && low >= 0;
  return fits ? low : undefined;
}

const types: Readonly<Record<string, ElementType>> = {
  f2: { bytes: 2, into: Float32Array, read: (v, at, le) => half(v.getUint16(at, le)) },
  f4: { bytes: 4, into: Float32Array, read: (v, at, le) => v.getFloat32(at, le), asItIs: true },
  f8: {
    bytes: 8,
    into: Float32Array,
    read: (v, at, le) => double(v.getFloat64(at, le)),
    limit: float32,
  },
  i1: { bytes: 1, into: Int32Array, read: (v, at) => v.getInt8(at) },
  i2: { bytes: 2, into: Int32Array, read: (v, at, le) => v.getInt16(at, le) },
  i4: { bytes: 4, into: Int32Array, read: (v, at, le) => v.getInt32(at, le), asItIs: true },
  i8: { bytes: 8, into: Int32Array, read: (v, at, le) => long(v, at, le, true), limit: int32 },
  u1: { bytes: 1, into: Uint8Array, read: (v, at) => v.getUint8(at), asItIs: true },
  u2: { bytes: 2, into: Int32Array, read: (v, at, le) => v.getUint16(at, le) },
  u4: {
    bytes: 4,
    into: Int32Array,
    read: (v, at, le) => {
      const value = v.getInt32(at, le);
      return value >= 0 ? value : undefined;
    },
    limit: int32,
  },
  u8: { bytes: 8, into: Int32Array, read: (v, at, le) => long(v, at, le, false), limit: int32 },
  b1: {
    bytes: 1,
    into: Uint8Array,
    read: (v, at) => {
      const value = v.getUint8(at);
      return value <= 1 ? value : undefined;
    },
    limit: 'a truth value, 0 or 1,',
  },
};

const pieceBytes = 1 << 20;

/** The elements from `start` on, converted piece by piece. */
async function readElements(
  file: Bytes,
  start: number,
  count: number,
  type: ElementType,
  little: boolean,
): Promise<NpyArray['data']> {
  const { bytes, into, read, asItIs, limit } = type;
  const data = new into(count);
  if (asItIs && (little || bytes === 1)) {
    await file.read(new Uint8Array(data.buffer), start);
    return data;
  }
  const perPiece = pieceBytes / bytes;
  const piece = new Uint8Array(Math.min(count, perPiece) * bytes);
  const view = new DataView(piece.buffer);
  for (let first = 0; first < count; first += perPiece) {
    const length = Math.min(perPiece, count - first);
    await file.read(piece.subarray(0, length * bytes), start + first * bytes);
    for (let i = 0; i < length; i++) {
      const value = read(view, i * bytes, little);
      if (value === undefined) {
        throw dataError(file.name, `element ${first + i} does not fit ${limit}`);
      }
      data[first + i] = value;
    }
  }
  return data;
}

/** From Fortran order, in which the first index runs fastest. */
function transposed<T extends NpyArray['data']>(data: T, shape: readonly number[]): T {
  const out = new (data.constructor as new (length: number) => T)(data.length);
  const strides = shape.map((_, axis) =>
    shape.slice(0, axis).reduce((product, extent) => product * extent, 1),
  );
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < out.length; to++) {
    out[to] = data[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

/** @throws ERR_BNLSTM_DATA */
export async function readNpyFrom(file: Bytes): Promise<NpyArray> {
  const { type, littleEndian, fortranOrder, shape, start } = await readNpyHeader(file);
  const element = Object.hasOwn(types, type) ? types[type] : undefined;
  if (!element) {
    const expected = `numbers: one of ${Object.keys(types).join(', ')}`;
    throw dataError(file.name, `dtype ${type}, expected ${expected}`);
  }
  const count = shape.reduce((product, extent) => product * extent, 1);
  const expected = count * element.bytes;
  if (file.size - start !== expected) {
    const form = `${type} of shape (${shape.join(', ')})`;
    throw dataError(file.name, `${file.size - start} bytes of data, expected ${expected}: ${form}`);
  }
  const data = await readElements(file, start, count, element, littleEndian);
  return { shape, data: fortranOrder && shape.length > 1 ? transposed(data, shape) : data };
}

/**
 * Reads an array that NumPy has saved (`.npy`, versions 1 to 3, either byte order; Fortran order
 * becomes C order). The file is not trusted: nothing is evaluated, and no more is allocated than it
 * holds, widened at most to four bytes an element (twice that in Fortran order).
 *
 * | saved as | becomes |
 * | --- | --- |
 * | float16, float32, float64 | `Float32Array`, rounded to nearest |
 * | int8, int16, int32, uint16 | `Int32Array` |
 * | int64, uint32, uint64 | `Int32Array`, if every number fits |
 * | uint8, bool | `Uint8Array` |
 *
 * @param source the path of a file, or its bytes
 * @throws ERR_BNLSTM_IO if the file cannot be read; ERR_BNLSTM_DATA if it is damaged, holds other
 *   things than numbers, or a number that does not fit (a finite one too large for float32 as well)
 */
export function readNpy(source: string | Uint8Array): Promise<NpyArray> {
  return withBytes(source, 'readNpy', readNpyFrom);
}
