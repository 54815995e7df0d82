// The addon alone, through its one door: two simple ops stand for all.
import { afterEach, describe, expect, it } from 'vitest';
import {
  type DType,
  type NativeOp,
  type NativeOperand,
  type NativeProgramDescription,
  type NativeStream,
  native,
} from '../../lib/native.js';

const streams: NativeStream[] = [];
const open = (threads = 0): NativeStream => {
  const stream = new (native().Stream)('cpu', { threads });
  streams.push(stream);
  return stream;
};
afterEach(() => {
  for (const stream of streams.splice(0)) stream.dispose();
});

const at = (dtype: DType, shape: readonly number[], arena: number): NativeOperand => ({
  dtype,
  shape,
  location: { arena },
});
const fill = (y: NativeOperand, value: number): NativeOp => ({
  name: 'fill',
  operands: { y },
  options: { value },
});
const add = (a: NativeOperand, b: NativeOperand, y: NativeOperand): NativeOp => ({
  name: 'add',
  operands: { a, b, y },
  options: {},
});
const transfer = (operand: NativeOperand, batchMajor = false) => {
  const { location } = operand;
  if (location === undefined) throw new Error('an operand of a program has a location');
  return { ...operand, location, batchMajor };
};
const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: { code?: string }) => error.code,
  );
/** The code of what a call throws at once. */
const thrown = (call: () => unknown) => {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'BnLstmError' });
    return (error as { code: string }).code;
  }
  return 'nothing';
};

/** y = x + 10 over [T][B] f32, both batch-major for the host, padding zeroed by lengths. */
function plusTen(steps: number, batch: number): NativeProgramDescription {
  const shape = [steps, batch];
  const bytes = Math.ceil((4 * steps * batch) / 64) * 64;
  const [x, ten, y] = [0, bytes, 2 * bytes].map((offset) => at('f32', shape, offset));
  const lengths = at('i32', [batch], 3 * bytes);
  return {
    ops: [fill(ten, 10), add(x, ten, y)],
    inputs: [{ ...transfer(x, true), lengths: 1 }, transfer(lengths)],
    outputs: [transfer(y, true)],
    arenaBytes: 3 * bytes + 4 * batch,
  };
}

/** Runs for seconds, unless it is cancelled. */
function slow(): NativeProgramDescription {
  const y = at('f32', [1 << 20], 0);
  return { ops: Array(20_000).fill(fill(y, 1)), inputs: [], outputs: [], arenaBytes: 4 << 20 };
}

/** A token outside of the vocabulary: the one way to make a checked program fail as it runs. */
function faulty(): NativeProgramDescription {
  const operands = {
    tokens: at('i32', [1], 0),
    table: at('f32', [2, 1], 64),
    y: at('f32', [1, 1], 128),
  };
  const op = { name: 'embedding', operands, options: {} };
  return { ops: [op], inputs: [transfer(operands.tokens)], outputs: [], arenaBytes: 132 };
}

