import type { SeedWords } from '../random.js';

/** 64 bits that choose the random numbers: whole, or as two unsigned 32-bit halves. */
export type Seed = bigint | SeedWords;

/** The seed as native ops take it. */
export function seedOptions(seed: Seed): { readonly seedLow: number; readonly seedHigh: number } {
  if (typeof seed !== 'bigint') return { seedLow: seed.low, seedHigh: seed.high };
  return {
    seedLow: Number(BigInt.asUintN(32, seed)),
    seedHigh: Number(BigInt.asUintN(32, seed >> 32n)),
  };
}
