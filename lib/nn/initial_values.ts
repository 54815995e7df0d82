import type { NativeStream } from '../native.js';
import { statisticsNames } from '../ops/statistics.js';
import { hostStream, Philox } from '../random.js';
import type { Blueprint } from './builder.js';

/**
 * The initial parameters, flat. Each is a pure function of the seed and its own name (and
 * direction), whatever else the network holds.
 */
export async function initialParameters(
  blueprint: Blueprint,
  seed: number,
  stream: NativeStream,
): Promise<Float32Array> {
  const flat = new Float32Array(blueprint.parameterCount);
  for (const { name, visibleShape, offset, count, directions, fill } of blueprint.parameters) {
    const shape = directions === 1 ? visibleShape : visibleShape.slice(1);
    const size = count / directions;
    for (let direction = 0; direction < directions; direction++) {
      const from = offset + direction * size;
      const random = new Philox(seed, hostStream.initialValues, hash(`${name}/${direction}`));
      await fill(flat.subarray(from, from + size), shape, random, stream);
    }
  }
  return flat;
}

/** Where moving statistics start: mean 0, variance 1. */
export function initialMovingStatistics({ tables, tableCount }: Blueprint): Float32Array {
  const flat = new Float32Array(tableCount);
  for (const { segments } of tables) {
    for (const name of statisticsNames) {
      const { offset, count } = segments[name];
      if (name.endsWith('Var')) flat.fill(1, offset, offset + count);
    }
  }
  return flat;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  }
  return value;
}