describe('submit', () => {
  it('turns batch-major arrays round and zeroes padding', async () => {
    const stream = open();
    const program = stream.program(plusTen(3, 2));
    const y = new Float32Array(6);
    const x = Float32Array.of(1, 2, 3, 4, 5, 6);
    const done = stream.submit(program, [x, Int32Array.of(3, 1)], [y]);
    x.fill(Number.NaN); // the inputs were taken
    await done;
    expect([...y]).toEqual([11, 12, 13, 14, 10, 10]);
  });

  it('keeps the order of what is queued', async () => {
    const stream = open();
    const program = stream.program(plusTen(40, 17));
    const count = 40 * 17;
    const lengths = new Int32Array(17).fill(40);
    const results = Array.from({ length: 50 }, () => new Float32Array(count));
    let settled = 0;
    await Promise.all(
      results.map(async (y, k) => {
        const x = Float32Array.from({ length: count }, (_, i) => k + i);
        await stream.submit(program, [x, lengths], [y]);
        expect(settled++).toBe(k);
      }),
    );
    results.forEach((y, k) => {
      expect(y.every((value, i) => value === k + i + 10)).toBe(true);
    });
  });

  it('gives the same on any number of threads, and on streams that run at once', async () => {
    const count = 300 * 300;
    const x = Float32Array.from({ length: count }, (_, i) => Math.sin(i));
    const lengths = Int32Array.from({ length: 300 }, (_, i) => i);
    const outputs = await Promise.all(
      [0, 1, 2, 5].map(async (threads) => {
        const stream = open(threads);
        const y = new Float32Array(count);
        await stream.submit(stream.program(plusTen(300, 300)), [x, lengths], [y]);
        return y;
      }),
    );
    for (const y of outputs) expect(Buffer.compare(bytesOf(y), bytesOf(outputs[0]))).toBe(0);
  });

  it('refuses wrong arrays at once and goes on', async () => {
    const stream = open();
    const program = stream.program(plusTen(3, 2));
    const x = new Float32Array(6);
    const lengths = Int32Array.of(3, 3);
    const submit = (inputs: unknown[], outputs: unknown[]) =>
      thrown(() => stream.submit(program, inputs as Float32Array[], outputs as Float32Array[]));
    expect(submit([x], [x])).toBe('ERR_BNLSTM_INTERNAL');
    expect(submit([x, x], [x])).toBe('ERR_BNLSTM_ARGUMENT');
    expect(submit([[1], lengths], [x])).toBe('ERR_BNLSTM_ARGUMENT');
    expect(submit([x, lengths], [new Float64Array(6)])).toBe('ERR_BNLSTM_ARGUMENT');
    expect(submit([x.subarray(1), lengths], [x])).toBe('ERR_BNLSTM_ARGUMENT');
    const detached = new Float32Array(6);
    structuredClone(detached, { transfer: [detached.buffer] });
    expect(submit([detached, lengths], [x])).toBe('ERR_BNLSTM_ARGUMENT');
    await stream.submit(program, [x, lengths], [new Float32Array(6)]);
  });

  it('rejects when an output was detached while it ran, and goes on', async () => {
    const stream = open();
    const program = stream.program(plusTen(3, 2));
    const y = new Float32Array(6);
    const done = stream.submit(program, [y, Int32Array.of(3, 3)], [y]);
    structuredClone(y, { transfer: [y.buffer] });
    expect(await rejection(done)).toBe('ERR_BNLSTM_ARGUMENT');
    await stream.submit(program, [new Float32Array(6), Int32Array.of(3, 3)], [new Float32Array(6)]);
  });
});

describe('profile', () => {
  it('runs as submit does, and times each op', async () => {
    const stream = open();
    const program = stream.program(plusTen(40, 17));
    const y = new Float32Array(40 * 17);
    const inputs = [new Float32Array(40 * 17).fill(1), new Int32Array(17).fill(40)];
    const times = Float32Array.of(-1, -1);
    await stream.profile(program, inputs, [y], times);
    expect(y.every((value) => value === 11)).toBe(true);
    for (const ms of times) expect(ms).toBeGreaterThan(0);
    const profile = (ms: unknown) =>
      thrown(() => stream.profile(program, inputs, [y], ms as Float32Array));
    expect(profile(new Float32Array(3))).toBe('ERR_BNLSTM_ARGUMENT');
    expect(profile(undefined)).toBe('ERR_BNLSTM_ARGUMENT');
  });
});

describe('time', () => {
  it('times as many runs as there is room for', async () => {
    const stream = open();
    const program = stream.program(plusTen(40, 17));
    const inputs = [new Float32Array(40 * 17).fill(1), new Int32Array(17).fill(40)];
    const times = Float32Array.of(-1, -1, -1, -1);
    await stream.time(program, inputs, times.subarray(1));
    expect(times[0]).toBe(-1);
    for (const ms of times.subarray(1)) expect(ms).toBeGreaterThan(0);
    const time = (ms: unknown) => thrown(() => stream.time(program, inputs, ms as Float32Array));
    expect(time(new Int32Array(3))).toBe('ERR_BNLSTM_ARGUMENT');
    expect(time(undefined)).toBe('ERR_BNLSTM_ARGUMENT');
    const slowly = rejection(stream.time(stream.program(slow()), [], new Float32Array(9)));
    stream.dispose();
    expect(await slowly).toBe('ERR_BNLSTM_DISPOSED');
  });
});

