// Files that somebody has damaged.
import fc from 'fast-check';
import { expect } from 'vitest';
import { BnLstmError } from '../../lib/errors.js';

type Mutation = (bytes: Buffer) => Buffer;

const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, fc.nat(255)).map(
    ([at, value]): Mutation =>
      (bytes) => {
        const out = Buffer.from(bytes);
        if (out.length > 0) out[Math.floor(at * out.length)] = value;
        return out;
      },
  ),
  // Numbers of four bytes, where sizes and offsets may be.
  fc.tuple(place, fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff)).map(
    ([at, value]): Mutation =>
      (bytes) => {
        const out = Buffer.from(bytes);
        if (out.length >= 4) out.writeUInt32LE(value, Math.floor(at * (out.length - 3)));
        return out;
      },
  ),
  place.map(
    (at): Mutation =>
      (bytes) =>
        bytes.subarray(0, Math.floor(at * bytes.length)),
  ),
  fc.tuple(place, place, fc.uint8Array({ maxLength: 9 })).map(
    ([a, b, between]): Mutation =>
      (bytes) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)].map((x) =>
          Math.floor(x * bytes.length),
        );
        return Buffer.concat([bytes.subarray(0, from), between, bytes.subarray(to)]);
      },
  ),
);

const allowed = ['ERR_BNLSTM_DATA', 'ERR_BNLSTM_IO', 'ERR_BNLSTM_ARGUMENT'];

/**
 * Reads files made of `seeds` by a few mutations: each is read, to no more bytes than `bound` says
 * for a file of so many, or refused by one of our errors.
 */
export async function expectOnlyOurErrors(
  seeds: readonly Buffer[],
  read: (bytes: Buffer) => Promise<number>,
  bound: (bytes: number) => number,
  numRuns = 1500,
): Promise<void> {
  const file = fc
    .tuple(fc.constantFrom(...seeds), fc.array(mutation, { minLength: 1, maxLength: 3 }))
    .map(([seed, mutations]) => mutations.reduce((bytes, mutate) => mutate(bytes), seed));
  await fc.assert(
    fc.asyncProperty(file, async (bytes) => {
      try {
        expect(await read(bytes)).toBeLessThanOrEqual(bound(bytes.length));
      } catch (error) {
        if (!(error instanceof BnLstmError && allowed.includes(error.code))) throw error;
      }
    }),
    { numRuns },
  );
}
