/**
 * Runs one item after another and gives each result. While one runs the next is fetched, so that
 * preparing data costs no time; but it is started only when the consumer asks for its result.
 * @param source is closed when the consumer stops
 * @param start queues the work of an item; what it throws or rejects with ends the pipeline
 * @param signal is looked at before each item; its reason ends the pipeline
 * @param mayLead whether the item after this one may be started before this one has ended, so that a device computes one while the inputs of the other are on their way. What was started is
 * waited for in any case.
 */
export async function* pipeline<Item, Result>(
  source: AsyncGenerator<Item, void, undefined>,
  start: (item: Item) => Promise<Result>,
  signal?: AbortSignal,
  mayLead: (item: Item) => boolean = () => false,
): AsyncGenerator<Result, void, undefined> {
  let running: Promise<Result> | undefined;
  try {
    signal?.throwIfAborted();
    let next = source.next();
    for (;;) {
      const { done, value } = await next;
      if (running && (done || signal?.aborted)) {
        yield await running;
        running = undefined;
      }
      if (done) return;
      signal?.throwIfAborted();
      const started = start(value);
      next = source.next();
      // Failures are met in their turn, after the results before them.
      for (const promise of [started, next]) promise.catch(() => {});
      const before = running;
      running = started;
      if (before) yield await before;
      if (mayLead(value)) continue;
      yield await running;
      running = undefined;
    }
  } finally {
    await running?.catch(() => {});
    await source.return();
  }
}
