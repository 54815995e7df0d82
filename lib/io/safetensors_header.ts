import { isObject, show } from '../check.js';
import { BnLstmError } from '../errors.js';
import { findDuplicateKey } from './json.js';

/** Where a tensor lies; byte offsets count from the end of the header. */
export interface Entry {
  readonly dtype: 'F32' | 'I32';
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  /** In the order of the file. */
  readonly entries: Map<string, Entry>;
  readonly metadata: Record<string, string>;
}

/** The one key of a header that names no tensor. */
export const metadataKey = '__metadata__';
const itemBytes = 4; // of both dtypes

function refuse(reason: string): never {
  throw new BnLstmError('ERR_BNLSTM_FORMAT', reason);
}

function isNaturalList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function parseJson(bytes: Uint8Array): Record<string, unknown> {
  let text = '';
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (error) {
    return refuse(`the header is not JSON: ${(error as Error).message}`);
  }
  if (!isObject(value)) return refuse('the header is not a JSON object');
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) refuse(`the header has ${show(duplicate)} twice`);
  return value;
}

function parseMetadata(value: unknown): Record<string, string> {
  // Without a prototype: a key such as __proto__ is a key like any other.
  const metadata = Object.create(null) as Record<string, string>;
  if (value === undefined) return metadata;
  if (!isObject(value)) return refuse('__metadata__ is not an object');
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') refuse(`__metadata__ ${show(key)} is not a string`);
    metadata[key] = text;
  }
  return metadata;
}

function showShape(shape: readonly number[]): string {
  const more = shape.length > 8 ? ', …' : '';
  return `[${shape.slice(0, 8).join(', ')}${more}]`;
}

function parseEntry(name: string, value: unknown): Entry {
  const label = `tensor ${show(name)}`;
  if (!isObject(value)) return refuse(`${label} is not an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (dtype !== 'F32' && dtype !== 'I32') {
    return refuse(`${label} has dtype ${show(dtype)}, expected F32 or I32`);
  }
  if (!isNaturalList(shape)) return refuse(`${label} has no valid shape`);
  if (!isNaturalList(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    return refuse(`${label} has no valid data_offsets`);
  }
  const [begin, end] = offsets;
  const bytes = shape.reduce((product, extent) => product * extent, itemBytes);
  if (bytes !== end - begin) {
    refuse(`${label} has ${end - begin} bytes, its shape ${showShape(shape)} needs ${bytes}`);
  }
  return { dtype, shape, begin, end };
}

/** Tensors in the order of the file: they must lie one after the other, and fill it. */
function inOrder(entries: [string, Entry][], dataBytes: number): Map<string, Entry> {
  entries.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const [name, { begin, end }] of entries) {
    if (begin !== position) {
      const what = begin > position ? 'a gap before' : 'an overlap with';
      refuse(`${what} tensor ${show(name)} at data byte ${begin}, expected ${position}`);
    }
    position = end;
  }
  if (position !== dataBytes) {
    refuse(`the tensors take ${position} bytes, the file has ${dataBytes} bytes of data`);
  }
  return new Map(entries);
}

/**
 * Reads and checks a header.
 *
 * @param dataBytes bytes of the file after the header
 * @throws ERR_BNLSTM_FORMAT with the reason
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number): Header {
  const json = parseJson(bytes);
  const entries: [string, Entry][] = [];
  for (const [name, value] of Object.entries(json)) {
    if (name !== metadataKey) entries.push([name, parseEntry(name, value)]);
  }
  const metadata = parseMetadata(Object.hasOwn(json, metadataKey) ? json[metadataKey] : undefined);
  return { entries: inOrder(entries, dataBytes), metadata };
}
