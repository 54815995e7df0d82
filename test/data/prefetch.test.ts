import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { iterableData } from '../../lib/data/iterable.js';
import { prefetch } from '../../lib/data/prefetch.js';
import type { Batch, DataSource } from '../../lib/data/source.js';
import { expectError, noiseBatch, noiseData } from '../model/support.js';

const batchOf = (n: number): Batch => ({ inputs: Float32Array.of(n), size: 1, steps: 1 });
const options = { batchSize: 1 };
/** Lets everything go on that can. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

/** Gives a batch when it is told to, and tells what is asked of it. */
class Valve implements DataSource {
  readonly count = undefined;
  asked = 0;
  overlapping = false;
  closed = 0;
  #open: ((result: IteratorResult<Batch>) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  batches(): AsyncIterable<Batch> {
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          this.asked++;
          this.overlapping ||= this.#open !== undefined;
          return new Promise<IteratorResult<Batch>>((resolve, reject) => {
            this.#open = resolve;
            this.#fail = reject;
          });
        },
        return: async () => {
          this.closed++;
          return { done: true, value: undefined };
        },
      }),
    };
  }

  async give(n?: number): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    open?.(n === undefined ? { done: true, value: undefined } : { done: false, value: batchOf(n) });
    await settle();
  }

  async fail(error: Error): Promise<void> {
    this.#open = undefined;
    this.#fail?.(error);
    await settle();
  }
}

const outcome = async (result: Promise<IteratorResult<Batch, unknown>>) => {
  const { done, value } = await result;
  return done ? 'end' : (value as Batch).inputs[0];
};
const iterate = (source: DataSource) =>
  (source.batches(options) as AsyncIterable<Batch>)[Symbol.asyncIterator]();

describe('prefetch', () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  beforeEach(() => {
    unhandled.length = 0;
    process.on('unhandledRejection', note);
  });
  afterEach(async () => {
    await settle();
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it('reads so many ahead, one at a time, in order', async () => {
    const valve = new Valve();
    const iterator = iterate(prefetch(valve, { batches: 2 }));
    await settle();
    expect(valve.asked).toBe(0);
    const first = iterator.next();
    await settle();
    expect(valve.asked).toBe(1);
    await valve.give(1);
    expect(await outcome(first)).toBe(1);
    await valve.give(2);
    await valve.give(3);
    expect(valve.asked).toBe(3);
    expect(await outcome(iterator.next())).toBe(2);
    await settle();
    expect(valve.asked).toBe(4);
    await valve.give(4);
    expect(await outcome(iterator.next())).toBe(3);
    await settle();
    await valve.give();
    for (const expected of [4, 'end', 'end']) {
      expect(await outcome(iterator.next())).toBe(expected);
    }
    expect([valve.asked, valve.overlapping, valve.closed]).toEqual([5, false, 0]);
  });

  it('tells an error in its turn, and then the end', async () => {
    const valve = new Valve();
    const iterator = iterate(prefetch(valve, { batches: 3 }));
    const first = iterator.next();
    await settle();
    await valve.give(1);
    await valve.give(2);
    await valve.fail(new Error('disk on fire'));
    expect(await outcome(first)).toBe(1);
    expect(await outcome(iterator.next())).toBe(2);
    await expect(iterator.next()).rejects.toThrow('disk on fire');
    expect(await outcome(iterator.next())).toBe('end');
    expect(valve.asked).toBe(3);
  });

  it('closes the source where its reader leaves, and meets what fails after that', async () => {
    const valve = new Valve();
    const iterator = iterate(prefetch(valve, { batches: 2 }));
    const first = iterator.next();
    await settle();
    await valve.give(1);
    await first;
    await iterator.return?.();
    expect(valve.closed).toBe(1);
    await valve.fail(new Error('too late'));
    expect(valve.asked).toBe(2);
  });

  it('closes a source that failed unseen', async () => {
    const valve = new Valve();
    const iterator = iterate(prefetch(valve, { batches: 2 }));
    const first = iterator.next();
    await settle();
    await valve.give(1);
    await valve.fail(new Error('unseen'));
    expect(await outcome(first)).toBe(1);
    await iterator.return?.();
    expect(await outcome(iterator.next())).toBe('end');
  });

  it('passes the error of a source that throws at once', async () => {
    const source: DataSource = {
      count: undefined,
      // biome-ignore lint/correctness/useYield: it never comes to that
      *batches() {
        throw new Error('at once');
      },
    };
    await expect(iterate(prefetch(source)).next()).rejects.toThrow('at once');
  });

  it('lets a source use its arrays again', async () => {
    const source: DataSource = {
      count: undefined,
      async *batches() {
        const batch = batchOf(0);
        for (let n = 0; n < 6; n++) {
          batch.inputs[0] = n;
          yield batch;
        }
      },
    };
    const seen: number[] = [];
    for await (const { inputs } of prefetch(source, { batches: 3 }).batches(options)) {
      await settle();
      seen.push(inputs[0]);
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('is as its source: of its count, seekable, resumed', async () => {
    const data = noiseData({ count: 10 });
    const ahead = prefetch(data);
    expect([ahead.count, ahead.seekable, ahead.resume]).toEqual([10, true, undefined]);
    const batches: Batch[] = [];
    const given = { batchSize: 3, skip: 1, shuffle: { seed: 1, epoch: 2 } };
    for await (const batch of ahead.batches(given)) batches.push(batch);
    expect(batches).toEqual([...(data.batches(given) as Iterable<Batch>)]);

    const items = [1, 2, 3].map((count) => noiseBatch({ count }));
    const resumed = prefetch(iterableData(() => items, { resume: () => items.slice(1) }));
    const rest: Batch[] = [];
    const cursor = { epoch: 1, batches: 1 };
    for await (const batch of resumed.resume?.(cursor, options) ?? []) rest.push(batch);
    expect(rest).toEqual(items.slice(1));
  });

  it('says what is wrong', async () => {
    const code = 'ERR_BNLSTM_ARGUMENT';
    const data = noiseData({ count: 4 });
    await expectError(() => prefetch([] as never), code, /prefetch: source/);
    await expectError(() => prefetch(data, { batches: 0 }), code, /prefetch: batches/);
    await expectError(() => prefetch(data, { ahead: 1 } as never), code, /got ahead/);
  });
});
