// Lays the newest results of the experiments over the paper's numbers:
//   node --import ./scripts/typescript.mjs bench/paper/page.mjs
// writes the figures (*.svg) of this folder, and the tables into README.md between their marks.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { flow } from './flow_page.mjs';
import { gamma, mnist, recall } from './learning_page.mjs';
import { figure } from './plot.mjs';
import { statistics } from './statistics_page.mjs';

/** @typedef {import('../../lib/cli/paper/results.js').Results} Results */
/** @typedef {import('../../lib/cli/paper/results.js').RunResult} RunResult */
/** @typedef {{ tables: string, panels: readonly import('./plot.mjs').Panel[] }} Section */

const here = new URL('.', import.meta.url);
const results = new URL('../results/', import.meta.url);

/** The newest results of an experiment. @param {string} name @returns {Promise<Results | undefined>} */
async function newest(name) {
  const pattern = new RegExp(`^paper-${name}-[a-z0-9]+-\\d{4}-\\d\\d-\\d\\d\\.json$`);
  const files = (await readdir(results)).filter((file) => pattern.test(file));
  const last = files.sort((a, b) => a.slice(-15).localeCompare(b.slice(-15))).at(-1);
  return last && JSON.parse(await readFile(new URL(last, results), 'utf8'));
}

/** @type {Record<string, (...of: any[]) => Section>} */
const sections = { mnist, gamma, 'recall-gamma': recall, 'gradient-flow': flow, statistics };
const sources = { mnist: ['mnist', 'pmnist'], statistics: ['statistics', 'statistics-pmnist'] };

const readme = new URL('README.md', here);
let page = await readFile(readme, 'utf8');
for (const [name, section] of Object.entries(sections)) {
  const names = /** @type {Record<string, string[]>} */ (sources)[name] ?? [name];
  const found = (await Promise.all(names.map(newest))).filter((each) => each !== undefined);
  if (found.length < names.length) continue;
  const { tables, panels } = section(...found);
  await writeFile(new URL(`${name}.svg`, here), figure(panels));
  const [begin, end] = [`<!-- ${name}: written by page.mjs -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md has no place for ${name}`);
  page = `${page.slice(0, from + begin.length)}\n\n${tables}\n\n${page.slice(to)}`;
}
await writeFile(readme, page);
