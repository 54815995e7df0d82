import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { currentReadme, replaceSpeed, speedText } from '../../bench/speed/table.mjs';

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
    expect(replaceSpeed(readme, 'new')).toBe(readme.replace('old', 'new'));
    expect(() => replaceSpeed('a', 'new')).toThrow('README.md lacks');
  });
});
