import { BnLstmError } from '../errors.js';

/** Bytes of any number of dimensions, in the IDX format of the MNIST files. */
export interface Idx {
  readonly shape: readonly number[];
  /** A view into the file's bytes. */
  readonly data: Uint8Array;
}

const unsignedByte = 0x08;

/**
 * Reads an IDX file of unsigned bytes: two zero bytes, type, number of dimensions, the extents
 * (u32, big-endian), then the data.
 *
 * @param path named in errors only
 * @throws ERR_BNLSTM_DATA
 */
export function parseIdx(file: Uint8Array, path: string): Idx {
  const damaged = (what: string) => new BnLstmError('ERR_BNLSTM_DATA', `${path}: ${what}`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 4 || view.getUint16(0) !== 0) throw damaged('not an IDX file');
  if (file[2] !== unsignedByte)
    throw damaged(`IDX type ${file[2]}, expected ${unsignedByte} (bytes)`);
  const dimensions = file[3];
  const header = 4 + 4 * dimensions;
  if (file.length < header) throw damaged('ends within its header');
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  const expected = shape.reduce((product, extent) => product * extent, 1);
  const data = file.subarray(header);
  if (data.length !== expected) {
    throw damaged(`${data.length} bytes of data, expected ${expected} (${shape.join(' × ')})`);
  }
  return { shape, data };
}
