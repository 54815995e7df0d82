/** The page around the curves. All of it but the charts is there without the script. */
import { createHash } from 'node:crypto';
import { reportAssets } from './assets.js';
import { configurationTable, machineTable, modelSummaries } from './facts.js';
import { Html, html, scriptJson } from './html.js';
import { pageData } from './page_data.js';
import { resultsOf } from './results.js';
import { resultsTable } from './results_table.js';
import { type CurveName, curveNames, type RunLog } from './run_log.js';
import { summary } from './run_summary.js';

const titles: Readonly<Record<CurveName, string>> = {
  loss: 'Loss',
  accuracy: 'Accuracy',
  gradientNorm: 'Gradient norm',
  learningRate: 'Learning rate',
  sequencesPerSecond: 'Sequences per second',
};
/** Curves that can have a logarithmic scale, and whether they begin with it. */
const logarithmic: Partial<Record<CurveName, boolean>> = {
  loss: false,
  gradientNorm: true,
  learningRate: false,
};

/** Runs of one name are told apart by numbers. */
function uniqueNames(logs: readonly RunLog[]): string[] {
  const taken = new Set<string>();
  return logs.map(({ name }) => {
    let unique = name.slice(0, 200);
    for (let n = 2; taken.has(unique); n++) unique = `${name.slice(0, 200)} (${n})`;
    taken.add(unique);
    return unique;
  });
}

function chart(name: CurveName): Html {
  const log = logarithmic[name];
  return html`<section class="chart" data-curve="${name}" aria-labelledby="${name}-title">
<div class="chart-head"><h3 id="${name}-title">${titles[name]}</h3>
${
  log !== undefined &&
  html`<label class="check"><input type="checkbox" class="log"${log && new Html(' checked')}> log scale</label>`
}</div>
<div class="plot" role="group" tabindex="0" aria-labelledby="${name}-title" aria-describedby="chart-keys"></div>
<div class="readout"></div>
</section>`;
}

function controls(names: readonly string[]): Html {
  const axes = { step: 'steps', epoch: 'epochs', time: 'time' };
  return html`<form class="controls" id="controls" aria-label="How curves are drawn">
<fieldset class="segments"><legend>Along</legend>${Object.entries(axes).map(
    ([value, label]) =>
      html`<label><input type="radio" name="axis" value="${value}"${
        value === 'step' && new Html(' checked')
      }><span>${label}</span></label>`,
  )}</fieldset>
<div class="field"><label for="span">Smoothing</label><input type="range" id="span" min="0" max="0" step="1" value="0">
<output id="span-text" for="span">off</output></div>
<div class="field"><label for="method" class="hidden">Kind of smoothing</label>
<select id="method"><option value="exponential">exponential</option><option value="running">running mean</option></select></div>
<button type="button" id="unzoom" disabled>Whole range</button>
${
  names.length > 1 &&
  html`<fieldset class="runs"><legend>Runs</legend>${names.map(
    (name, i) =>
      html`<label class="check"><input type="checkbox" name="run" value="${i}" checked><span class="swatch run-${i % 8}"></span><span class="run-name">${name}</span></label>`,
  )}</fieldset>`
}
</form>`;
}

const theme = html`<label class="theme"><span>Theme</span> <select id="theme">
<option value="">system</option><option value="light">light</option><option value="dark">dark</option></select></label>`;

const digest = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

export function makePage(logs: readonly RunLog[], title: string | undefined): string {
  const names = uniqueNames(logs);
  const heading = title ?? (names.length === 1 ? names[0] : `${names.length} runs`);
  const results = logs.map(resultsOf);
  const { style, plot, script } = reportAssets();
  // Nothing is loaded, and no script but these two runs, whatever might have got into the page.
  const policy = `default-src 'none'; script-src ${digest(plot)} ${digest(script)}; style-src ${digest(style)}; img-src data:; base-uri 'none'; form-action 'none'`;
  const curves = curveNames.filter((name) => logs.some(({ present }) => present.has(name)));
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${heading}: training report</title>
<link rel="icon" href="data:,">
<style>${new Html(style)}</style>
</head>
<body>
<header><div><p class="kicker">Training report</p><h1>${heading}</h1></div>${theme}</header>
<main>
<section aria-labelledby="summary-title"><h2 id="summary-title" class="hidden">Summary</h2>
${summary(names, logs, results)}</section>
<section aria-labelledby="curves-title" class="curves"><h2 id="curves-title">Curves</h2>
${
  curves.length === 0
    ? html`<p class="muted">No training step was recorded.</p>`
    : html`<noscript><p>Curves need JavaScript.</p></noscript>
${controls(names)}
<p class="muted hint" id="chart-keys">Dots are validations, the ring is the best one. Drag over a chart to zoom, double-click for the whole range; with the keyboard, arrow keys move the cursor.</p>
<div class="charts">${curves.map(chart)}</div><output class="hidden" id="spoken"></output>`
}</section>
<div class="${names.length === 1 ? 'pairs' : ''}">
<section aria-labelledby="results-title"><h2 id="results-title">Results</h2>
${resultsTable(names, results)}</section>
<section aria-labelledby="configuration-title"><h2 id="configuration-title">Configuration</h2>
${configurationTable(names, logs)}</section>
<section aria-labelledby="machine-title"><h2 id="machine-title">Machine</h2>
${machineTable(names, logs)}</section>
<section aria-labelledby="model-title"><h2 id="model-title">Model</h2>
${modelSummaries(names, logs)}</section>
</div>
</main>
<script type="application/json" id="data">${new Html(scriptJson(pageData(logs, names)))}</script>
<script>${new Html(plot)}</script>
<script type="module">${new Html(script)}</script>
</body>
</html>
`.text;
}
