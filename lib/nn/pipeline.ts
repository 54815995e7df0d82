/**
 * Runs one item after another and gives each result. While one runs the next is fetched, so that
 * preparing data costs no time; but it is started only when the consumer asks for its result.
 * @param source is closed when the consumer stops; that is waited for unless an item is on its way,
 * which may never come
 * @param start queues the work of an item; what it throws or rejects with ends the pipeline
 * @param signal is looked at before each item and while one is waited for; its reason ends the
 * pipeline
 * @param mayLead whether the item after this one may be started before this one has ended, so that a
 * device computes one while the inputs of the other are on their way. What was started is waited for
 * in any case, and its result given before what ends the pipeline.
 */
export async function* pipeline<Item, Result>(
  source: AsyncGenerator<Item, void, undefined>,
  start: (item: Item) => Promise<Result>,
  signal?: AbortSignal,
  mayLead: (item: Item) => boolean = () => false,
): AsyncGenerator<Result, void, undefined> {
  let running: Promise<Result> | undefined;
  const items = new Items(source, signal);
  try {
    signal?.throwIfAborted();
    items.fetch();
    for (;;) {
      const next = await items.next();
      if (running && (next.done || signal?.aborted)) {
        yield await running;
        running = undefined;
      }
      if ('error' in next) throw next.error;
      if (next.done) return;
      signal?.throwIfAborted();
      const started = start(next.value);
      started.catch(() => {}); // met in its turn, after the result before it
      items.fetch();
      const before = running;
      running = started;
      if (before) yield await before;
      if (mayLead(next.value)) continue;
      yield await running;
      running = undefined;
    }
  } finally {
    await running?.catch(() => {});
    await items.close();
  }
}

type Arrival<Item> =
  | { readonly done: false; readonly value: Item }
  | { readonly done: true }
  | { readonly done: true; readonly error: unknown };

/** The items of a source, one on its way at a time; the signal ends the wait for it. */
class Items<Item> {
  readonly #source: AsyncGenerator<Item, void, undefined>;
  readonly #signal: AbortSignal | undefined;
  #fetched: Promise<Arrival<Item>> = Promise.resolve({ done: true });
  #onItsWay = false;
  /** Ends the wait that there is. A promise of the abort would keep something of every race. */
  #interrupt = () => {};
  readonly #onAbort = () => this.#interrupt();

  constructor(source: AsyncGenerator<Item, void, undefined>, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort);
  }

  fetch(): void {
    this.#onItsWay = true;
    this.#fetched = this.#fetch();
  }

  async #fetch(): Promise<Arrival<Item>> {
    try {
      const { done, value } = await this.#source.next();
      return done ? { done } : { done: false, value: value as Item };
    } catch (error) {
      return { done: true, error };
    } finally {
      this.#onItsWay = false;
    }
  }

  next(): Promise<Arrival<Item>> {
    return new Promise((resolve) => {
      this.#fetched.then(resolve);
      this.#interrupt = () => resolve({ done: true, error: this.#signal?.reason });
      // What is there already, be it the end, comes before an abort.
      if (this.#signal?.aborted) setImmediate(this.#interrupt);
    });
  }

  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    const closed = this.#source.return();
    if (this.#onItsWay) closed.catch(() => {});
    else await closed;
  }
}