describe('orthogonal', () => {
  const matrix = (rows: number, columns: number) => {
    const words = { seedLow: 1, seedHigh: 0, stream: 2, attempt: 3 };
    return { rows, columns, scale: 1, ...words };
  };

  it('fills a part of an array, the same on any number of threads', async () => {
    const results = await Promise.all(
      [0, 1, 2, 5].map(async (threads) => {
        const values = new Float32Array(300 * 200 + 2).fill(7);
        await open(threads).orthogonal(matrix(300, 200), values.subarray(1, -1));
        return values;
      }),
    );
    for (const values of results) {
      expect(Buffer.compare(bytesOf(values), bytesOf(results[0]))).toBe(0);
      expect([values[0], values.at(-1)]).toEqual([7, 7]);
      expect(values.subarray(1, -1).includes(7)).toBe(false);
    }
  });

  it('refuses wrong arguments at once, and ends when the stream is disposed', async () => {
    const stream = open();
    const draw = (rows: number, into: unknown) =>
      thrown(() => stream.orthogonal(matrix(rows, 2), into as Float32Array));
    expect(draw(2, new Float32Array(5))).toBe('ERR_BNLSTM_ARGUMENT');
    expect(draw(2, new Int32Array(4))).toBe('ERR_BNLSTM_ARGUMENT');
    expect(draw(0, new Float32Array(0))).toBe('ERR_BNLSTM_INTERNAL');
    expect(draw(0.5, new Float32Array(1))).toBe('ERR_BNLSTM_INTERNAL');
    const values = new Float32Array(2000 * 2000);
    const drawing = rejection(stream.orthogonal(matrix(2000, 2000), values));
    stream.dispose();
    expect(await drawing).toBe('ERR_BNLSTM_DISPOSED');
    expect(await rejection(stream.orthogonal(matrix(1, 1), new Float32Array(1)))).toBe(
      'ERR_BNLSTM_DISPOSED',
    );
  });
});

const bytesOf = (array: Float32Array) =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength);

