import { describe, expect, it } from 'vitest';
import type { HistoryRecord } from '../../lib/io/history.js';
import { pageData } from '../../lib/report/page_data.js';
import { resultsOf } from '../../lib/report/results.js';
import { readLog } from '../../lib/report/run_log.js';
import { start, step } from './runs.js';

const log = (records: readonly HistoryRecord[]) => readLog({ name: 'run', records }, 'run');
const validation = (index: number, loss: number, best: boolean): HistoryRecord => ({
  type: 'validation',
  ...{ index, epoch: 1, loss, accuracy: 0.5, best },
});
const end = (stoppedBy: string): HistoryRecord => ({
  type: 'end',
  ...{ index: 4, epoch: 1, seconds: 9, stoppedBy: stoppedBy as 'finished' },
});

describe('reading records', () => {
  it('forgets what a resumed run does anew', () => {
    const { index, validations, starts } = log([
      start(),
      ...[1, 2, 3, 4].map((index) => step(index)),
      validation(2, 1, true),
      validation(4, 0.5, true),
      end('aborted'),
      start({ resumedAt: 2 }),
      step(3),
    ]);
    expect(index).toEqual([1, 2, 3]);
    expect(validations.map(({ index }) => index)).toEqual([2]);
    expect(starts).toHaveLength(2);
  });

  it('forgets everything where a run was begun anew', () => {
    const { index, starts } = log([start(), step(1), step(2), start({ seed: 2 }), step(1)]);
    expect(index).toEqual([1]);
    expect(starts.map(({ seed }) => seed)).toEqual([2]);
  });

  it('takes a validation that comes before the report of its step', () => {
    expect(log([step(2), validation(4, 1, true), step(4)]).validations).toHaveLength(1);
  });

  it('leaves out records of unknown types', () => {
    const later = { type: 'from a later version' } as unknown as HistoryRecord;
    expect(log([later, step(1)]).index).toEqual([1]);
  });

  it.each<[string, unknown, string]>([
    ['no record', 7, 'run.records[0]: expected a record, got 7'],
    ['no step number', { type: 'step', loss: 1 }, 'run.records[0].index: expected an integer'],
    ['a text as one', { type: 'validation', index: '7' }, 'got "7"'],
  ])('refuses %s', (_, record, message) => {
    expect(() => log([record as HistoryRecord])).toThrow(message);
  });
});

describe('results', () => {
  it.each([
    ['finished', 'finished', 'finished'],
    ['early-stopping', 'finished', 'finished: stopped early'],
    ['aborted', 'stopped', 'aborted'],
    ['failed', 'stopped', 'failed'],
    ['toString', 'stopped', 'toString'],
  ])('say of a run that ended by %s: %s', (stoppedBy, state, stateText) => {
    expect(resultsOf(log([step(4), end(stoppedBy)]))).toMatchObject({ state, stateText });
  });

  it('do not say that a run without an end is dead', () => {
    expect(resultsOf(log([step(4)])).state).toBe('running');
    expect(resultsOf(log([step(4), end('aborted'), start({ resumedAt: 4 })])).state).toBe(
      'running',
    );
  });

  it('take means over steps, not over records', () => {
    const { training, trainingSteps, sequencesPerSecond } = resultsOf(
      log([
        step(900, { loss: 50 }),
        step(990, { loss: 1, seconds: 9, sequencesPerSecond: 10 }),
        step(1000, { loss: 2, seconds: 1, sequencesPerSecond: 100 }),
      ]),
    );
    expect(training?.loss).toBeCloseTo((90 * 1 + 10 * 2) / 100, 12);
    expect(trainingSteps).toBe(100);
    expect(sequencesPerSecond).toBeCloseTo((0.25 * 400 + 9 * 10 + 100) / 10.25, 12);
  });

  it('have the best validation', () => {
    const records = [validation(1, 3, true), validation(2, 1, true), validation(3, 2, false)];
    expect(resultsOf(log(records))).toMatchObject({ best: { index: 2 }, last: { index: 3 } });
  });

  it('count what was not finite, also where JSON has null for it', () => {
    const nothing = null as unknown as number;
    const records = [
      step(1, { loss: Number.NaN, gradientNorm: Number.POSITIVE_INFINITY }),
      step(2, { loss: nothing, skipped: 3 }),
      step(3, { loss: 0.5 }),
    ];
    expect(resultsOf(log(records))).toMatchObject({
      ...{ notFinite: 3, skipped: 3 },
      training: { loss: 0.5 },
    });
  });

  it('have no accuracy where no record has one', () => {
    const { accuracy: _, ...plain } = step(1);
    const read = log([plain]);
    expect(resultsOf(read).training?.accuracy).toBeUndefined();
    expect(resultsOf(read).notFinite).toBe(0);
  });
});

describe('data of the page', () => {
  const dataOf = (records: readonly HistoryRecord[]) => pageData([log(records)], ['run']).runs[0];

  it('has values that are missing as gaps', () => {
    const { curves } = dataOf([step(1), step(2, { loss: Number.NaN }), step(3)]);
    expect(curves.loss?.raw).toEqual([1, null, 0.333333]);
    expect(curves.loss?.gaps).toEqual([1]);
    expect(curves.accuracy?.gaps).toEqual([]);
  });

  it('knows fractions of epochs when a second one has begun', () => {
    const of = (steps: number) =>
      dataOf(
        Array.from({ length: steps }, (_, i) => step(i + 1, { epoch: Math.ceil((i + 1) / 4) })),
      ).axes.epoch;
    expect(of(4)).toEqual([]);
    expect(of(6)).toEqual([0.25, 0.5, 0.75, 1, 1.25, 1.5]);
  });

  it('counts the time of steps, and puts validations between them', () => {
    const { axes, validation: points } = dataOf([
      step(10, { seconds: 2 }),
      validation(15, 1, true),
      step(20, { seconds: 4 }),
      validation(20, 2, false),
    ]);
    expect(axes.time).toEqual([2, 6]);
    expect(points.axes.time).toEqual([4, 6]);
    expect(points.best).toBe(0);
  });

  it('draws few enough of very many validations, the best and the last among them', () => {
    const records = Array.from({ length: 50_000 }, (_, i) => validation(i + 1, 1, i === 776));
    const { validation: points } = dataOf([step(50_000), ...records]);
    expect(points.loss.length).toBeLessThanOrEqual(2001);
    expect(points.axes.step[points.best]).toBe(777);
    expect(points.axes.step.at(-1)).toBe(50_000);
  });
});
