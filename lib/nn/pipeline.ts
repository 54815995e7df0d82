/**
 * Runs one item after another and gives each result. While one runs the next is fetched, so that
 * preparing data costs no time; but it is started only when the consumer asks for its result.
 * @param source is closed when the consumer stops
 * @param start queues the work of an item; what it throws or rejects with ends the pipeline
 * @param signal is looked at before each item; its reason ends the pipeline
 */
export async function* pipeline<Item, Result>(
  source: AsyncGenerator<Item, void, undefined>,
  start: (item: Item) => Promise<Result>,
  signal?: AbortSignal,
): AsyncGenerator<Result, void, undefined> {
  try {
    signal?.throwIfAborted();
    for (let next = source.next(); ; ) {
      const { done, value } = await next;
      if (done) return;
      signal?.throwIfAborted();
      const running = start(value);
      next = source.next();
      // A failure to fetch is met at the next turn, after the result of this one.
      next.catch(() => {});
      yield await running;
    }
  } finally {
    await source.return();
  }
}
