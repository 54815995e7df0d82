import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { pipeline } from '../../lib/nn/pipeline.js';

async function* numbers(log: string[], count = 5): AsyncGenerator<number, void, undefined> {
  try {
    for (let i = 1; i <= count; i++) {
      log.push(`fetch ${i}`);
      yield i;
    }
  } finally {
    log.push('close');
  }
}

test('fetches one ahead, and starts nothing that was not asked for', async () => {
  const log: string[] = [];
  const start = async (i: number) => {
    log.push(`start ${i}`);
    return -i;
  };
  const results = pipeline(numbers(log, 3), start);
  expect(log).toEqual([]);
  expect(await results.next()).toEqual({ done: false, value: -1 });
  expect(log).toEqual(['fetch 1', 'start 1', 'fetch 2']);
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(log.length).toBe(3);
  expect((await results.next()).value).toBe(-2);
  expect((await results.next()).value).toBe(-3);
  expect(log.slice(3)).toEqual(['start 2', 'fetch 3', 'start 3', 'close']);
  expect((await results.next()).done).toBe(true);
});

test('starts ahead where it may, gives all results in order, and waits for what it started', async () => {
  const log: string[] = [];
  const start = async (i: number) => {
    log.push(`start ${i}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    log.push(`end ${i}`);
    return i;
  };
  const results: number[] = [];
  for await (const i of pipeline(numbers(log, 5), start, undefined, (n) => n % 3 !== 0))
    results.push(i);
  expect(results).toEqual([1, 2, 3, 4, 5]);
  const order = log.filter((line) => !line.startsWith('fetch'));
  const before = (a: string, b: string) => expect(order.indexOf(a)).toBeLessThan(order.indexOf(b));
  before('start 2', 'end 1');
  before('start 3', 'end 2');
  before('end 3', 'start 4'); // the third may not be overtaken
  before('start 5', 'end 4');

  log.length = 0;
  const broken = pipeline(
    numbers(log, 5),
    async (i) => {
      await start(i);
      if (i === 1) throw new Error('broken');
    },
    undefined,
    () => true,
  );
  await expect(broken.next()).rejects.toThrow('broken');
  expect(log.slice(-2)).toEqual(['end 2', 'close']);
});

test('closes the source when the consumer leaves', async () => {
  const log: string[] = [];
  for await (const _ of pipeline(numbers(log), async (i) => i)) break;
  expect(log).toEqual(['fetch 1', 'fetch 2', 'close']);
});

test('a failure to fetch comes after the results before it', async () => {
  async function* failing() {
    yield 1;
    throw new Error('no more');
  }
  const results = pipeline(failing(), async (i) => i);
  expect((await results.next()).value).toBe(1);
  await expect(results.next()).rejects.toThrow('no more');
});

test('a failure of the work ends it and closes the source', async () => {
  const log: string[] = [];
  const results = pipeline(numbers(log), async () => {
    throw new Error('broken');
  });
  await expect(results.next()).rejects.toThrow('broken');
  expect(log.at(-1)).toBe('close');
});

test('an aborted signal stops it before the next item', async () => {
  const log: string[] = [];
  const controller = new AbortController();
  const results = pipeline(numbers(log), async (i) => i, controller.signal);
  await results.next();
  controller.abort(new Error('enough'));
  await expect(results.next()).rejects.toThrow('enough');
  expect(log).toEqual(['fetch 1', 'fetch 2', 'close']);
});

test('a failure to fetch comes after the result of a step that leads', async () => {
  async function* failing() {
    yield* [1, 2];
    throw new Error('no more');
  }
  const leading = (start: (i: number) => Promise<number>) =>
    pipeline(failing(), start, undefined, () => true);
  const results = leading(async (i) => i);
  expect((await results.next()).value).toBe(1);
  expect((await results.next()).value).toBe(2);
  await expect(results.next()).rejects.toThrow('no more');

  const broken = leading(async (i) => {
    if (i === 2) throw new Error('broken');
    return i;
  });
  expect((await broken.next()).value).toBe(1);
  await expect(broken.next()).rejects.toThrow('broken');
});

describe('a source that does not go on', () => {
  /** Gives two items, and the third when it is let. */
  function stuck() {
    const state = { closed: false, letGo: (_?: Error) => {} };
    const gate = new Promise<void>((resolve, reject) => {
      state.letGo = (error) => (error ? reject(error) : resolve());
    });
    async function* items() {
      try {
        yield* [1, 2];
        await gate;
        yield 3;
      } finally {
        state.closed = true;
      }
    }
    return { state, items: items() };
  }
  const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

  test.each([false, true])('does not keep an abort waiting (leading: %s)', async (leads) => {
    const { state, items } = stuck();
    const controller = new AbortController();
    const ended: number[] = [];
    const start = async (i: number) => {
      await settle();
      ended.push(i);
      return i;
    };
    const results = pipeline(items, start, controller.signal, () => leads);
    expect((await results.next()).value).toBe(1);
    const second = results.next();
    if (!leads) await second;
    const next = leads ? second : results.next();
    await settle();
    controller.abort(new Error('enough'));
    if (leads) expect((await next).value).toBe(2);
    await expect(leads ? results.next() : next).rejects.toThrow('enough');
    expect(ended).toEqual([1, 2]);
    expect(state.closed).toBe(false);
    state.letGo(); // what was asked for comes, and then the source is closed
    await settle();
    expect(state.closed).toBe(true);
  });

  test('does not keep a consumer that leaves, who does not hear of its failure', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      const { state, items } = stuck();
      const results = pipeline(items, async (i) => i);
      await results.next();
      await results.next();
      await results.return();
      state.letGo(new Error('too late'));
      await settle();
      expect(state.closed).toBe(true);
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  test('leaves one listener at the signal while it runs, and none afterwards', async () => {
    const { signal } = new AbortController();
    const listeners = () => getEventListeners(signal, 'abort').length;
    for await (const i of pipeline(numbers([], 20), async (i) => i, signal)) {
      expect(listeners()).toBe(1);
      if (i === 15) break;
    }
    expect(listeners()).toBe(0);
  });
});

test('the end of the data comes before an abort', async () => {
  const controller = new AbortController();
  const results = pipeline(numbers([], 1), async (i) => i, controller.signal);
  await results.next();
  controller.abort(new Error('enough'));
  expect((await results.next()).done).toBe(true);
});
