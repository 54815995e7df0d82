import { afterAll, describe, expect, test } from 'vitest';
import { native } from '../../lib/native.js';
import {
  constant,
  glorot,
  type Initializer,
  identity,
  initializerFrom,
  orthogonal,
  paperInit,
  uniform,
  zeros,
} from '../../lib/nn/initializers.js';
import { Philox } from '../../lib/random.js';

const stream = new (native().Stream)('cpu', { threads: 0 });
afterAll(() => stream.dispose());

async function filled(
  initializer: Initializer,
  rows: number,
  columns: number,
  seed = 1,
): Promise<Float32Array> {
  const values = new Float32Array(rows * columns);
  await initializer.fill(values, [rows, columns], new Philox(seed), stream);
  return values;
}

/** What `orthogonal()` is defined as: Gram-Schmidt on the rows of a wide Gaussian matrix. */
function gramSchmidt(rows: number, columns: number, random: Philox): Float64Array {
  const values = Float64Array.from({ length: rows * columns }, (_, i) => random.normal(i));
  const row = (k: number) => values.subarray(k * columns, (k + 1) * columns);
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  for (let k = 0; k < rows; k++) {
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < k; j++) {
        const part = dot(row(k), row(j));
        for (let i = 0; i < columns; i++) row(k)[i] -= part * row(j)[i];
      }
    }
    const norm = Math.sqrt(dot(row(k), row(k)));
    for (let i = 0; i < columns; i++) row(k)[i] /= norm;
  }
  return values;
}

/** The largest deviation of the rows' (or columns') products from the identity. */
function orthogonalityError(values: Float32Array, rows: number, columns: number): number {
  const wide = rows <= columns;
  const [count, length] = wide ? [rows, columns] : [columns, rows];
  const at = (k: number, i: number) => values[wide ? k * columns + i : i * columns + k];
  let error = 0;
  for (let a = 0; a < count; a++) {
    for (let b = 0; b <= a; b++) {
      let dot = 0;
      for (let i = 0; i < length; i++) dot += at(a, i) * at(b, i);
      error = Math.max(error, Math.abs(dot - (a === b ? 1 : 0)));
    }
  }
  return error;
}

describe('orthogonal', () => {
  test.each([
    [1, 400],
    [400, 1],
    [7, 28],
    [28, 7],
    [100, 100],
    [100, 300],
    [1, 1],
  ])('%i by %i: rows or columns are orthonormal', async (rows, columns) => {
    const values = await filled(orthogonal(), rows, columns);
    expect(orthogonalityError(values, rows, columns)).toBeLessThan(1e-6);
  });

  test('is the Q of a Gaussian matrix, its transpose where that is tall', async () => {
    const expected = gramSchmidt(30, 70, new Philox(1));
    const [wide, tall] = [await filled(orthogonal(), 30, 70), await filled(orthogonal(), 70, 30)];
    for (let row = 0; row < 30; row++) {
      for (let column = 0; column < 70; column++) {
        const at = row * 70 + column;
        expect(Math.abs(wide[at] - expected[at])).toBeLessThan(1e-6);
        expect(tall[column * 30 + row]).toBe(wide[at]);
      }
    }
  });

  test('has the same bits on every machine', async () => {
    const bits = new Uint32Array((await filled(orthogonal(), 20, 50)).buffer);
    const hash = bits.reduce((value, word) => Math.imul(value ^ word, 0x01000193), 0x811c9dc5);
    expect(hash >>> 0).toBe(2627285255);
  });

  test('a scale multiplies', async () => {
    const once = await filled(orthogonal(), 5, 8);
    const half = await filled(orthogonal({ scale: 0.5 }), 5, 8);
    expect(half).toEqual(once.map((value) => value * 0.5));
  });

  test('is uniform: no entry is favoured', async () => {
    // For uniform orthogonal n by n matrices E[q] = 0 and E[q^2] = 1/n, for every entry.
    const n = 4;
    const draws = 2000;
    const sums = new Float64Array(n * n);
    const squares = new Float64Array(n * n);
    for (let seed = 0; seed < draws; seed++) {
      for (const [i, value] of (await filled(orthogonal(), n, n, seed)).entries()) {
        sums[i] += value / draws;
        squares[i] += value ** 2 / draws;
      }
    }
    // Six standard deviations: 0.5 / sqrt(2000) and less.
    for (const mean of sums) expect(Math.abs(mean)).toBeLessThan(0.07);
    for (const square of squares) expect(Math.abs(square - 1 / n)).toBeLessThan(0.04);
  });
});

