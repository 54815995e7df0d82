import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { currentPage, plansText } from '../../bench/speed/plans.mjs';
import { currentReadme, replaceMarked, speedText } from '../../bench/speed/table.mjs';

const at = { workload: 'W1', norm: 'batch', dtype: 'f32', pass: 'train', threads: 2 };
const times = (msMedian: number) => ({ msMedian, msMin: msMedian, msMax: msMedian });
const own = { peer: 'bnlstm', version: '0.1.0', isa: 'avx512', floorMs: 48 };
const result = {
  date: '2026-01-02T03:04:05.000Z',
  version: '0.1.0',
  machine: { processor: 'Some CPU', cores: 2, os: 'Debian', node: 'v20.20.2' },
  contention: { workload: 'W1', ratio: 1.234 },
  rows: [
    { ...own, ...at, threads: 1, ...times(110) },
    { ...own, ...at, ...times(66) },
    { ...own, ...at, workload: 'W5-B1', norm: 'none', pass: 'inference', ...times(4.5) },
    { ...own, ...at, pass: 'forward', ...times(20) },
    { peer: 'pytorch loop', version: '1.13.1', ...at, threads: 1, ...times(533) },
    { peer: 'pytorch script', version: '1.13.1', ...at, ...times(508) },
    { peer: 'pytorch nn.LSTM', version: '1.13.1', ...at, norm: 'none', ...times(1) },
    {
      ...{ peer: 'onnxruntime', version: '1.30.0', ...at, ...times(2.25) },
      ...{ workload: 'W5-B1', norm: 'none', pass: 'inference' },
    },
  ],
};

describe('the table of speeds', () => {
  it('in README.md is what bench/speed/table.mjs makes of the newest results', async () => {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    expect(readme === currentReadme(), 'run node bench/speed/table.mjs').toBe(true);
  });

  it('compares the best of everyone', () => {
    expect(speedText(result, 'bench/results/speed.json').split('\n').slice(3, -1)).toEqual([
      '|  | bnlstm, ms | floor, ms | PyTorch 1.13.1 | ONNX Runtime 1.30.0 |',
      '| --- | --: | --: | --: | --: |',
      '| BN-LSTM, forward and backward, W1, f32 | 66 | 48 | 7.7× | – |',
      '| LSTM, inference, W5-B1, f32 | 4.5 | 48 | – | 0.50× |',
      '',
      'W1: 784 steps, 64 rows, input size 1, 100 hidden units; W5-B1: 100 steps, 1 row, input size 512, 512 hidden units.',
      '',
    ]);
  });

  it('says where, with what, and what a busy core costs', () => {
    const text = speedText(result, 'bench/results/speed.json');
    expect(text).toContain('Measured on 2026-01-02 on 2 cores of Some CPU, Debian, Node v20.20.2');
    expect(text).toContain('`cpu:avx512` ([all results](bench/results/speed.json))');
    expect(text).toMatch(/\nTwo threads on W1, .* need 1\.2 times what one thread needs alone\.$/);
  });

  it('goes between its marks and nowhere else', () => {
    const readme = 'a\n<!-- speed:begin -->\nold\n<!-- speed:end -->\nb\n';
    expect(replaceMarked(readme, 'speed', 'new')).toBe(readme.replace('old', 'new'));
    expect(() => replaceMarked('a', 'speed', 'new')).toThrow('README.md lacks');
  });
});

describe('the table of plans on a GPU', () => {
  const row = { model: 'bn-lstm', dtype: 'bf16', hidden: 512, batch: 64, pass: 'train' };
  const rowOf = (plan: string, median: number, more = {}) => {
    return { ...row, plan, usPerStep: { median }, ...more };
  };
  const theirs = { model: 'lstm' };
  const rows = [
    rowOf('persistent', 40, { hidden: 1024 }),
    rowOf('steps', 10, { pass: 'forward' }),
    rowOf('steps', 25),
    rowOf('persistent', 8),
    rowOf('standard', 16, theirs),
    rowOf('standard', 9, { ...theirs, dtype: 'tf32' }),
    rowOf('persist-static', 6, { ...theirs, dtype: 'f16' }),
  ];

  it('in bench/speed/README.md is what bench/speed/plans.mjs makes of the newest results', async () => {
    const page = await readFile(new URL('../../bench/speed/README.md', import.meta.url), 'utf8');
    expect(page === currentPage(), 'run node bench/speed/plans.mjs').toBe(true);
  });

  it('has both plans, and the times of cuDNN by that of one', () => {
    expect(plansText(rows).split('\n').slice(2)).toEqual([
      '| bf16 | 512 | 64 | forward | 10.0 | – | – | – |',
      '| bf16 | 512 | 64 | train | 25.0 | 8.00 | 16.0 (2.00×) | 6.00 (0.75×) |',
      '| bf16 | 1,024 | 64 | forward | – | – | – | – |',
      '| bf16 | 1,024 | 64 | train | – | 40.0 | – | – |',
    ]);
  });

  it('has a third plan where it was measured', () => {
    const [titles, , ...lines] = plansText([...rows, rowOf('overlapped', 7)]).split('\n');
    expect(titles).toContain('| persistent | overlapped | cuDNN STANDARD |');
    expect(lines[1]).toBe(
      '| bf16 | 512 | 64 | train | 25.0 | 8.00 | 7.00 | 16.0 (2.00×) | 6.00 (0.75×) |',
    );
    expect(lines[3]).toBe('| bf16 | 1,024 | 64 | train | – | 40.0 | – | – | – |');
  });
});
