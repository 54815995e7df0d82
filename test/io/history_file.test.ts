import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { HistoryRecord } from '../../lib/io/history.js';
import { HistoryFile } from '../../lib/io/history_file.js';
import { parseHistory, readHistory } from '../../lib/io/read_history.js';
import { FaultyFiles } from './faulty_files.js';
import { withFolder } from './folder.js';

const step = (index: number): HistoryRecord => ({
  type: 'step',
  index,
  epoch: 1,
  loss: 0.5,
  gradientNorm: 1,
  learningRate: 1e-3,
  seconds: 0.1,
  sequencesPerSecond: 640,
});
const start: HistoryRecord = {
  type: 'start',
  time: '2026-11-27T12:00:00Z',
  version: '0.2.0',
  device: 'cpu',
  dtype: 'f32',
  model: 'bnLstm 100\nlinear 10 ❤',
  parameters: 12,
  seed: 1,
  configuration: { batchSize: 64, nested: { __proto__: null, list: [1, null] } },
  machine: {},
};
const records: HistoryRecord[] = [
  start,
  step(1),
  { ...step(2), type: 'step', accuracy: 0.75, skipped: 1 } as HistoryRecord,
  { type: 'validation', index: 2, epoch: 1, loss: 0.4, statistics: 'batch', best: true },
  { type: 'checkpoint', index: 2, file: 'step-00000002.safetensors' },
  {
    type: 'end',
    index: 2,
    epoch: 1,
    stoppedBy: 'finished',
    seconds: 3,
    best: { index: 2, loss: 0.4 },
    test: { loss: 0.6, accuracy: 0.5, count: 100 },
  },
];

const withHistory = (use: (path: string) => Promise<void>) =>
  withFolder((folder) => use(join(folder, 'history.jsonl')));
const lineOf = (record: HistoryRecord) => `${JSON.stringify(record)}\n`;

describe('HistoryFile', () => {
  it('gives back what was written, each record in one write', async () => {
    await withHistory(async (path) => {
      const files = new FaultyFiles();
      const history = await HistoryFile.open(path, { files });
      await Promise.all(records.map((record) => history.append(record)));
      expect(await history.sync()).toBe((await readFile(path)).length);
      await history.close();
      expect(await readHistory(path)).toEqual(records);
      expect(files.calls.slice(4)).toEqual([...records.map(() => 'write'), 'sync', 'close']);
    });
  });

  it('goes on after the last whole line', async () => {
    await withHistory(async (path) => {
      await writeFile(path, `${lineOf(start)}{"type":"st`);
      expect(await readHistory(path)).toEqual([start]);
      const history = await HistoryFile.open(path);
      expect(history.length).toBe(lineOf(start).length + 2); // ❤ has 3 bytes
      await history.append(step(1));
      await history.close();
      expect(await readHistory(path)).toEqual([start, step(1)]);
    });
  });

  it('is cut to what a checkpoint has of it', async () => {
    await withHistory(async (path) => {
      const history = await HistoryFile.open(path);
      await history.append(start);
      const length = await history.sync();
      await history.append(step(1));
      await history.close();
      const warnings: string[] = [];
      const onWarning = (message: string) => warnings.push(message);
      const again = await HistoryFile.open(path, { cutTo: length, onWarning });
      await again.append(step(2));
      await again.close();
      expect(await readHistory(path)).toEqual([start, step(2)]);
      await (await HistoryFile.open(path, { cutTo: 0, onWarning })).close();
      expect(await readFile(path, 'utf8')).toBe('');
      expect(warnings).toEqual([]);
    });
  });

  it.each([
    ['shorter', 1000, lineOf(step(1)), lineOf(step(1))],
    ['not there', 1000, '', ''],
    ['in the middle of a line there', 140, lineOf(step(1)) + lineOf(step(2)), lineOf(step(1))],
    ['in its first line there', 5, lineOf(step(1)), ''],
  ])('warns and keeps whole lines of a file that is %s', async (_, cutTo, before, after) => {
    await withHistory(async (path) => {
      if (before !== '') await writeFile(path, before);
      const warnings: string[] = [];
      const options = { cutTo, onWarning: (message: string) => warnings.push(message) };
      await (await HistoryFile.open(path, options)).close();
      expect(warnings).toEqual([
        `${path}: not the history of the checkpoint, which has ${cutTo} bytes in whole lines: ` +
          `${after.length} of ${before.length} bytes stay`,
      ]);
      expect(await readFile(path, 'utf8')).toBe(after);
    });
  });

  it('has whole lines of all records that were not refused, whichever call fails', async () => {
    const run = async (path: string, files: FaultyFiles) => {
      const written: HistoryRecord[] = [];
      const failures: unknown[] = [];
      const fails = (error: unknown) => {
        failures.push(error);
      };
      await writeFile(path, `${lineOf(start)}{"torn`);
      try {
        const history = await HistoryFile.open(path, { files });
        for (const record of [step(1), step(20_000_000), step(3)]) {
          await history.append(record).then(() => written.push(record), fails);
          await history.sync().catch(fails);
        }
        await history.close();
      } catch (error) {
        failures.push(error);
      }
      return { written, failures };
    };
    await withHistory(async (path) => {
      const files = new FaultyFiles();
      expect((await run(path, files)).failures).toEqual([]);
      for (let call = 1; call <= files.calls.length; call++) {
        const faulty = new FaultyFiles({ call, errno: 'ENOSPC' });
        const { written, failures } = await run(path, faulty);
        expect(faulty.failed).toBe(files.calls[call - 1]);
        expect(await readHistory(path)).toEqual([start, ...written]);
        // That the folder could not be closed is no failure.
        expect(failures).toEqual(
          call === 5
            ? []
            : [
                expect.objectContaining({
                  code: 'ERR_BNLSTM_IO',
                  message: expect.stringContaining(`${path}: ENOSPC`),
                }),
              ],
        );
        expect(written.length).toBe(call < 5 ? 0 : faulty.failed === 'write' ? 2 : 3);
      }
    });
  });

  it('writes on where writes are short', async () => {
    await withHistory(async (path) => {
      const history = await HistoryFile.open(path, { files: new FaultyFiles(undefined, 3) });
      await Promise.all(records.map((record) => history.append(record)));
      await history.close();
      expect(await readHistory(path)).toEqual(records);
    });
  });

  it('says why it cannot be opened', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'no', 'history.jsonl');
      const error = { code: 'ERR_BNLSTM_IO', message: expect.stringContaining(`${path}: ENOENT`) };
      await expect(HistoryFile.open(path)).rejects.toMatchObject(error);
      await expect(readHistory(path)).rejects.toMatchObject(error);
      await expect(HistoryFile.open(path, { cutTo: -1 })).rejects.toMatchObject({
        code: 'ERR_BNLSTM_ARGUMENT',
      });
      expect(await readdir(folder)).toEqual([]);
    });
  });
});

