import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportAssets } from '../../lib/report/assets.js';
import { makeReport, writeReport } from '../../lib/report/report.js';
import type { ReportRun } from '../../lib/report/run_log.js';
import { hostile, hostileRun, learningRun, start, step } from './runs.js';

/** What a reader sees in tables: names and cells. */
const rowsOf = (page: string) =>
  [...page.matchAll(/<tr[^>]*>(.*?)<\/tr>/gs)].map(([, row]) =>
    [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell]) =>
      cell.replace(/<[^>]*>/g, ''),
    ),
  );

const small = (name: string): ReportRun => ({ name, records: [start(), step(1), step(2)] });

describe('makeReport', () => {
  const one = makeReport([learningRun()]);

  it('shows how a run has gone', () => {
    expect(one).toContain('<h1>bn-lstm</h1>');
    expect(one).toMatch(/badge finished">finished</);
    const rows = rowsOf(one);
    expect(rows).toContainEqual(['Steps', '4,000']);
    expect(rows).toContainEqual(['Time', '17 min 20 s']);
    expect(rows).toContainEqual(['optimizer.learningRate', '0.001']);
    expect(rows).toContainEqual(['processor', 'AMD EPYC 9R14']);
    expect(one).toContain('0.recurrentWeights [100, 400]');
    const [[, perplexity], [, bits]] = [/Perplexity/, /^Bits/].map(
      (name) => rows.filter(([row]) => name.test(row)).at(-1)!,
    );
    expect(Math.log2(Number(perplexity))).toBeCloseTo(Number(bits), 3);
  });

  it('loads nothing', () => {
    const markup = one.replace(/<(script|style)\b[^>]*>.*?<\/\1>/gs, '');
    expect(markup.match(/\b(?:src|href)="(?!data:,)/g)).toBeNull();
    expect(markup).toContain('default-src &#39;none&#39;; script-src &#39;sha256-');
    expect(reportAssets().style).not.toMatch(/url\(|@import/);
  });

  it('has a script whose modules do not take names from each other', () => {
    const { script } = reportAssets();
    expect(script).not.toMatch(/^(?:import|export)\b/m);
    expect(() => new Script(`(() => { 'use strict'; ${script} })`)).not.toThrow();
  });

  it('marks what differs between runs, and the best', () => {
    const other = learningRun({
      ...{ name: 'slow', scale: 3000, seed: 2 },
      start: start({ configuration: { ...start().configuration, clipNorm: 5, momentum: 0.9 } }),
    });
    const page = makeReport([learningRun(), other]);
    expect(page).toContain('<h1>2 runs</h1>');
    const marked = [...page.matchAll(/<tr class="differs"><th scope="row">([\w.]+)</g)];
    expect(marked.map(([, name]) => name)).toEqual(['clipNorm', 'momentum']);
    expect(rowsOf(page)).toContainEqual(['momentum ≠ differs', '–', '0.9']);
    expect(page).toMatch(/>Loss<\/th><td><strong>[\d.]+<\/strong><\/td><td>[\d.]+<\/td>/);
  });

  it('tells runs of one name apart', () => {
    const page = makeReport([small('a'), small('a'), small('a (2)')]);
    const heads = [...page.matchAll(/<h3><span[^>]*><\/span>(.*?)<\/h3>/g)];
    expect(heads.map(([, name]) => name)).toEqual(['a', 'a (2)', 'a (2) (2)']);
  });

  it('takes a run that has written nothing yet', () => {
    expect(makeReport([{ name: 'empty', records: [] }])).toContain('No training step was recorded');
    expect(makeReport([{ name: 'begun', records: [start()] }])).toContain('AMD EPYC 9R14');
  });

  it('shows warnings, and why a run ended', () => {
    const page = makeReport([
      {
        name: 'a',
        records: [
          { type: 'warning', index: 1, message: 'no checkpoint: disk full' },
          step(2),
          { type: 'end', index: 2, epoch: 1, seconds: 3, stoppedBy: 'failed', message: 'no data' },
        ],
      },
    ]);
    expect(page).toMatch(/1 warning<.*step 1: no checkpoint: disk full</s);
    expect(rowsOf(page)).toContainEqual(['Reason', 'no data']);
  });

  it('leaves accuracy away where there is none', () => {
    const { accuracy: _, ...plain } = step(1);
    const page = makeReport([{ name: 'reals', records: [plain] }]);
    expect(page).toContain('data-curve="loss"');
    expect(page).not.toContain('data-curve="accuracy"');
    expect(page).not.toContain('Perplexity');
  });

  it('shows whatever is in records as text', () => {
    const page = makeReport([hostileRun, hostileRun], { title: hostile });
    expect(page).not.toContain('<img');
    expect(page).not.toMatch(/<script>alert/);
    expect(page.match(/<script\b/g)).toHaveLength(3);
    expect(page.match(/<\/script/g)).toHaveLength(3);
    expect(page).not.toContain('"onfocus');
    const [, data] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)!;
    expect(data).not.toContain('<');
    expect(JSON.parse(data).runs[0].name).toBe(hostile);
  });

  it('stays small for a million steps, with every peak', () => {
    const run = learningRun({ steps: 1_000_000, stepsPerEpoch: 10_000 });
    const peak = run.records.findIndex(
      ({ type, ...record }) => 'index' in record && record.index === 777_777,
    );
    const records = run.records.with(peak, step(777_777, { loss: 54_321 }));
    const page = makeReport([{ name: 'long', records }]);
    expect(page.length).toBeLessThan(1_500_000);
    expect(page).toContain('54321');
  });

  it('stays small for many long runs', () => {
    const run = learningRun({ steps: 30_000 });
    const page = makeReport(Array.from({ length: 24 }, () => run));
    expect(page.length).toBeLessThan(5_000_000);
  });

  it.each<[string, () => unknown, string]>([
    ['no runs', () => makeReport([]), 'makeReport: runs: expected at least one run'],
    ['a run without a name', () => makeReport([small('')]), 'makeReport: runs[0].name'],
    ['unknown options', () => makeReport([small('a')], { dark: true } as never), 'dark'],
    ['an empty title', () => makeReport([small('a')], { title: '' }), 'makeReport: title'],
    [
      'a run without records',
      () => makeReport([{ name: 'a' } as never]),
      'makeReport: runs[0].records: expected an array',
    ],
  ])('refuses %s', (_, call, message) => {
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_BNLSTM_ARGUMENT' }));
    expect(call).toThrow(message);
  });
});

describe('writeReport', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bnlstm-report-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('replaces the file in one piece', async () => {
    const path = join(folder, 'report.html');
    await writeReport(path, [small('first')]);
    await writeReport(path, [small('second – naïve')]);
    expect(await readFile(path, 'utf8')).toBe(makeReport([small('second – naïve')]));
    await expect(writeReport(path, [])).rejects.toThrow('at least one run');
    expect(await readFile(path, 'utf8')).toContain('second – naïve');
    expect(await readdir(folder)).toEqual(['report.html']);
  });

  it('says which file cannot be written', async () => {
    await expect(writeReport(join(folder, 'no', 'report.html'), [small('a')])).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_BNLSTM_IO' }),
    );
  });
});
