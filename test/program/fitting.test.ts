import { describe, expect, test } from 'vitest';
import { BnLstmError } from '../../lib/errors.js';
import type { NativeProgramDescription } from '../../lib/native.js';
import { compileFitting } from '../../lib/program/fitting.js';
import { Graph } from '../../lib/program/graph.js';
import { OutOfMemoryError } from '../../lib/program/out_of_memory_error.js';
import { recomputeModes } from '../../lib/recompute.js';
import { FakeStream } from './fake_stream.js';

/** A device with so many bytes, of which the arena has `arenaBytes`. */
class SmallDevice extends FakeStream {
  constructor(
    readonly free: number,
    readonly total: number,
    override readonly arenaBytes = 0,
    readonly code = 'ERR_BNLSTM_OUT_OF_MEMORY',
    /** What an allocation really gets; the device may promise more. */
    readonly gives = free,
  ) {
    super({ saved: 0, scratch: 0, packed: 0 });
  }

  override memory() {
    return { free: this.free, total: this.total };
  }

  override program(description: NativeProgramDescription) {
    const { arenaBytes, inputs, outputs } = description;
    const elements = [...inputs, ...outputs].map(({ shape }) => shape.reduce((a, b) => a * b));
    const copies = 2 * 4 * elements.reduce((a, b) => a + b);
    if (copies + (arenaBytes <= this.arenaBytes ? 0 : arenaBytes) > this.gives) {
      throw Object.assign(new Error('the allocator refuses'), { code: this.code });
    }
    return super.program(description);
  }
}

/** 1024 bytes of input for each row, and 1024 of output: in the arena, and twice outside. */
function record(stream: FakeStream, rows: number): Graph {
  const graph = new Graph(stream);
  const x = graph.input('x', 'f32', [rows, 256]);
  const y = graph.value('f32', [256], 'y');
  graph.record({ name: 'sum', inputs: { x }, outputs: { y } });
  graph.output('y', y);
  return graph;
}

function compile(stream: FakeStream, size: number, least = 1) {
  const sizes: number[] = [];
  const program = compileFitting({
    size,
    least,
    record: (rows) => {
      sizes.push(rows);
      return record(stream, rows);
    },
    hint: 'Shorter sequences need less',
  });
  return { program, sizes };
}

function failure(stream: FakeStream, size: number, least = 1): OutOfMemoryError {
  try {
    compile(stream, size, least);
  } catch (error) {
    return error as OutOfMemoryError;
  }
  return expect.unreachable('it was compiled');
}

const kiB = 1024;

