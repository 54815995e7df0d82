import { describe, expect, it } from 'vitest';
import { parseIdx } from '../../lib/data/idx.js';

const file = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6);

describe('parseIdx', () => {
  it('reads extents and bytes, also within a larger buffer', () => {
    const inside = Uint8Array.of(9, ...file, 9).subarray(1, 1 + file.length);
    expect(parseIdx(inside, 'f')).toEqual({
      shape: [2, 3],
      data: Uint8Array.of(1, 2, 3, 4, 5, 6),
    });
  });

  it.each([
    ['empty', [], 'f: not an IDX file'],
    ['text', [...Buffer.from('hello')], 'f: not an IDX file'],
    ['floats', [0, 0, 13, 1, 0, 0, 0, 0], 'f: IDX type 13, expected 8 (bytes)'],
    ['cut in its header', [...file.subarray(0, 10)], 'f: ends within its header'],
    ['cut in its data', [...file.subarray(0, -1)], 'f: 5 bytes of data, expected 6 (2 × 3)'],
    ['too long', [...file, 7], 'f: 7 bytes of data, expected 6 (2 × 3)'],
  ])('refuses a file that is %s', (_, bytes, message) => {
    expect(() => parseIdx(Uint8Array.from(bytes), 'f')).toThrow(
      expect.objectContaining({ code: 'ERR_BNLSTM_DATA', message }),
    );
  });
});
