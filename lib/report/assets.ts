/** What the page carries with it: its own style and script, and the library that draws. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The script's files, lowest first: none uses a later one. */
const modules = ['format.js', 'series.js', 'theme.js', 'lines.js', 'chart.js', 'main.js'];

const own = (name: string) => readFileSync(new URL(`./client/${name}`, import.meta.url), 'utf8');

const library = (name: string) =>
  readFileSync(createRequire(import.meta.url).resolve(`uplot/${name}`), 'utf8');

/** One script of several modules that import from each other only: their names are all different. */
function bundle(): string {
  return modules
    .map((name) =>
      own(name)
        .replace(/^import [^;]*;\n/gm, '')
        .replace(/^export /gm, ''),
    )
    .join('\n');
}

export interface Assets {
  readonly style: string;
  /** uPlot, a classic script. */
  readonly plot: string;
  /** Ours, a module. */
  readonly script: string;
}

let assets: Assets | undefined;

export function reportAssets(): Assets {
  assets ??= {
    style: library('dist/uPlot.min.css') + own('style.css'),
    plot: `/*\n${library('LICENSE')}*/\n${library('dist/uPlot.iife.min.js')}`, // its licence asks for the notice
    script: bundle(),
  };
  return assets;
}