describe('arrays', () => {
  it('begin zeroed, are written and read anywhere, and checked', async () => {
    const stream = open();
    const array = stream.array(16);
    expect(array.bytes).toBe(16);
    const into = new Float32Array(4).fill(9);
    await stream.read(array, 0, into);
    expect([...into]).toEqual([0, 0, 0, 0]);
    const data = Float32Array.of(1, 2);
    const written = stream.write(array, 8, data);
    data.fill(7);
    await Promise.all([written, stream.read(array, 0, into)]);
    expect([...into]).toEqual([0, 0, 1, 2]);
    expect(thrown(() => stream.write(array, 12, data))).toBe('ERR_BNLSTM_INTERNAL');
    expect(thrown(() => stream.read(array, 17, new Uint8Array(0)))).toBe('ERR_BNLSTM_INTERNAL');
    expect(thrown(() => open().read(array, 0, into))).toBe('ERR_BNLSTM_INTERNAL');
  });

  it('are freed after what was queued; later use is refused', async () => {
    const stream = open();
    const before = native().counts();
    const array = stream.array(1 << 20);
    const y: NativeOperand = { dtype: 'f32', shape: [1 << 18], location: { array, offset: 0 } };
    const program = stream.program({
      ops: [fill(y, 3)],
      inputs: [],
      outputs: [transfer(y)],
      arenaBytes: 0,
    });
    const result = new Float32Array(1 << 18);
    const done = stream.submit(program, [], [result]);
    array.dispose();
    array.dispose();
    await done;
    expect(result.at(-1)).toBe(3);
    expect(await rejection(stream.submit(program, [], [result]))).toBe('ERR_BNLSTM_DISPOSED');
    expect(await rejection(stream.read(array, 0, result))).toBe('ERR_BNLSTM_DISPOSED');
    const other = stream.array(4);
    await stream.write(other, 0, Int32Array.of(1)); // by now the queue has freed it
    other.dispose();
    await stream.submit(
      stream.program({ ops: [], inputs: [], outputs: [], arenaBytes: 0 }),
      [],
      [],
    );
    expect(native().counts()).toEqual(before);
  });

  it('that were forgotten are collected, as V8 knows their bytes', async () => {
    const stream = open();
    const before = native().counts().arrays;
    let most = 0;
    for (let k = 0; k < 300; k++) {
      stream.array(8 << 20);
      most = Math.max(most, native().counts().arrays - before);
      if (k % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(most).toBeLessThan(150);
  });
});

describe('programs', () => {
  it('share an arena that grows, and run on after it has', async () => {
    const stream = open();
    expect([stream.arenaBytes, stream.arenaGeneration]).toEqual([0, 0]);
    const small = stream.program(plusTen(3, 2));
    expect([stream.arenaBytes, stream.arenaGeneration]).toEqual([small.arenaBytes, 1]);
    const lengths = Int32Array.of(3, 3);
    const first = new Float32Array(6);
    const pending = stream.submit(small, [new Float32Array(6), lengths], [first]);
    const large = stream.program(plusTen(300, 200));
    expect([stream.arenaBytes, stream.arenaGeneration]).toEqual([large.arenaBytes, 2]);
    const second = new Float32Array(6);
    await Promise.all([pending, stream.submit(small, [first, lengths], [second])]);
    expect([...first, ...second].every((value) => value === 10)).toBe(true);
    stream.program(plusTen(3, 2));
    expect(stream.arenaGeneration).toBe(2);
  });

  it('are checked as they are made', () => {
    const stream = open();
    const description = plusTen(3, 2);
    const spoilt = (changes: object) =>
      thrown(() => stream.program({ ...description, ...changes }));
    expect(spoilt({ arenaBytes: 64 })).toBe('ERR_BNLSTM_INTERNAL');
    expect(spoilt({ ops: 1 })).toBe('ERR_BNLSTM_INTERNAL');
    expect(spoilt({ ops: [{ name: 'brew', operands: {}, options: {} }] })).toBe(
      'ERR_BNLSTM_UNSUPPORTED',
    );
    expect(spoilt({ arenaBytes: 2 ** 52 })).toBe('ERR_BNLSTM_OUT_OF_MEMORY');
    expect(thrown(() => stream.array(2 ** 52))).toBe('ERR_BNLSTM_OUT_OF_MEMORY');
    expect(thrown(() => stream.array(-1))).toBe('ERR_BNLSTM_INTERNAL');
    stream.program(description);
  });

  it('that were disposed are refused, after what is queued has run', async () => {
    const stream = open();
    const program = stream.program(plusTen(3, 2));
    const lengths = Int32Array.of(3, 3);
    const y = new Float32Array(6);
    const queued = stream.submit(program, [y, lengths], [y]);
    program.dispose();
    program.dispose();
    await queued;
    expect(y[0]).toBe(10);
    expect(await rejection(stream.submit(program, [y, lengths], [y]))).toBe('ERR_BNLSTM_DISPOSED');
  });

  it('are known from other objects', () => {
    const stream = open();
    const array = stream.array(4);
    const submit = (program: unknown) => thrown(() => stream.submit(program as never, [], []));
    for (const wrong of [array, {}, stream, undefined, open().program(plusTen(1, 1))]) {
      expect(submit(wrong)).toBe('ERR_BNLSTM_INTERNAL');
    }
    const Made = array.constructor as new () => unknown;
    expect(thrown(() => new Made())).toBe('ERR_BNLSTM_INTERNAL');
  });

  it('state the sizes of their blobs', () => {
    const y = { dtype: 'f32', shape: [4] } as const;
    const sizes = open().sizes({ name: 'fill', operands: { y }, options: { value: 0 } });
    expect(sizes).toEqual({ saved: 0, scratch: 0, packed: 0 });
  });
});

describe('a fault', () => {
  it('poisons its stream and no other', async () => {
    const [stream, other] = [open(), open()];
    const bad = stream.program(faulty());
    const good = stream.program(plusTen(1, 1));
    await stream.submit(bad, [Int32Array.of(1)], []);
    const one = () => [new Float32Array(1), Int32Array.of(1)];
    const fault = stream.submit(bad, [Int32Array.of(5)], []);
    const after = stream.submit(good, one(), [new Float32Array(1)]);
    await expect(fault).rejects.toThrow(/embedding/);
    await expect(fault).rejects.toMatchObject({ code: 'ERR_BNLSTM_INTERNAL' });
    await expect(after).rejects.toMatchObject({ code: 'ERR_BNLSTM_POISONED' });
    await expect(stream.read(stream.array(4), 0, new Float32Array(1))).rejects.toThrow(/embedding/);
    await other.submit(other.program(plusTen(1, 1)), one(), [new Float32Array(1)]);
  });
});

describe('dispose', () => {
  it('cancels what runs and is queued, soon, and frees all', async () => {
    const before = native().counts();
    const stream = open();
    const array = stream.array(1 << 20);
    const program = stream.program(slow());
    const pending = [
      stream.submit(program, [], []),
      stream.submit(program, [], []),
      stream.write(array, 0, Int32Array.of(1)),
    ].map(rejection);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const began = performance.now();
    stream.dispose();
    stream.dispose();
    expect(performance.now() - began).toBeLessThan(1000);
    expect(native().counts()).toEqual(before);
    expect(await Promise.all(pending)).toEqual(Array(3).fill('ERR_BNLSTM_DISPOSED'));
    expect(await rejection(stream.submit(program, [], []))).toBe('ERR_BNLSTM_DISPOSED');
    expect(await rejection(stream.read(array, 0, new Float32Array(1)))).toBe('ERR_BNLSTM_DISPOSED');
    for (const call of [
      () => stream.array(4),
      () => stream.program(plusTen(1, 1)),
      () => stream.sizes(fill({ dtype: 'f32', shape: [1] }, 0)),
    ]) {
      expect(thrown(call)).toBe('ERR_BNLSTM_DISPOSED');
    }
    array.dispose();
    program.dispose();
  });
});

describe('probe', () => {
  it('tells the devices and why, the same each time', () => {
    const probe = native().probe();
    expect(native().probe()).toEqual(probe);
    const available = new Map(probe.devices.map((device) => [device.name, device.available]));
    expect(available.get('cpu')).toBe(true);
    expect(available.get('cpu:portable')).toBe(true);
    const gpus = probe.cuda.gpus.map((_, number) => `cuda:${number}`);
    const named = [...available.keys()].filter((name) => name.startsWith('cuda'));
    expect(named).toEqual(gpus.length > 0 ? gpus : ['cuda']);
    if (gpus.length === 0) expect(available.get('cuda')).toBe(false);
    for (const { why } of probe.devices) expect(why).not.toBe('');
    expect(probe.threads).toBeGreaterThanOrEqual(1);
    expect(probe.instructionSet).not.toBe('');
  });

  it('knows no other device', () => {
    const make = (device: string) => thrown(() => new (native().Stream)(device, { threads: 0 }));
    expect(make('cuda:99')).toBe('ERR_BNLSTM_DEVICE');
    expect(make('cuda:x')).toBe('ERR_BNLSTM_DEVICE');
    expect(make('cudax')).toBe('ERR_BNLSTM_DEVICE');
    expect(make('toaster')).toBe('ERR_BNLSTM_DEVICE');
    const portable = new (native().Stream)('cpu:portable', { threads: 0 });
    expect(portable.device).toBe('cpu:portable');
    portable.dispose();
  });
});
