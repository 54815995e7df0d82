/**
 * Checks of users' arguments. Each returns the value, typed, or throws ERR_BNLSTM_ARGUMENT with one
 * form of message: `<argument>: expected <what>, got <what>`. Meant to be read at the call as
 * `check.integer(options.hidden, 'bnLstm: hidden', { min: 1 })`.
 */
import { BnLstmError } from './errors.js';

/** A value as an error message shows it: short, never a whole array. */
export function show(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  }
  if (ArrayBuffer.isView(value)) {
    const length = (value as unknown as { readonly length?: number }).length;
    return `${value.constructor.name}(${length ?? value.byteLength})`;
  }
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'function') return value.name ? `function ${value.name}` : 'a function';
  if (typeof value === 'object' && value !== null) {
    // JSON may have anything under these names.
    const name: unknown = value.constructor?.name;
    return typeof name !== 'string' || name === 'Object' ? 'an object' : `an object (${name})`;
  }
  return typeof value === 'bigint' ? `${value}n` : String(value);
}

/** The error that every check throws; `got` is shown as it is, not quoted again. */
export function argumentError(name: string, expected: string, got: string): BnLstmError {
  return new BnLstmError('ERR_BNLSTM_ARGUMENT', `${name}: expected ${expected}, got ${got}`);
}

function refuse(name: string, expected: string, value: unknown): never {
  throw argumentError(name, expected, show(value));
}

/** An object of JSON: no array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function object<T>(value: T, name: string): T & Record<string, unknown> {
  if (!isObject(value)) refuse(name, 'an object', value);
  return value;
}

/**
 * An options object: a plain object with none but the known keys, so that no typo passes silently.
 * `undefined` is taken as no options: the option that has to be there is then missed by its name.
 */
export function options<T extends object>(
  value: T | undefined,
  name: string,
  keys: readonly string[],
): T {
  if (value === undefined) return {} as T;
  if (!isObject(value)) refuse(name, 'an options object', value);
  const unknown = Object.keys(value).filter((key) => !keys.includes(key));
  if (unknown.length > 0) {
    const more = unknown.length > 8 ? ', …' : '';
    const got = unknown.slice(0, 8).map((key) => (key.length > 60 ? `${key.slice(0, 60)}…` : key));
    throw argumentError(name, `only the options ${keys.join(', ')}`, got.join(', ') + more);
  }
  return value;
}

/** The bounds of a number, both inclusive unless said otherwise. */
export interface Range {
  readonly min?: number;
  readonly max?: number;
  /** The number must lie above `min`, not at it. */
  readonly above?: number;
  /** The number must lie below, not at it. */
  readonly below?: number;
}

function within(value: number, { min, max, above, below }: Range): boolean {
  return (
    value >= (min ?? Number.NEGATIVE_INFINITY) &&
    value <= (max ?? Number.POSITIVE_INFINITY) &&
    value > (above ?? Number.NEGATIVE_INFINITY) &&
    value < (below ?? Number.POSITIVE_INFINITY)
  );
}

function showRange({ min, max, above, below }: Range): string {
  const bounds = [
    min !== undefined && `≥ ${min}`,
    above !== undefined && `> ${above}`,
    max !== undefined && `≤ ${max}`,
    below !== undefined && `< ${below}`,
  ].filter((bound) => bound !== false);
  return bounds.length > 0 ? ` ${bounds.join(' and ')}` : '';
}

/** A safe integer within a range. */
export function integer(value: unknown, name: string, range: Range = {}): number {
  if (!Number.isSafeInteger(value) || !within(value as number, range)) {
    refuse(name, `an integer${showRange(range)}`, value);
  }
  return value as number;
}

/** A finite number within a range. */
export function number(value: unknown, name: string, range: Range = {}): number {
  if (!Number.isFinite(value) || !within(value as number, range)) {
    refuse(name, `a finite number${showRange(range)}`, value);
  }
  return value as number;
}

/** A seed: an integer from 0 to 2^53 - 1. */
export function seed(value: unknown, name: string): number {
  return integer(value, name, { min: 0 });
}

export function boolean(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') refuse(name, 'true or false', value);
  return value;
}

/** A string that is not empty. */
export function string(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '') refuse(name, 'a string that is not empty', value);
  return value;
}

export function oneOf<const T extends string>(
  value: unknown,
  name: string,
  choices: readonly T[],
): T {
  if (!choices.includes(value as T)) {
    refuse(name, choices.map((choice) => JSON.stringify(choice)).join(' or '), value);
  }
  return value as T;
}

// biome-ignore lint/suspicious/noExplicitAny: any function is meant
export function callback<T extends (...args: any[]) => unknown>(value: T, name: string): T {
  if (typeof value !== 'function') refuse(name, 'a function', value);
  return value;
}

/** An AbortSignal, or undefined. */
export function signal(value: unknown, name: string): AbortSignal | undefined {
  if (value !== undefined && !(value instanceof AbortSignal)) refuse(name, 'an AbortSignal', value);
  return value;
}

/** Instances of a class of this package, or of JavaScript. */
export function instance<T>(
  value: unknown,
  name: string,
  // biome-ignore lint/suspicious/noExplicitAny: only `instanceof` is used
  type: abstract new (...args: any[]) => T,
  expected: string,
): T {
  if (!(value instanceof type)) refuse(name, expected, value);
  return value;
}

/** The typed arrays that users hand over. */
export type UserArray = Float32Array | Int32Array | Uint8Array;
type UserArrayClass = Float32ArrayConstructor | Int32ArrayConstructor | Uint8ArrayConstructor;

/**
 * A typed array of one of `types` (named in the message), with exactly `length` elements if given.
 * A detached buffer has length 0 and is refused by its length.
 */
export function typedArray<C extends UserArrayClass>(
  value: unknown,
  name: string,
  types: readonly C[],
  length?: number,
): InstanceType<C> {
  const right = types.some((type) => value instanceof type);
  if (!right || (length !== undefined && (value as UserArray).length !== length)) {
    const kinds = types.map(({ name }) => (name.startsWith('I') ? `an ${name}` : `a ${name}`));
    const size = length === undefined ? '' : ` of ${length} elements`;
    refuse(name, kinds.join(' or ') + size, value);
  }
  return value as InstanceType<C>;
}

/** Every element of an integer array within bounds (inclusive); the message names the first bad one. */
export function elements(values: ArrayLike<number>, name: string, min: number, max: number): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!(value >= min && value <= max)) {
      throw argumentError(`${name}[${i}]`, `an integer from ${min} to ${max}`, String(value));
    }
  }
}
