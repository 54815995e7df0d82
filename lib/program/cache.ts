import type { Program } from './program.js';

/** The programs that were used last, by key. What falls out is disposed. */
export class ProgramCache {
  readonly #programs = new Map<string, Program>();

  constructor(readonly capacity = 8) {}

  /** The program of `key`, compiled by `make` if it is not there. */
  get(key: string, make: () => Program): Program {
    const program = this.#programs.get(key) ?? make();
    // A Map keeps the order of insertion: the first key is the one used longest ago.
    this.#programs.delete(key);
    this.#programs.set(key, program);
    for (const [oldest, dropped] of this.#programs) {
      if (this.#programs.size <= this.capacity) break;
      this.#programs.delete(oldest);
      dropped.dispose();
    }
    return program;
  }

  /** Disposes all of them. */
  clear(): void {
    for (const program of this.#programs.values()) program.dispose();
    this.#programs.clear();
  }
}
