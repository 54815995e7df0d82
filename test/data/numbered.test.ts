import { describe, expect, it } from 'vitest';
import { numbered, numberedBatches } from '../../lib/data/numbered.js';
import type { Batch } from '../../lib/data/source.js';
import { BnLstmError } from '../../lib/errors.js';

const batch: Batch = { inputs: new Float32Array(1), size: 1, steps: 1 };
const refusal = new BnLstmError('ERR_BNLSTM_BATCH_OF_ONE', 'batch: inputs[5]: expected better');

async function caught(batches: AsyncGenerator<unknown>): Promise<unknown> {
  try {
    for await (const _ of batches);
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('numbered', () => {
  it('gives the result of the work', () => {
    expect(numbered({ batch: 1 }, () => 7)).toBe(7);
  });

  it('names the batch, and keeps code and cause', () => {
    const refuse = () => {
      throw refusal;
    };
    expect(() => numbered({ epoch: 2, batch: 17 }, refuse)).toThrow(
      expect.objectContaining({
        name: 'BnLstmError',
        code: 'ERR_BNLSTM_BATCH_OF_ONE',
        message: 'batch 17 of epoch 2: inputs[5]: expected better',
        cause: refusal,
      }),
    );
  });
});

describe('numberedBatches', () => {
  it('prepares every batch by its index', async () => {
    const indices: number[] = [];
    const read = numberedBatches([batch, batch], (_, index) => index, { skipped: 3 });
    for await (const index of read) indices.push(index);
    expect(indices).toEqual([3, 4]);
  });

  it.each([
    ['at its beginning', 0, 'batch 6 of epoch 2: disk on fire'],
    ['later', 2, 'batch 8 of epoch 2: disk on fire'],
  ])('names the batch of which the source fails %s', async (_, given, message) => {
    const cause = new RangeError('disk on fire');
    async function* failing() {
      for (let i = 0; i < given; i++) yield batch;
      throw cause;
    }
    const read = numberedBatches(failing(), () => 0, { epoch: 2, skipped: 5 });
    expect(await caught(read)).toMatchObject({ code: 'ERR_BNLSTM_DATA', message, cause });
  });

  it('names the batch that is refused, and closes the source', async () => {
    let closed = false;
    function* source() {
      try {
        yield batch;
        yield batch;
      } finally {
        closed = true;
      }
    }
    const read = numberedBatches(source(), (_, index) => {
      if (index === 1) throw refusal;
    });
    expect(await caught(read)).toMatchObject({
      code: 'ERR_BNLSTM_BATCH_OF_ONE',
      message: 'batch 2: inputs[5]: expected better',
    });
    expect(closed).toBe(true);
  });

  describe('leaves the reason of an abort alone', () => {
    const enough = new Error('enough');
    const reading = (thrown: unknown, signal?: AbortSignal) => {
      function* source() {
        yield batch;
        throw thrown;
      }
      return caught(numberedBatches(source(), () => 0, { signal }));
    };
    const abortError = AbortSignal.abort().reason;

    it.each([
      ['an AbortError', abortError],
      ['an error of the user', enough],
      ['no error at all', 'enough'],
    ])('%s', async (_, reason) => {
      expect(await reading(reason, AbortSignal.abort(reason))).toBe(reason);
    });

    it('with another error that was thrown for it', async () => {
      expect(await reading(abortError, AbortSignal.abort(enough))).toBe(enough);
    });

    it('of a signal that is not ours', async () => {
      expect(await reading(abortError)).toBe(abortError);
      expect(await reading(abortError, new AbortController().signal)).toBe(abortError);
    });

    it('and nothing else', async () => {
      const fault = new RangeError('disk on fire');
      const message = 'batch 2: disk on fire';
      expect(await reading(fault, AbortSignal.abort(enough))).toMatchObject({ message });
    });
  });

  it('closes the source where its reader stops', async () => {
    let closed = false;
    async function* source() {
      try {
        for (;;) yield batch;
      } finally {
        closed = true;
      }
    }
    for await (const _ of numberedBatches(source(), () => 0)) break;
    expect(closed).toBe(true);
  });
});
