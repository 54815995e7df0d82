type Numbers = Float32Array | Float64Array | Int32Array;

/** A typed array of which nobody knows yet how long it becomes. */
export class Growing<T extends Numbers> {
  length = 0;
  readonly #Type: new (
    length: number,
  ) => T;
  #array: T;

  constructor(Type: new (length: number) => T) {
    this.#Type = Type;
    this.#array = new Type(16);
  }

  push(value: number): void {
    if (this.length === this.#array.length) {
      const larger = new this.#Type(2 * this.length);
      larger.set(this.#array);
      this.#array = larger;
    }
    this.#array[this.length++] = value;
  }

  /** What was pushed, with nothing behind it. */
  take(): T {
    return this.#array.slice(0, this.length) as T;
  }
}
