/** What a run's start says: settings, machine, model. All of it is text from elsewhere. */
import { type Html, html } from './html.js';
import type { RunLog } from './run_log.js';
import { table } from './table.js';

/** Text of a single value that is shown: what is longer would hide the rest of the page. */
const maxText = 2000;
const maxSummary = 20_000;

const cut = (text: string) => (text.length > maxText ? `${text.slice(0, maxText)} …` : text);

const nothing = html`<p class="muted">Nothing was recorded.</p>`;

function show(value: unknown): string {
  if (value === undefined) return '–';
  return cut(typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value)));
}

/** Entries of nested objects, by names with dots. */
function flatten(value: unknown, prefix = '', into = new Map<string, string>()) {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isObject && Object.keys(value).length > 0) {
    for (const [key, inner] of Object.entries(value)) {
      flatten(inner, prefix === '' ? key : `${prefix}.${key}`, into);
    }
  } else if (prefix !== '') into.set(cut(prefix), show(value));
  return into;
}

/** A table of settings or facts, whatever keys the runs have; differences are marked. */
function factsTable(caption: string, names: readonly string[], facts: readonly unknown[]): Html {
  const maps = facts.map((fact) => flatten(fact));
  const keys = [...new Set(maps.flatMap((map) => [...map.keys()]))];
  if (keys.length === 0) return nothing;
  const rows = keys.map((name) => ({ name, cells: maps.map((map) => map.get(name) ?? '–') }));
  return table(caption, names, [{ rows }], true);
}

/** A time of day as it was recorded, without what nobody reads. */
export function timeText(time: unknown): string {
  const text = show(time);
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text)
    ? `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`
    : text;
}

export function configurationTable(names: readonly string[], logs: readonly RunLog[]): Html {
  const facts = logs.map(({ starts }) => {
    const start = starts.at(-1);
    if (start === undefined) return {};
    const { device, dtype, parameters, seed, configuration } = start;
    return { device, dtype, parameters, seed, ...configuration };
  });
  return factsTable('Configuration', names, facts);
}

export function machineTable(names: readonly string[], logs: readonly RunLog[]): Html {
  const facts = logs.map(({ starts }) => {
    const start = starts.at(-1);
    if (start === undefined) return {};
    const resumed = starts
      .filter(({ resumedAt }) => resumedAt !== undefined)
      .map(({ resumedAt, time }) => `after step ${resumedAt}, ${timeText(time)}`);
    return {
      ...start.machine,
      bnlstm: start.version,
      begun: timeText(starts[0].time),
      ...(resumed.length > 0 && { resumed: resumed.join('; ') }),
    };
  });
  return factsTable('Machine', names, facts);
}

/** Summaries of the models, each once. */
export function modelSummaries(names: readonly string[], logs: readonly RunLog[]): Html {
  const owners = new Map<string, string[]>();
  for (const [i, { starts }] of logs.entries()) {
    const model = starts.at(-1)?.model;
    if (typeof model !== 'string' || model === '') continue;
    owners.set(model, [...(owners.get(model) ?? []), names[i]]);
  }
  if (owners.size === 0) return nothing;
  return html`${[...owners].map(
    ([model, runs]) => html`${logs.length > 1 && html`<h3>${runs.join(', ')}</h3>`}
<pre tabindex="0">${model.slice(0, maxSummary)}</pre>`,
  )}`;
}
