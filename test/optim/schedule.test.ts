import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cosine,
  plateau,
  type Schedule,
  type ScheduleMetrics,
  type ScheduleState,
  sgd,
  stepDecay,
} from '../../lib/index.js';
import { expectError } from '../model/support.js';

const rates = (schedule: Schedule, steps: number, state: ScheduleState = schedule.initial) =>
  Array.from({ length: steps }, (_, k) => schedule.rate(k + 1, state));

/** The rate of every step, where each is followed by a validation. */
function walk(schedule: Schedule, results: readonly ScheduleMetrics[], from = schedule.initial) {
  let state = from;
  const path = results.map((metrics, k) => {
    const rate = schedule.rate(k + 1, state);
    state = schedule.observe?.(metrics, state) ?? state;
    return rate;
  });
  return { path, state };
}
const losses = (...values: number[]) => values.map((loss) => ({ loss }));

const learningRate = fc.double({ min: 1e-6, max: 10, noNaN: true });
const share = fc.double({ min: 0.01, max: 0.99, noNaN: true });
const anySchedule = fc.oneof(
  fc.record({ learningRate, every: fc.integer({ min: 1, max: 20 }), factor: share }).map(stepDecay),
  fc
    .record({
      learningRate,
      steps: fc.integer({ min: 9, max: 80 }),
      warmup: fc.nat(8),
      part: share,
    })
    .map(({ part, ...rest }) => cosine({ ...rest, floor: part * rest.learningRate })),
  fc
    .record({
      learningRate,
      factor: share,
      patience: fc.integer({ min: 1, max: 4 }),
      warmup: fc.nat(8),
      minDelta: fc.double({ min: 0, max: 0.5, noNaN: true }),
      part: share,
    })
    .map(({ part, ...rest }) => plateau({ ...rest, floor: part * rest.learningRate })),
);
const results = fc
  .array(fc.double({ min: -5, max: 5 }), { minLength: 1, maxLength: 60 })
  .map((values) => losses(...values));

test('a cosine begins at the learning rate, to the last bit', () => {
  const learningRate = 0.0000017102844301636838;
  const schedule = cosine({ learningRate, steps: 9, floor: 3.743232458947732e-7 });
  expect(schedule.rate(1, schedule.initial)).toBe(learningRate);
});

describe('all of them', () => {
  test('give rates from 0 to the highest, which fall after the warm-up', () => {
    fc.assert(
      fc.property(anySchedule, results, (schedule, observed) => {
        const highest = Number(schedule.config.learningRate);
        const warmup = Number(schedule.config.warmup ?? 0);
        const { path } = walk(schedule, observed);
        for (const [k, rate] of path.entries()) {
          expect(rate).toBeGreaterThan(0);
          expect(rate).toBeLessThanOrEqual(highest);
          if (k > warmup) expect(rate).toBeLessThanOrEqual(path[k - 1]);
        }
      }),
    );
  });

  test('are pure: a state that went through JSON goes on as if it had not', () => {
    fc.assert(
      fc.property(anySchedule, results, fc.nat(60), (schedule, observed, cut) => {
        const whole = walk(schedule, observed);
        expect(walk(schedule, observed)).toEqual(whole);
        const half = walk(schedule, observed.slice(0, cut)).state;
        const before = JSON.stringify(half);
        const state = schedule.checkState(JSON.parse(before), 'state');
        let next: ScheduleState = state;
        const rest = observed.slice(cut).map((metrics, k) => {
          const rate = schedule.rate(cut + k + 1, next);
          next = schedule.observe?.(metrics, next) ?? next;
          return rate;
        });
        expect(rest).toEqual(whole.path.slice(cut));
        expect(JSON.stringify(half)).toBe(before);
      }),
    );
  });

  test('are frozen, and JSON', () => {
    const schedule = plateau({ learningRate: 1, factor: 0.5, patience: 2 });
    for (const each of [schedule, schedule.config, schedule.initial]) {
      expect(Object.isFrozen(each)).toBe(true);
    }
    expect(JSON.parse(JSON.stringify(schedule.config))).toEqual(schedule.config);
  });
});

test('stepDecay', () => {
  const schedule = stepDecay({ learningRate: 0.8, every: 2, factor: 0.5 });
  expect(rates(schedule, 7)).toEqual([0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.1]);
});

test('cosine: PyTorch’s numbers without warm-up', () => {
  const schedule = cosine({ learningRate: 0.1, steps: 4, floor: 0.02 });
  const expected = [0.1, 0.0882842712474619, 0.06, 0.0317157287525381, 0.02, 0.02];
  for (const [k, rate] of rates(schedule, 6).entries()) expect(rate).toBeCloseTo(expected[k], 12);
});

