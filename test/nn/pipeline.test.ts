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
