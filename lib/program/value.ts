import type { DType, HostArray, NativeArray } from '../native.js';

/** Extents, outermost first. Sequences are time-major: [T][B]... */
export type Shape = readonly number[];

/** Memory that outlives a program; `offset` in bytes. */
export interface Place {
  readonly array: NativeArray;
  readonly offset: number;
}

/**
 * Where a value lies. `input`, `temporary` and `blob` are planned into the arena: an input is
 * uploaded before the first op, a blob's bytes are known only when the program is compiled.
 */
export type Storage =
  | { readonly kind: 'input' | 'temporary' | 'blob' }
  | { readonly kind: 'external'; readonly place: Place };

/** One operand of a recording. A blob's `shape` is [0] until its program is compiled. */
export interface Value {
  readonly id: number;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly label: string;
  readonly requiresGradient: boolean;
  readonly storage: Storage;
}

/** Number of elements. */
export function count(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

const elementBytes: Readonly<Record<DType, number>> = { f32: 4, bf16: 2, i32: 4, u8: 1 };

export function byteLength(dtype: DType, shape: Shape): number {
  return count(shape) * elementBytes[dtype];
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** As messages and tables show it: `f32 [784][100][1]`. */
export function formatType(dtype: DType, shape: Shape): string {
  return `${dtype} ${shape.map((extent) => `[${extent}]`).join('')}`;
}

/** The host's type of a value: JavaScript has no bf16, the copy converts. */
export function hostTypeOf(dtype: DType): Exclude<DType, 'bf16'> {
  return dtype === 'bf16' ? 'f32' : dtype;
}

const hostArrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array };

/** The class of the host's arrays for values of a dtype. */
export function hostArrayOf(dtype: DType): new (length: number) => HostArray {
  return hostArrays[hostTypeOf(dtype)];
}