describe('compileFitting', () => {
  test('compiles what fits, recording once', () => {
    const { program, sizes } = compile(new SmallDevice(24 * kiB, 100 * kiB), 7);
    expect(program.bytes).toBe(8 * kiB);
    expect(sizes).toEqual([7]);
  });

  test.each([
    [24 * kiB, 7],
    [27 * kiB - 1, 7],
    [27 * kiB, 8],
    [300 * kiB, 99],
    [6 * kiB, 1],
  ])('with %d bytes to be had finds the largest batch that fits: %d', (usable, largest) => {
    const free = (usable * 16) / 15;
    const error = failure(new SmallDevice(free, 400 * kiB), 512);
    expect(error).toBeInstanceOf(OutOfMemoryError);
    expect(error).toBeInstanceOf(BnLstmError);
    expect(error).toMatchObject({ code: 'ERR_BNLSTM_OUT_OF_MEMORY', needed: 3 * 513 * kiB, free });
    expect(error.largestBatch).toBe(largest);
    expect((error.cause as Error).message).toBe('the allocator refuses');
    // It is true: that batch compiles, one more row does not.
    compile(new SmallDevice(usable, 400 * kiB), largest);
    failure(new SmallDevice(usable, 400 * kiB), largest + 1);
  });

  test('says all that in words', () => {
    const text = failure(new SmallDevice(9.6 * 2 ** 20, 2 ** 30), 4000).message;
    expect(text).toBe(
      'fake has not enough memory for a batch of 4000 rows: it needs 11.7 MiB, and 9.6 MiB of ' +
        '1024.0 MiB are free. The largest batch that fits has 3071 rows. Shorter sequences need less',
    );
  });

  test('plans without allocating', () => {
    const stream = new SmallDevice(24 * kiB, 100 * kiB);
    failure(stream, 512);
    expect(stream.programs).toEqual([]);
  });

  test('names no batch smaller than makes sense', () => {
    const error = failure(new SmallDevice(7 * kiB, 100 * kiB), 512, 2);
    expect(error.largestBatch).toBe(0);
    expect(error.message).toContain('Not even 2 rows would fit');
  });

  test('counts the arena that is there, which serves again', () => {
    const used = new SmallDevice(75 * kiB, 100 * kiB, 33 * kiB);
    expect(failure(used, 512).largestBatch).toBe(32);
    compile(used, 32);
    expect(failure(new SmallDevice(75 * kiB, 100 * kiB), 512).largestBatch).toBe(22);
  });

  test('promises nothing where the device does not tell, or promised too much', () => {
    const silent = failure(new SmallDevice(0, 0), 512);
    expect(silent).toMatchObject({
      needed: 3 * 513 * kiB,
      free: undefined,
      largestBatch: undefined,
    });
    expect(silent.message).toBe(
      'fake has not enough memory for a batch of 512 rows: it needs 1.5 MiB. Shorter ' +
        'sequences need less',
    );
    const code = 'ERR_BNLSTM_OUT_OF_MEMORY';
    const wrong = failure(new SmallDevice(2 ** 30, 2 ** 31, 0, code, kiB), 512);
    expect(wrong).toMatchObject({ needed: 3 * 513 * kiB, free: 2 ** 30, largestBatch: undefined });
  });

  test('names the first mode in which the whole batch would fit', () => {
    const asked: string[] = [];
    const failureWith = (stream: FakeStream, rowsOf: Readonly<Record<string, number>>) => {
      try {
        compileFitting({
          ...{ size: 512, least: 1, hint: 'Shorter sequences need less' },
          record: (rows) => record(stream, rows),
          modes: recomputeModes.slice(1).map((mode) => ({
            mode,
            record: () => {
              asked.push(mode);
              return record(stream, rowsOf[mode]);
            },
          })),
        });
      } catch (error) {
        return error as OutOfMemoryError;
      }
      return expect.unreachable('it was compiled');
    };
    const small = new SmallDevice(32 * kiB, 2048 * kiB); // for 9 rows
    const inputs = failureWith(small, { inputs: 9, all: 2 });
    expect(inputs).toMatchObject({ mode: 'inputs', largestBatch: 9, needed: 3 * 513 * kiB });
    expect(inputs.message).toContain(
      "are free. All of it fits with recompute: 'inputs'. The largest batch that fits has 9 rows",
    );
    expect(asked).toEqual(['inputs']);
    expect(failureWith(small, { inputs: 10, all: 2 }).mode).toBe('all');
    const none = failureWith(small, { inputs: 30, all: 10 });
    expect(none.mode).toBeUndefined();
    expect(none.message).not.toContain('recompute');
    // What promised too much, or does not tell, says nothing of modes.
    const code = 'ERR_BNLSTM_OUT_OF_MEMORY';
    const wrong = new SmallDevice(2 ** 30, 2 ** 31, 0, code, kiB);
    expect(failureWith(wrong, { inputs: 1, all: 1 }).mode).toBeUndefined();
    expect(failureWith(new SmallDevice(0, 0), { inputs: 1, all: 1 }).mode).toBeUndefined();
  });

  test('leaves other errors alone', () => {
    const error = failure(new SmallDevice(kiB, kiB, 0, 'ERR_BNLSTM_INTERNAL'), 512);
    expect(error).not.toBeInstanceOf(OutOfMemoryError);
    expect(error.message).toBe('the allocator refuses');
  });
});
