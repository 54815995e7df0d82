// What operands are filled with: times depend on the values only through denormal numbers and NaN,
// of which there are none.
import type { HostArray } from '../../native.js';
import { count, type Shape } from '../../program/value.js';
import { hostStream, Philox } from '../../random.js';

export interface Numbers {
  readonly shape: Shape;
  readonly data: HostArray;
}

/** After so many words they come again: no power of two, so that no two rows are alike. */
const period = 65_540;

/** Philox's words, in place of a stored random array. */
function words(shape: Shape): Uint32Array {
  const random = new Philox(1, hostStream.syntheticData);
  const all = new Uint32Array(count(shape));
  const drawn = Math.min(period, Math.ceil(all.length / 4) * 4);
  const first = new Uint32Array(drawn);
  for (let k = 0; k < drawn; k += 4) first.set(random.at(k / 4), k);
  for (let k = 0; k < all.length; k += drawn) all.set(first.subarray(0, all.length - k), k);
  return all;
}

/** Uniform in -bound..bound. */
export function uniform(shape: Shape, bound: number): Numbers {
  const from = words(shape);
  const data = new Float32Array(from.length);
  for (let k = 0; k < data.length; ++k) data[k] = bound * (from[k] * 2 ** -31 - 1);
  return { shape, data };
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
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const halves = new Uint16Array(bits.length);
  for (let k = 0; k < halves.length; ++k) halves[k] = bits[k] >>> 16;
  return halves;
}
