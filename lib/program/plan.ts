/** Every buffer begins on a cache line, and no two share one. */
export const alignment = 64;

/** Memory that is needed from op `first` to op `last`, both included. */
export interface Buffer {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

export interface Plan {
  /** Of each buffer, in bytes from the begin of the arena. */
  readonly offsets: readonly number[];
  readonly bytes: number;
}

export function align(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

/**
 * Lays buffers into one arena so that no two that are alive at the same op overlap. Larger ones
 * come first; each takes the lowest gap between those placed before it that it could collide with.
 */
export function plan(buffers: readonly Buffer[]): Plan {
  const offsets = buffers.map(() => 0);
  const placed: { readonly buffer: Buffer; readonly begin: number; readonly end: number }[] = [];
  const order = buffers.map((_, index) => index);
  const size = (index: number) => align(buffers[index].bytes);
  order.sort((a, b) => size(b) - size(a) || a - b);
  for (const index of order) {
    const buffer = buffers[index];
    let begin = 0;
    for (const other of placed) {
      if (other.buffer.last < buffer.first || buffer.last < other.buffer.first) continue;
      if (begin + size(index) <= other.begin) break;
      begin = Math.max(begin, other.end);
    }
    offsets[index] = begin;
    const entry = { buffer, begin, end: begin + size(index) };
    const after = placed.findIndex((other) => other.begin > begin);
    placed.splice(after < 0 ? placed.length : after, 0, entry);
  }
  return { offsets, bytes: placed.reduce((bytes, { end }) => Math.max(bytes, end), 0) };
}
