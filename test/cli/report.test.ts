import { describe, expect, it } from 'vitest';
import { paperAt } from '../../lib/cli/demo/paper.js';
import { notes, type Outcome, table, verdict } from '../../lib/cli/demo/report.js';

describe('paperAt', () => {
  it('takes the row at or below, and says so where there is none', () => {
    expect(paperAt('scanline', 312)).toEqual({
      iteration: 1_000,
      bnLstm: 0.757,
      lstm: 0.111,
      label: 'at iteration 1,000, its first point',
    });
    expect(paperAt('scanline', 1_000).label).toBe('at iteration 1,000');
    expect(paperAt('scanline', 9_999)).toMatchObject({ iteration: 5_000, bnLstm: 0.914 });
    expect(paperAt('scanline', 999_999)).toMatchObject({ iteration: 100_000, lstm: 0.988 });
  });

  it('has the permuted curves for both other orders', () => {
    expect(paperAt('authors', 5_000)).toMatchObject({ bnLstm: 0.847, lstm: 0.654 });
    expect(paperAt('permuted', 5_000)).toMatchObject({ bnLstm: 0.847, lstm: 0.654 });
  });
});

const outcome: Outcome = {
  order: 'scanline',
  iterations: 312,
  trainImages: 5_000,
  testImages: 10_000,
  bnLstm: { name: 'BN-LSTM', trainLoss: 1.0214, testAccuracy: 0.6812 },
  lstm: { name: 'LSTM', trainLoss: 2.2909, testAccuracy: 0.114 },
};

describe('the report', () => {
  it('sets both models and the paper beside each other', () => {
    expect(table(outcome).split('\n')).toEqual([
      '                               BN-LSTM     LSTM',
      'iterations                         312      312',
      'training loss                    1.021    2.291   mean of the last 50',
      'test accuracy                   68.1 %   11.4 %   all 10,000 test images',
      "paper's validation accuracy     75.7 %   11.1 %   at iteration 1,000, its first point",
    ]);
  });

  it('says when it has tested fewer images', () => {
    expect(table({ ...outcome, testImages: 1_500 })).toContain('the first 1,500 test images');
  });

  it('says which statistics were used', () => {
    expect(notes(outcome)).toContain('population statistics from 5,000 training images');
    expect(notes(outcome)).toContain('batches of 500, without noise');
    expect(notes({ ...outcome, order: 'authors' })).not.toMatch(/noise|283/);
    expect(notes({ ...outcome, order: 'permuted' })).toContain('lost 283 of the 784 pixels');
  });

  it('says plainly what was seen, whichever way it went', () => {
    expect(verdict(outcome)).toBe(
      'After 312 iterations the BN-LSTM is right on 68.1 % of the test images, the plain LSTM on ' +
        '11.4 %: the BN-LSTM is ahead by 56.7 points.',
    );
    const { bnLstm, lstm } = outcome;
    expect(verdict({ ...outcome, bnLstm: lstm, lstm: bnLstm })).toMatch(
      /: the plain LSTM is ahead by 56\.7 points\.$/,
    );
    const close = { ...bnLstm, testAccuracy: 0.685 };
    expect(verdict({ ...outcome, lstm: close })).toMatch(
      /: no difference that this test could tell\.$/,
    );
  });
});
