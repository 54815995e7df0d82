import { expect, test } from 'vitest';
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
