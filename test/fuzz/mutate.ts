const deep: readonly unknown[] = JSON.parse(`${'['.repeat(3000)}${']'.repeat(3000)}`);

/** Random changes of bytes and of JSON: a pure function of the numbers that are drawn. */
export class Mutator {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to `count` - 1 (mulberry32). */
  below(count: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * count);
  }

  pick<T>(list: ArrayLike<T>): T {
    return list[this.below(list.length)];
  }

  /** One to four changes of bits, bytes, ranges and lengths; `other` is spliced in. */
  bytes(from: Uint8Array, other: Uint8Array): Buffer {
    let bytes: Buffer = Buffer.from(from);
    for (let left = 1 + this.below(4); left > 0; left--) bytes = this.#change(bytes, other);
    return bytes;
  }

  #change(bytes: Buffer, other: Uint8Array): Buffer {
    const at = this.below(bytes.length + 1);
    const length = 1 + this.below(this.pick([2, 8, 64, 512]));
    switch (this.below(8)) {
      case 0:
        if (at < bytes.length) bytes[at] ^= 1 << this.below(8);
        return bytes;
      case 1:
        if (at < bytes.length) bytes[at] = this.below(256);
        return bytes;
      case 2:
        if (at < bytes.length)
          bytes[at] = this.pick(Buffer.from('{}[]",:0-.eE\\u n\0\x7f\xff', 'latin1'));
        return bytes;
      case 3:
        return bytes.subarray(0, at);
      case 4: // a part is lost
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
      case 5: // a part is there twice
        return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
      case 6: {
        const start = this.below(other.length + 1);
        const part = other.subarray(start, start + length);
        return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)]);
      }
      default:
        return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(length, this.below(256))]);
    }
  }

  /** A value as JSON text has it, in which one place is another. */
  json(value: unknown): unknown {
    if (typeof value !== 'object' || value === null || this.below(16) === 0) {
      return this.#another(value);
    }
    if (Array.isArray(value)) {
      const list: unknown[] = [...value];
      const at = this.below(list.length + 1);
      if (this.below(4) === 0) list.splice(at, 1);
      else if (at < list.length) list[at] = this.json(list[at]);
      else list.push(this.#another(list.at(-1)));
      return list;
    }
    const entries = Object.entries(value);
    const at = this.below(entries.length + 1);
    const choice = this.below(8);
    if (at === entries.length) entries.push([this.#key(), this.#another(undefined)]);
    else if (choice === 0) entries.splice(at, 1);
    else if (choice === 1) entries[at] = [this.#key(), entries[at][1]];
    else if (choice === 2) entries[at] = [entries[at][0], this.pick(entries)[1]];
    else entries[at] = [entries[at][0], this.json(entries[at][1])];
    return Object.fromEntries(entries);
  }

  #key(): string {
    return this.pick([
      '__proto__',
      'constructor',
      'toString',
      'length',
      '__metadata__',
      '0',
      '',
      'shape',
      'hidden',
      'type',
      '\ud800',
      'x'.repeat(200),
    ]);
  }

  #another(value: unknown): unknown {
    if (typeof value === 'number' && this.below(2) === 0) {
      return this.pick([value + 1, value - 1, -value, value * 2, value * 4, value + 0.5]);
    }
    if (typeof value === 'string' && this.below(3) === 0) {
      return Buffer.from(this.bytes(Buffer.from(value), Buffer.from('"\\'))).toString('latin1');
    }
    return this.pick<() => unknown>([
      () => null,
      () => true,
      () => 0,
      () => -1,
      () => 1,
      () => this.below(100),
      () => 0.5,
      () => 2 ** this.below(64),
      () => 2 ** 53 - 1,
      () => 1e308,
      () => '',
      () => 'F32',
      () => 'NaN',
      () => 'x'.repeat(this.below(3000)),
      () => [],
      () => ({}),
      () => [[[value]]],
      () => ({ constructor: { name: { toString: 1 } }, valueOf: value }),
      () => Array(this.below(200)).fill(2 ** 52),
      () => (this.below(10) === 0 ? deep : [[]]),
    ])();
  }
}
