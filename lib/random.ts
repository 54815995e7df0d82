/**
 * Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as
 * 1, 2, 3", SC 2011), the same words as native/core/philox.h. A number is a pure function of (seed,
 * stream, attempt, index): nothing here has a state that could be lost, shared or saved wrongly.
 */

/**
 * Streams of the numbers that are drawn on the host. The top bit keeps them apart from those of a
 * program's ops, which count up from 0.
 */
export const hostStream = {
  /** `attempt` = hash of the name of the parameter. */
  initialValues: 0x8000_0000,
  /** `attempt` = epoch. */
  batchOrder: 0x8000_0001,
  pixelOrder: 0x8000_0002,
  syntheticData: 0x8000_0003,
  /** `attempt` = epoch. */
  bucketOrder: 0x8000_0004,
  validationSplit: 0x8000_0005,
} as const;

/** A seed as the two words of a Philox key: the form in which ops take it. */
export interface SeedWords {
  readonly low: number;
  readonly high: number;
}

/** Splits a non-negative safe integer. */
export function seedWords(seed: number): SeedWords {
  return { low: seed >>> 0, high: Math.floor(seed / 2 ** 32) };
}

/** High word of the 64-bit product, by 16-bit halves: no partial sum exceeds 2^32 - 1. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (aLow * bHigh + (middle & 0xffff)) >>> 16;
  return (aHigh * bHigh + (middle >>> 16) + carry) >>> 0;
}

const toUnit24 = 2 ** -24;
const toUnit53 = 2 ** -53;

export class Philox {
  readonly key: SeedWords;
  readonly stream: number;
  readonly attempt: number;
  readonly #block = new Uint32Array(4);

  /**
   * @param seed non-negative safe integer, or the two words of a key
   * @param stream which random quantity, u32
   * @param attempt which training step, epoch or parameter, u32
   */
  constructor(seed: number | SeedWords, stream = 0, attempt = 0) {
    this.key = typeof seed === 'number' ? seedWords(seed) : seed;
    this.stream = stream >>> 0;
    this.attempt = attempt >>> 0;
  }

  /** The four words at a counter (a safe integer). They are overwritten by the next call. */
  at(counter: number): Uint32Array {
    return this.words(counter >>> 0, Math.floor(counter / 2 ** 32));
  }

  /** The same at a counter of 64 bits, given as two words. */
  words(low: number, high: number): Uint32Array {
    let c0 = low;
    let c1 = high;
    let c2 = this.stream;
    let c3 = this.attempt;
    let k0 = this.key.low;
    let k1 = this.key.high;
    for (let round = 0; round < 10; round++) {
      const high0 = multiplyHigh(0xd2511f53, c0);
      const low0 = Math.imul(0xd2511f53, c0);
      const high1 = multiplyHigh(0xcd9e8d57, c2);
      const low1 = Math.imul(0xcd9e8d57, c2);
      c0 = (high1 ^ c1 ^ k0) >>> 0;
      c1 = low1 >>> 0;
      c2 = (high0 ^ c3 ^ k1) >>> 0;
      c3 = low0 >>> 0;
      k0 = (k0 + 0x9e3779b9) >>> 0;
      k1 = (k1 + 0xbb67ae85) >>> 0;
    }
    const block = this.#block;
    block[0] = c0;
    block[1] = c1;
    block[2] = c2;
    block[3] = c3;
    return block;
  }

  /** Element `index` of a uniform array over [0, 1): 24 bits, exact in f32. */
  uniform(index: number): number {
    return (this.at(Math.floor(index / 4))[index % 4] >>> 8) * toUnit24;
  }

  /** Element `index` of a standard normal array, in f32 (Box-Muller, one value per block). */
  normal(index: number): number {
    const block = this.at(index);
    const radius = Math.sqrt(-2 * Math.log(((block[0] >>> 8) + 1) * toUnit24));
    return Math.fround(radius * Math.cos(2 * Math.PI * ((block[1] >>> 8) * toUnit24)));
  }

  /** Element `index` of an array of integers in [0, n): 53 bits, so that the bias is below n/2^53. */
  below(n: number, index: number): number {
    const block = this.at(index);
    return Math.floor((block[0] * 2 ** 21 + (block[1] >>> 11)) * toUnit53 * n);
  }

  /** A uniform permutation of 0..n-1 (Fisher-Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let last = n - 1; last > 0; last--) {
      const other = this.below(last + 1, last);
      const moved = order[last];
      order[last] = order[other];
      order[other] = moved;
    }
    return order;
  }
}
