/** Row-major matrices in plain doubles. Shapes are arguments: `a` is [rows][inner] and so on. */

/** a [rows][inner] · b [inner][columns]. */
export function multiply(
  a: Float64Array,
  b: Float64Array,
  rows: number,
  inner: number,
  columns: number,
): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let n = 0; n < rows; n++)
    for (let k = 0; k < inner; k++)
      for (let j = 0; j < columns; j++)
        out[n * columns + j] += a[n * inner + k] * b[k * columns + j];
  return out;
}

/** a [rows][inner] · bᵀ, where b is [columns][inner]. */
export function multiplyTransposed(
  a: Float64Array,
  b: Float64Array,
  rows: number,
  inner: number,
  columns: number,
): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let n = 0; n < rows; n++)
    for (let j = 0; j < columns; j++)
      for (let k = 0; k < inner; k++) out[n * columns + j] += a[n * inner + k] * b[j * inner + k];
  return out;
}

/** out [inner][columns] += aᵀ · b, where a is [rows][inner] and b is [rows][columns]. */
export function addTransposedProduct(
  out: Float64Array,
  a: Float64Array,
  b: Float64Array,
  rows: number,
  inner: number,
  columns: number,
): void {
  for (let n = 0; n < rows; n++)
    for (let k = 0; k < inner; k++)
      for (let j = 0; j < columns; j++)
        out[k * columns + j] += a[n * inner + k] * b[n * columns + j];
}

/** out += a. */
export function add(out: Float64Array, a: Float64Array): void {
  for (let k = 0; k < out.length; k++) out[k] += a[k];
}

/** Σ over the rows of a [rows][columns]. */
export function sumRows(a: Float64Array, columns: number): Float64Array {
  const out = new Float64Array(columns);
  for (let k = 0; k < a.length; k++) out[k % columns] += a[k];
  return out;
}

/** A copy of a [rows][columns] with every unselected row zero, whatever it held (NaN included). */
export function selectRows(a: Float64Array, selected: Uint8Array, columns: number): Float64Array {
  return a.map((value, k) => (selected[Math.floor(k / columns)] ? value : 0));
}