describe('readHistory', () => {
  it('reads numbers that were not finite as NaN', async () => {
    await withHistory(async (path) => {
      const history = await HistoryFile.open(path);
      await history.append({ ...step(1), loss: NaN, gradientNorm: Infinity } as HistoryRecord);
      await history.close();
      expect(await readHistory(path)).toEqual([{ ...step(1), loss: NaN, gradientNorm: NaN }]);
    });
  });

  it('leaves out fields that it does not know, and a last line without its end', async () => {
    await withHistory(async (path) => {
      await writeFile(path, `${JSON.stringify({ ...step(1), later: 1 })}\n`);
      await appendFile(path, lineOf(step(2)).trimEnd());
      expect(await readHistory(path)).toEqual([step(1)]);
      expect(parseHistory(Buffer.alloc(0))).toEqual([]);
    });
  });

  const line = (change: object) => JSON.stringify({ ...step(2), ...change });
  it.each([
    ['no JSON', '{"type":', /line 2: .*JSON/],
    ['empty', '', /line 2: .*JSON/],
    ['not UTF-8', '\xff', /line 2: .*(utf-8|encoded)/i],
    ['no object', '[1]', /line 2: type: expected .*got undefined/],
    ['null', 'null', /line 2: type/],
    ['of no type', '{}', /line 2: type/],
    ['of another type', '{"type":"epoch"}', /line 2: type: expected "start" or .*got "epoch"/],
    ['of a type of Object', '{"type":"constructor"}', /line 2: type/],
    ['without a field', '{"type":"checkpoint","index":3}', /file: expected a string, got nothing/],
    [
      'with __proto__ for a field',
      '{"type":"checkpoint","index":3,"__proto__":{"file":"x"}}',
      /file/,
    ],
    ['with a string for a number', line({ loss: '1' }), /loss: expected a number, got "1"/],
    ['with a list for a number', line({ loss: [] }), /loss: expected a number, got an array/],
    ['with an object for a number', line({ loss: { constructor: { name: {} } } }), /loss/],
    ['with a wrong field that may be absent', line({ accuracy: true }), /accuracy/],
    [
      'with a wrong best',
      '{"type":"end","index":1,"epoch":1,"stoppedBy":"x","seconds":1,"best":1}',
      /best/,
    ],
    ['deep', '['.repeat(100_000), /line 2/],
    ['too long', `"${'x'.repeat(2 ** 24)}"`, /line 2: line: expected at most 16777216 bytes/],
  ])('refuses a line that is %s', async (_, text, message) => {
    await withHistory(async (path) => {
      const bytes = [Buffer.from(lineOf(start)), Buffer.from(text, 'latin1'), Buffer.from('\n')];
      await writeFile(path, Buffer.concat(bytes));
      await expect(readHistory(path)).rejects.toMatchObject({
        code: 'ERR_BNLSTM_FORMAT',
        message: expect.stringMatching(message),
      });
      await expect(readHistory(path)).rejects.toThrow(path);
    });
  });
});
