import { describe, expect, it } from 'vitest';
import type { FileConfig } from '../../../lib/cli/train/data_schema.js';
import { split } from '../../../lib/cli/train/split.js';
import { csvData, type DataSource, type FileSource } from '../../../lib/index.js';
import { table } from './table.js';

const config = (validationShare: number) => ({ kind: 'csv', validationShare }) as FileConfig;

/** Every sequence of a source as a text: steps that count, and targets. */
async function sequences(source: DataSource): Promise<string[]> {
  const all: string[] = [];
  for await (const { inputs, size, steps, lengths, targets } of source.batches({
    batchSize: 7,
    lastBatch: 'keep',
  })) {
    const width = inputs.length / size / steps;
    const perRow = (targets?.length ?? 0) / size;
    for (let row = 0; row < size; row++) {
      const length = lengths?.[row] ?? steps;
      const from = row * steps * width;
      const target = perRow === 1 ? 1 : length;
      all.push(
        JSON.stringify([
          [...inputs.subarray(from, from + length * width)],
          [...(targets?.subarray(row * perRow, row * perRow + target) ?? [])],
        ]),
      );
    }
  }
  return all;
}

const sources: [string, () => Promise<FileSource>][] = [
  [
    'of different length',
    () => csvData(Buffer.from(table(40)), { sequence: 'id', targets: 'label' }),
  ],
  [
    'with a target for each step',
    () => csvData(Buffer.from(table(40)), { sequence: 'id', targets: 'label', perStep: true }),
  ],
  [
    'of the same length',
    () => {
      const rows = Array.from({ length: 40 }, (_, i) => `${i},${i + 0.5},${-i},${i % 3}`);
      return csvData(Buffer.from(`a,b,c,y\n${rows.join('\n')}\n`), { targets: 'y' });
    },
  ],
];

describe.each(sources)('split of sequences %s', (_, open) => {
  it('gives each to one part, as it is, in the order of the file', async () => {
    const source = await open();
    const { train, validation } = await split(source, 1, config(0.25));
    expect([train.count, validation.count]).toEqual([30, 10]);
    expect(train.form).toEqual({ ...source.form, count: 30 });
    const [all, kept, held] = await Promise.all([source, train, validation].map(sequences));
    expect(new Set([...kept, ...held]).size).toBe(40);
    for (const part of [kept, held])
      expect(part).toEqual(all.filter((each) => part.includes(each)));
  });

  it('depends on the seed alone', async () => {
    const held = async (seed: number) =>
      sequences((await split(await open(), seed, config(0.25))).validation);
    expect(await held(1)).toEqual(await held(1));
    expect(await held(1)).not.toEqual(await held(2));
  });
});

describe('split', () => {
  it('refuses a share that leaves nothing', async () => {
    const source = await csvData(Buffer.from(table(3)), { sequence: 'id', targets: 'label' });
    for (const share of [0.01, 0.99]) {
      await expect(split(source, 1, config(share))).rejects.toMatchObject({
        code: 'ERR_BNLSTM_ARGUMENT',
        message: expect.stringContaining('data.validationShare: expected a share of 3 sequences'),
      });
    }
  });
});
