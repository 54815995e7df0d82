import { replaceFile } from '../../io/atomic.js';

/** Writes reals as NumPy reads them: version 1, float32, little-endian, C order. */
export async function writeNpy(
  path: string,
  shape: readonly number[],
  data: Float32Array,
): Promise<void> {
  const extents = `${shape.join(', ')}${shape.length === 1 ? ',' : ''}`;
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${extents}), }`;
  const prefix = 10; // magic, version, u16 length
  const length = Math.ceil((prefix + dictionary.length + 1) / 64) * 64 - prefix;
  const header = Buffer.alloc(prefix + length, ' ');
  header.write('\x93NUMPY\x01\x00', 'latin1');
  header.writeUInt16LE(length, 8);
  header.write(dictionary, prefix, 'latin1');
  header[prefix + length - 1] = 0x0a;
  await replaceFile(path, [header, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}
