import type { Philox } from '../random.js';

/** Vectors that a vector is projected against at once, so that it is read once for all of them. */
const together = 4;

/**
 * Fills a row-major matrix with orthonormal rows (if it is wide) or columns (if it is tall), times
 * `scale`: Gram-Schmidt in f64 on a Gaussian matrix. Lengths are positive, as in a QR factorisation
 * with R's diagonal made positive, so the result is uniform over orthogonal matrices.
 */
export function fillOrthogonal(
  values: Float32Array,
  rows: number,
  columns: number,
  random: Philox,
  scale = 1,
): void {
  const wide = rows <= columns;
  const [count, length] = wide ? [rows, columns] : [columns, rows];
  const vectors = new Float64Array(count * length);
  for (let i = 0; i < vectors.length; i++) vectors[i] = random.normal(i);
  orthonormalize(vectors, count, length);
  for (let k = 0; k < count; k++) {
    for (let i = 0; i < length; i++) {
      const value = scale * vectors[k * length + i];
      values[wide ? k * length + i : i * count + k] = value;
    }
  }
}

/** Makes `count` <= `length` contiguous vectors orthonormal, in place. */
function orthonormalize(vectors: Float64Array, count: number, length: number): void {
  for (let k = 0; k < count; k++) {
    const vector = vectors.subarray(k * length, (k + 1) * length);
    let norm = Math.sqrt(dot(vector, vector));
    // A projection that cancels most of a vector leaves rounding errors of its old length in it:
    // once more takes them away ("twice is enough", Parlett 1980).
    for (let before = Number.POSITIVE_INFINITY; norm < 0.1 * before; ) {
      before = norm;
      projectOut(vectors, k, length, vector);
      norm = Math.sqrt(dot(vector, vector));
    }
    for (let i = 0; i < length; i++) vector[i] = vector[i] / norm;
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Takes from `vector` its parts along the first `count` vectors, a few at a time. */
function projectOut(
  vectors: Float64Array,
  count: number,
  length: number,
  vector: Float64Array,
): void {
  let k = 0;
  for (; k + together <= count; k += together) {
    const at0 = k * length;
    const at1 = at0 + length;
    const at2 = at1 + length;
    const at3 = at2 + length;
    let dot0 = 0;
    let dot1 = 0;
    let dot2 = 0;
    let dot3 = 0;
    for (let i = 0; i < length; i++) {
      const v = vector[i] as number;
      dot0 += v * vectors[at0 + i];
      dot1 += v * vectors[at1 + i];
      dot2 += v * vectors[at2 + i];
      dot3 += v * vectors[at3 + i];
    }
    for (let i = 0; i < length; i++) {
      vector[i] =
        vector[i] -
        dot0 * vectors[at0 + i] -
        dot1 * vectors[at1 + i] -
        dot2 * vectors[at2 + i] -
        dot3 * vectors[at3 + i];
    }
  }
  for (; k < count; k++) {
    const other = vectors.subarray(k * length, (k + 1) * length);
    const part = dot(vector, other);
    for (let i = 0; i < length; i++) vector[i] = vector[i] - part * other[i];
  }
}