test('cosine: a rise in equal parts first', () => {
  const schedule = cosine({ learningRate: 1, steps: 8, warmup: 3 });
  const [first, second, third, fourth, fifth] = rates(schedule, 5);
  expect([first, second, third, fourth]).toEqual([0.25, 0.5, 0.75, 1]);
  expect(fifth).toBeLessThan(1);
  expect(schedule.rate(9, schedule.initial)).toBe(0);
});

describe('plateau', () => {
  test('falls after so many that are no better, and counts anew', () => {
    const schedule = plateau({ learningRate: 1, factor: 0.5, patience: 2, floor: 0.2 });
    const { path } = walk(schedule, losses(3, 2, 2, 2, 2.5, 1, 2, 2, 2, 2, 2, 2, 2));
    expect(path).toEqual([1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]);
  });

  test('better means by more than minDelta', () => {
    const schedule = plateau({ learningRate: 1, factor: 0.5, patience: 1, minDelta: 0.1 });
    expect(walk(schedule, losses(1, 0.95, 0.8, 0.8)).path).toEqual([1, 1, 0.5, 0.5]);
  });

  test('a result that is not finite is no better, the first neither', () => {
    const schedule = plateau({ learningRate: 1, factor: 0.5, patience: 2 });
    const { state } = walk(schedule, losses(Number.NaN, Number.NEGATIVE_INFINITY, 1));
    expect(state).toEqual({ best: 1, bad: 0, reductions: 1 });
  });

  test('accuracy: more is better', () => {
    const options = { learningRate: 1, factor: 0.5, patience: 1, monitor: 'accuracy' } as const;
    const results = [0.1, 0.2, 0.2].map((accuracy) => ({ loss: 1, accuracy }));
    expect(walk(plateau(options), results).state).toEqual({ best: 0.2, bad: 0, reductions: 1 });
    const { observe, initial } = plateau(options);
    return expectError(() => observe?.({ loss: 1 }, initial), 'ERR_BNLSTM_ARGUMENT', /monitor/);
  });

  test('with a warm-up of its own', () => {
    const schedule = plateau({ learningRate: 1, factor: 0.5, patience: 1, warmup: 1 });
    expect(rates(schedule, 3)).toEqual([0.5, 1, 1]);
  });
});

test('an optimizer asks its schedule, with the state that it is given', () => {
  const schedule = plateau({ learningRate: 1, factor: 0.5, patience: 1 });
  const optimizer = sgd({ learningRate: schedule });
  expect(optimizer.schedule).toBe(schedule);
  expect(optimizer.rateAt(1)).toBe(1);
  expect(optimizer.rateAt(1, { best: 0, bad: 0, reductions: 2 })).toBe(0.25);
  expect(sgd({ learningRate: 0.5 }).rateAt(9)).toBe(0.5);
  expect(sgd({ learningRate: (step) => step }).rateAt(9)).toBe(9);
  const bad = sgd({ learningRate: () => Number.NaN });
  return expectError(() => bad.rateAt(3), 'ERR_BNLSTM_ARGUMENT', /learningRate\(3\)/);
});

const state = (value: unknown) =>
  plateau({ learningRate: 1, factor: 0.5, patience: 1 }).checkState(value, 'schedule');
test.each([
  [() => stepDecay({ learningRate: 1, every: 0, factor: 0.5 }), /stepDecay: every/],
  [() => stepDecay({ learningRate: 1, every: 1, factor: 0 }), /stepDecay: factor/],
  [() => stepDecay({ learningRate: -1, every: 1, factor: 0.5 }), /stepDecay: learningRate/],
  [() => cosine({ learningRate: 1, steps: 0 }), /cosine: steps/],
  [() => cosine({ learningRate: 1, steps: 5, warmup: 5 }), /cosine: warmup.*< 5/],
  [() => cosine({ learningRate: 1, steps: 5, floor: 2 }), /cosine: floor/],
  [() => cosine({ learningRate: 1, steps: 5, warmUp: 1 } as never), /cosine.*got warmUp/],
  [() => plateau({ learningRate: 1, factor: 1, patience: 1 }), /plateau: factor/],
  [() => plateau({ learningRate: 1, factor: 0.5, patience: 0 }), /plateau: patience/],
  [
    () => plateau({ learningRate: 1, factor: 0.5, patience: 1, monitor: 'norm' as 'loss' }),
    /plateau: monitor/,
  ],
  [() => state({ best: null, bad: 0 }), /schedule: reductions.*undefined/],
  [() => state({ best: null, bad: 'x', reductions: 0 }), /schedule: bad/],
  [() => state({ best: null, bad: 0, reductions: 0, more: 1 }), /schedule.*got more/],
  [() => state([]), /schedule: expected an options object/],
])('%s is refused', async (call, message) => {
  await expectError(call, 'ERR_BNLSTM_ARGUMENT', message);
});
