// What operands are filled with: times depend on the values only through denormal numbers and NaN,
// of which there are none.
import type { HostArray } from '../../native.js';
import { count, type Shape } from '../../program/value.js';
import { hostStream, Philox } from '../../random.js';

export interface Numbers {
  readonly shape: Shape;
  readonly data: HostArray;
}

/** Philox's words, in place of a stored random array. */
function words(shape: Shape): Uint32Array {
  const random = new Philox(1, hostStream.syntheticData);
  const all = new Uint32Array(Math.ceil(count(shape) / 4) * 4);
  for (let k = 0; k < all.length; k += 4) all.set(random.at(k / 4), k);
  return all.subarray(0, count(shape));
}

/** Uniform in -bound..bound. */
export function uniform(shape: Shape, bound: number): Numbers {
  return { shape, data: Float32Array.from(words(shape), (word) => bound * (word * 2 ** -31 - 1)) };
}

export function constant(shape: Shape, value: number): Numbers {
  return { shape, data: new Float32Array(count(shape)).fill(value) };
}

/** Ids from 0 to vocabulary - 1. */
export function tokens(shape: Shape, vocabulary: number): Numbers {
  return { shape, data: Int32Array.from(words(shape), (word) => word % vocabulary) };
}

/** The upper halves of float32 bits: rounding does not matter here. */
export function bf16(data: Float32Array): Uint16Array {
  return Uint16Array.from(
    new Uint32Array(data.buffer, data.byteOffset, data.length),
    (bits) => bits >>> 16,
  );
}