describe('identity', () => {
  test('without gates: ones on the diagonal', async () => {
    expect([...(await filled(identity(), 2, 3))]).toEqual([1, 0, 0, 0, 1, 0]);
    expect([...(await filled(identity({ scale: 0.5 }), 2, 2))]).toEqual([0.5, 0, 0, 0.5]);
  });

  test("the paper's for MNIST: identity in g, one orthogonal matrix for f, i, o", async () => {
    const H = 20;
    const values = await filled(paperInit('mnist').recurrentInit, H, 4 * H);
    const rest = new Float32Array(H * 3 * H);
    for (let row = 0; row < H; row++) {
      const g = values.subarray(row * 4 * H + 3 * H, (row + 1) * 4 * H);
      expect([...g]).toEqual(Array.from({ length: H }, (_, j) => (j === row ? 1 : 0)));
      rest.set(values.subarray(row * 4 * H, row * 4 * H + 3 * H), row * 3 * H);
    }
    expect(orthogonalityError(rest, H, 3 * H)).toBeLessThan(1e-6);
  });

  test('gates in the middle, and all of them', async () => {
    const H = 3;
    const values = await filled(identity({ gates: ['o', 'i'] }), H, 4 * H);
    const rest: number[] = [];
    for (let row = 0; row < H; row++) {
      const line = values.subarray(row * 4 * H, (row + 1) * 4 * H);
      const unit = Array.from({ length: H }, (_, j) => (j === row ? 1 : 0));
      expect([...line.subarray(H, 3 * H)]).toEqual([...unit, ...unit]);
      rest.push(...line.subarray(0, H), ...line.subarray(3 * H));
    }
    expect(orthogonalityError(Float32Array.from(rest), H, 2 * H)).toBeLessThan(1e-6);
    expect([...(await filled(identity({ gates: ['f', 'i', 'o', 'g'] }), 1, 4))]).toEqual([
      1, 1, 1, 1,
    ]);
  });

  test('gates need recurrent weights', async () => {
    await expect(filled(identity({ gates: ['g'] }), 3, 5)).rejects.toThrow(/\[H, 4H\].*\[3, 5\]/);
  });
});

test('uniform, glorot, zeros, constant', async () => {
  const drawn = await filled(uniform({ min: -2, max: 3 }), 50, 50);
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(-2);
  expect(Math.max(...drawn)).toBeLessThan(3);
  expect(Math.max(...drawn) - Math.min(...drawn)).toBeGreaterThan(4.9);
  const limit = Math.sqrt(6 / 100);
  const scaled = await filled(glorot(), 40, 60);
  expect(Math.max(...scaled.map(Math.abs))).toBeLessThanOrEqual(Math.fround(limit));
  expect(Math.max(...scaled.map(Math.abs))).toBeGreaterThan(0.95 * limit);
  expect(await filled(zeros(), 2, 2)).toEqual(new Float32Array(4));
  expect(await filled(constant(0.1), 1, 2)).toEqual(Float32Array.of(0.1, 0.1));
});

test.each([
  orthogonal({ scale: 2 }),
  identity(),
  identity({ gates: ['g', 'f'] }),
  uniform({ min: 0, max: 1 }),
  glorot(),
  zeros(),
  constant(3),
])('$kind survives being saved', async (initializer) => {
  const saved = JSON.parse(JSON.stringify(initializer));
  const again = initializerFrom(saved, 'init');
  expect(JSON.stringify(again)).toBe(JSON.stringify(initializer));
  expect(await filled(again, 3, 12)).toEqual(await filled(initializer, 3, 12));
});

test('arguments', () => {
  expect(() => orthogonal({ gain: 1 } as never)).toThrow(/orthogonal.*scale.*gain/);
  expect(() => orthogonal({ scale: Number.NaN })).toThrow(/scale/);
  expect(() => uniform({ min: 1, max: 1 })).toThrow(/max.*> 1/);
  expect(() => identity({ gates: ['x' as never] })).toThrow(/gates/);
  expect(() => constant('1' as never)).toThrow(/constant/);
  expect(() => paperInit('imagenet' as never)).toThrow(/"mnist" or/);
  expect(() => initializerFrom({ kind: 'magic' }, 'init')).toThrow(/magic/);
});
