// Writes the table of plans into README.md of this folder, between its two marks, from the newest
// result files:
//
//     node bench/speed/plans.mjs
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { line, replaceMarked } from './table.mjs';

/**
 * @typedef {{ dtype: string, hidden: number, batch: number }} Shape
 * @typedef {Shape & { commit: string, library: string, model: string, plan: string, pass: string, usPerStep: number }} Row
 * in the order in which they were measured
 * @typedef {Shape & { algorithm: string, usPerStep: { totalGraph?: number } }} CudnnTime
 */

const page = new URL('README.md', import.meta.url);

/** @param {number} value */
const digits = (value) => value.toPrecision(3);

/** @param {Shape} a @param {Shape} b */
const alike = (a, b) => a.dtype === b.dtype && a.hidden === b.hidden && a.batch === b.batch;

/**
 * One line for each shape and pass. Ratios are cuDNN's time by ours.
 * @param {readonly Row[]} rows
 * @param {readonly CudnnTime[]} times of cuDNN, by other programs
 */
export function plansText(rows, times) {
  const shapes = rows
    .filter((row, k) => rows.findIndex((each) => alike(each, row)) === k)
    .toSorted((a, b) => a.dtype.localeCompare(b.dtype) || a.hidden - b.hidden || a.batch - b.batch);
  const lines = shapes.flatMap((shape) => {
    /** @param {string} model @param {string} plan @param {string} pass */
    const last = (model, plan, pass) =>
      rows.findLast(
        (row) => alike(row, shape) && row.model === model && row.plan === plan && row.pass === pass,
      );
    return ['forward', 'train'].flatMap((pass) => {
      const [steps, persistent] = ['steps', 'persistent'].map((plan) =>
        last('bn-lstm', plan, pass),
      );
      if (!steps && !persistent) return [];
      const measured = last('lstm', 'standard', pass)?.usPerStep;
      // That of forward is launched by the host there, and no match for a graph.
      const other =
        pass === 'train'
          ? times.find((time) => time.algorithm === 'STANDARD' && alike(time, shape))
          : undefined;
      const theirs = measured ?? other?.usPerStep.totalGraph;
      const [before, forward] = ['steps', 'persistent'].map(
        (plan) => last('bn-lstm', plan, 'forward')?.usPerStep,
      );
      const sum =
        pass === 'train' && steps && before && forward
          ? forward + steps.usPerStep - before
          : undefined;
      /** @param {number | undefined} own */
      const cell = (own) => {
        if (own === undefined) return undefined;
        return theirs ? `${digits(own)} (${(theirs / own).toFixed(2)}×)` : digits(own);
      };
      return line([
        ...[shape.dtype, shape.hidden.toLocaleString('en'), String(shape.batch), pass],
        theirs ? `${digits(theirs)}${measured ? '' : ' †'}` : '–',
        ...[cell(steps?.usPerStep) ?? '–', cell(persistent?.usPerStep) ?? '–'],
        ...[persistent?.commit ?? '–', cell(sum)],
      ]);
    });
  });
  const titles = ['dtype', 'hidden', 'rows', 'pass', 'cuDNN', 'steps', 'persistent'];
  const columns = [...titles, 'its commit', 'forward persistent + backward steps'];
  return [line(columns), line(columns.map(() => '---')), ...lines].join('\n');
}

/** README.md of this folder as it should be. */
export function currentPage() {
  const folder = new URL('../results/', import.meta.url);
  /** @param {string} prefix */
  const newest = (prefix) => {
    const names = readdirSync(folder).filter((name) => name.startsWith(prefix));
    const all = names.map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')));
    return all.toSorted((a, b) => a.date.localeCompare(b.date)).at(-1);
  };
  const text = plansText(newest('plans-').rows, newest('cudnn-').times);
  return replaceMarked(readFileSync(page, 'utf8'), 'plans', text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, currentPage());
