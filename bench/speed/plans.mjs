// Writes the table of plans into README.md of this folder, between its two marks, from the newest
// result file:
//
//     node bench/speed/plans.mjs
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { line, replaceMarked } from './table.mjs';

/**
 * @typedef {{ dtype: string, hidden: number, batch: number }} Shape
 * @typedef {Shape & { model: string, plan: string, pass: string, usPerStep: { median: number } }} Row
 */

const page = new URL('README.md', import.meta.url);

/** @param {number} value */
const digits = (value) => value.toPrecision(3);

/** @param {Shape} a @param {Shape} b */
const alike = (a, b) => a.hidden === b.hidden && a.batch === b.batch;

/**
 * One line for each shape and pass of ours. Ratios are cuDNN's time by that of `persistent`.
 * @param {readonly Row[]} rows
 */
export function plansText(rows) {
  const shapes = rows
    .filter(({ model }) => model === 'bn-lstm')
    .filter(
      (row, k, all) => all.findIndex((each) => alike(each, row) && each.dtype === row.dtype) === k,
    )
    .toSorted((a, b) => a.dtype.localeCompare(b.dtype) || a.hidden - b.hidden || a.batch - b.batch);
  const plans = ['steps', 'persistent', 'overlapped'].filter((plan) =>
    rows.some((row) => row.model === 'bn-lstm' && row.plan === plan),
  );
  const lines = shapes.flatMap((shape) =>
    ['forward', 'train'].map((pass) => {
      /** @param {string} plan */
      const of = (plan, dtype = shape.dtype) =>
        rows.find(
          (row) =>
            alike(row, shape) && row.dtype === dtype && row.plan === plan && row.pass === pass,
        )?.usPerStep.median;
      const own = of('persistent');
      /** @param {number | undefined} theirs */
      const cell = (theirs) => {
        if (theirs === undefined) return '–';
        return own ? `${digits(theirs)} (${(theirs / own).toFixed(2)}×)` : digits(theirs);
      };
      const ours = plans.map((plan) => of(plan)).map((time) => (time ? digits(time) : '–'));
      return line([
        ...[shape.dtype, shape.hidden.toLocaleString('en'), String(shape.batch), pass],
        ...[...ours, cell(of('standard')), cell(of('persist-static', 'f16'))],
      ]);
    }),
  );
  const columns = [
    'dtype',
    'hidden',
    'rows',
    'pass',
    ...plans,
    'cuDNN STANDARD',
    'cuDNN PERSIST_STATIC, f16',
  ];
  return [line(columns), line(columns.map(() => '---')), ...lines].join('\n');
}

/** README.md of this folder as it should be. */
export function currentPage() {
  const folder = new URL('../results/', import.meta.url);
  const names = readdirSync(folder).filter((name) => name.startsWith('plans-'));
  const all = names.map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')));
  const { rows } = all.toSorted((a, b) => a.date.localeCompare(b.date)).at(-1);
  return replaceMarked(readFileSync(page, 'utf8'), 'plans', plansText(rows));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, currentPage());
