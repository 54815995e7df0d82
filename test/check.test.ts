import { describe, expect, it } from 'vitest';
import * as check from '../lib/check.js';
import { BnLstmError } from '../lib/errors.js';

/** The message of the argument error that `run` throws. */
function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(BnLstmError);
    expect(error).toMatchObject({ code: 'ERR_BNLSTM_ARGUMENT' });
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

describe('check', () => {
  it('returns what is right', () => {
    expect(check.options({ a: 1 }, 'f', ['a', 'b'])).toEqual({ a: 1 });
    expect(check.options(undefined, 'f', ['a'])).toEqual({});
    expect(check.integer(3, 'n', { min: 3, max: 3 })).toBe(3);
    expect(check.number(-0.5, 'x')).toBe(-0.5);
    expect(check.seed(0, 'seed')).toBe(0);
    expect(check.oneOf('b', 'x', ['a', 'b'])).toBe('b');
    expect(check.signal(undefined, 'signal')).toBeUndefined();
    const array = new Float32Array(4);
    expect(check.typedArray(array, 'a', [Float32Array], 4)).toBe(array);
    expect(check.typedArray(Buffer.from('ab'), 'a', [Uint8Array], 2)).toHaveLength(2);
  });

  it('names the argument, what was expected and what came', () => {
    const cases: [() => unknown, string][] = [
      [
        () => check.options({ a: 1, c: 2 }, 'f', ['a', 'b']),
        'f: expected only the options a, b, got c',
      ],
      [
        () => check.integer(JSON.parse('{"constructor":{"name":{"toString":1}}}'), 'n'),
        'n: expected an integer, got an object',
      ],
      [() => check.object([], 'f: best'), 'f: best: expected an object, got an array of 0'],
      [() => check.object(null, 'f: best'), 'f: best: expected an object, got null'],
      [
        () => check.options([] as object, 'f', []),
        'f: expected an options object, got an array of 0',
      ],
      [() => check.options(null as never, 'f', []), 'f: expected an options object, got null'],
      [() => check.integer(1.5, 'n'), 'n: expected an integer, got 1.5'],
      [() => check.integer('3', 'n', { min: 1 }), 'n: expected an integer ≥ 1, got "3"'],
      [() => check.integer(2 ** 53, 'n'), 'n: expected an integer, got 9007199254740992'],
      [() => check.integer(3n, 'n'), 'n: expected an integer, got 3n'],
      [
        () => check.integer(9, 'n', { min: 1, max: 8 }),
        'n: expected an integer ≥ 1 and ≤ 8, got 9',
      ],
      [() => check.number(Number.NaN, 'x'), 'x: expected a finite number, got NaN'],
      [() => check.number(0, 'x', { above: 0 }), 'x: expected a finite number > 0, got 0'],
      [
        () => check.number(1, 'x', { min: 0, below: 1 }),
        'x: expected a finite number ≥ 0 and < 1, got 1',
      ],
      [() => check.seed(-1, 'seed'), 'seed: expected an integer ≥ 0, got -1'],
      [() => check.boolean(1, 'flag'), 'flag: expected true or false, got 1'],
      [() => check.string('', 'path'), 'path: expected a string that is not empty, got ""'],
      [() => check.oneOf('c', 'x', ['a', 'b']), 'x: expected "a" or "b", got "c"'],
      [() => check.callback(3 as never, 'f'), 'f: expected a function, got 3'],
      [() => check.signal({}, 'signal'), 'signal: expected an AbortSignal, got an object'],
      [
        () => check.instance(new Map(), 'm', Date, 'a Date'),
        'm: expected a Date, got an object (Map)',
      ],
      [
        () => check.typedArray([1], 'a', [Float32Array]),
        'a: expected a Float32Array, got an array of 1',
      ],
      [
        () => check.typedArray(new Int32Array(3), 'a', [Float32Array, Int32Array], 4),
        'a: expected a Float32Array or an Int32Array of 4 elements, got Int32Array(3)',
      ],
      [
        () => check.elements([0, 5, 9], 'ids', 0, 4),
        'ids[1]: expected an integer from 0 to 4, got 5',
      ],
      [
        () => check.elements([Number.NaN], 'ids', 0, 4),
        'ids[0]: expected an integer from 0 to 4, got NaN',
      ],
    ];
    for (const [run, message] of cases) expect(refusal(run)).toBe(message);
  });

  it('shows values briefly', () => {
    expect(check.show('x'.repeat(99))).toBe(`"${'x'.repeat(60)}…"`);
    expect(check.show(new Float64Array(9))).toBe('Float64Array(9)');
    expect(check.show(() => 0)).toBe('a function');
    expect(check.show(undefined)).toBe('undefined');
    expect(check.show(Object.create(null))).toBe('an object');
  });
});
