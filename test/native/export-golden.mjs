#!/usr/bin/env node
// node export-golden.mjs golden.json golden.bin: the step cases of a golden file (those with X and
// expected gradients) as raw binary for the Node-free runner, which has no JSON parser.
//
// Little-endian throughout. A string is u32 bytes + UTF-8. The file: 8 bytes 'BNLSTMG1', u32 number
// of cases, and each case:
//   string name
//   u32 number of texts, each: string key, string value        mode, stats, input_norm
//   u32 number of tensors, each: string key, u32 rank, u32 extent of each axis, f64 elements
// Keys of tensors are the paths in the JSON below `input` and `expect`, joined by dots:
// input.params.Wx [D][4H], input.X [T][N][D], expect.h [T][N][H], expect.grads.Wx. A number is a
// tensor of rank 0 (input.eps, always there). input.mask [T][N] becomes input.lengths [N].
import { readFileSync, writeFileSync } from 'node:fs';

/** @type {Buffer[]} */
const chunks = [];

/** @param {number} value */
function u32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  chunks.push(bytes);
}

/** @param {string} text */
function string(text) {
  const bytes = Buffer.from(text);
  u32(bytes.length);
  chunks.push(bytes);
}

/** @param {string} key @param {any} value nested arrays of numbers */
function tensor(key, value) {
  const shape = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
  const elements = [value].flat(shape.length);
  string(key);
  u32(shape.length);
  for (const extent of shape) u32(extent);
  const bytes = Buffer.alloc(8 * elements.length);
  elements.forEach((element, i) => {
    bytes.writeDoubleLE(element, 8 * i);
  });
  chunks.push(bytes);
}

/** Calls visit(path, leaf) for every string, number and array. */
function walk(/** @type {any} */ value, /** @type {string} */ path, /** @type {any} */ visit) {
  if (typeof value !== 'object' || Array.isArray(value)) return visit(path, value);
  for (const [key, inner] of Object.entries(value)) walk(inner, `${path}.${key}`, visit);
}

/** @param {number[][]} mask [T][N], ones before zeros in every row @returns {number[]} */
function lengthsOf(mask) {
  return mask[0].map((_, row) => {
    const length = mask.reduce((sum, step) => sum + step[row], 0);
    if (mask.some((step, t) => step[row] !== Number(t < length))) {
      throw new Error(`the mask of row ${row} is no prefix`);
    }
    return length;
  });
}

const [source, target] = process.argv.slice(2);
if (target === undefined) throw new Error('usage: export-golden.mjs golden.json golden.bin');
const golden = JSON.parse(readFileSync(source, 'utf8'));
const cases = golden.cases.filter(
  (/** @type {any} */ { input, expect }) => input.X && expect.grads,
);

chunks.push(Buffer.from('BNLSTMG1'));
u32(cases.length);
for (const { name, input, expect } of cases) {
  const { mask, ...rest } = { eps: golden.default_eps, ...input };
  /** @type {[string, string][]} */
  const texts = [];
  /** @type {[string, unknown][]} */
  const tensors = mask ? [['input.lengths', lengthsOf(mask)]] : [];
  const sort = (/** @type {string} */ path, /** @type {any} */ leaf) =>
    typeof leaf === 'string' ? texts.push([path.slice(6), leaf]) : tensors.push([path, leaf]);
  walk(rest, 'input', sort);
  walk(expect, 'expect', sort);

  string(name);
  u32(texts.length);
  for (const text of texts) text.forEach(string);
  u32(tensors.length);
  for (const [key, value] of tensors) tensor(key, value);
}
writeFileSync(target, Buffer.concat(chunks));
