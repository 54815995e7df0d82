/** From nested JSON arrays in the golden file's names to flat arrays in the contract's. */
import type { BnLstmOptions, BnLstmParameters, Statistics } from '../../lib/reference/contract.js';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = Record<string, Json>;

export function object(json: Json | undefined): JsonObject {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Error('expected an object');
  return json;
}

/** Row-major numbers of a nested array, which must have one of the given shapes, if any. */
export function flatten(json: Json | undefined, ...allowed: number[][]): Float64Array {
  const shape: number[] = [];
  for (let inner = json; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
  if (allowed.length && !allowed.some((other) => String(other) === String(shape)))
    throw new Error(`an array has shape [${shape}], expected [${allowed.join('] or [')}]`);
  const out: number[] = [];
  const visit = (item: Json | undefined, depth: number) => {
    if (Array.isArray(item) && item.length === shape[depth])
      for (const inner of item) visit(inner, depth + 1);
    else if (typeof item === 'number' && depth === shape.length) out.push(item);
    else throw new Error('an array is ragged, or holds something other than numbers');
  };
  visit(json, 0);
  return Float64Array.from(out);
}

/** [T][B] of 0 and 1 to lengths. Only right padding is part of the contract. */
export function lengthsOfMask(json: Json, T: number, B: number): Int32Array {
  const mask = flatten(json, [T, B]);
  const lengths = new Int32Array(B);
  mask.forEach((value, k) => {
    const [s, n] = [Math.floor(k / B), k % B];
    if (value !== 0 && value !== 1) throw new Error(`mask[${s}][${n}] is ${value}`);
    if (value === 0) return;
    if (lengths[n] !== s) throw new Error(`the mask of row ${n} is not a prefix`);
    lengths[n] = s + 1;
  });
  return lengths;
}

/** The file's name of a tensor to the contract's, with its shape. */
export type Shapes = Record<string, [name: string, shape: number[]]>;

export function parameterShapes({ D, H }: BnLstmOptions): Shapes {
  return {
    Wx: ['wx', [D, 4 * H]],
    Wh: ['wh', [H, 4 * H]],
    b: ['b', [4 * H]],
    gamma_x: ['gammaX', [4 * H]],
    gamma_h: ['gammaH', [4 * H]],
    gamma_c: ['gammaC', [H]],
    beta_c: ['betaC', [H]],
  };
}

export function gradientShapes(options: BnLstmOptions): Shapes {
  const { T, B, D, H } = options;
  return {
    ...parameterShapes(options),
    X: ['x', [T, B, D]],
    h0_rows: ['h0Rows', [B, H]],
    c0_rows: ['c0Rows', [B, H]],
    h0: ['h0', [H]],
    c0: ['c0', [H]],
  };
}

/** Every tensor of the object; a name that has no shape here is an error. */
export function tensors(json: Json | undefined, shapes: Shapes): Record<string, Float64Array> {
  const entries = Object.entries(object(json)).map(([key, value]) => {
    if (!(key in shapes)) throw new Error(`unknown tensor ${key}`);
    const [name, shape] = shapes[key];
    return [name, flatten(value, shape)];
  });
  return Object.fromEntries(entries);
}

export function parameters(json: Json | undefined, options: BnLstmOptions): BnLstmParameters {
  const shapes = parameterShapes(options);
  const found = tensors(json, shapes);
  for (const [name] of Object.values(shapes))
    if (!(name in found)) throw new Error(`the parameter ${name} is missing`);
  return found as unknown as BnLstmParameters;
}

/** a: recurrent, b: input (sequence-wise: one row, [4H]), c: cell. */
export function statistics(json: Json | undefined, H: number): Statistics {
  const tables = object(json);
  const table = (key: string, width: number) => {
    const out = flatten(tables[key]);
    if (out.length === 0 || out.length % width) throw new Error(`${key} has not ${width} columns`);
    return out;
  };
  return {
    recurrentMean: table('a_mean', 4 * H),
    recurrentVar: table('a_var', 4 * H),
    inputMean: table('b_mean', 4 * H),
    inputVar: table('b_var', 4 * H),
    cellMean: table('c_mean', H),
    cellVar: table('c_var', H),
  };
}
