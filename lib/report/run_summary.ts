/** How runs have gone, at a glance. */
import { duration, integer, percent, significant } from './client/format.js';
import { timeText } from './facts.js';
import { type Html, html } from './html.js';
import type { Results, Scores } from './results.js';
import type { RunLog } from './run_log.js';

const maxWarnings = 20;
const maxMessage = 500;

const badge = ({ state, stateText }: Results) =>
  html`<span class="badge ${state}">${stateText}</span>`;

const main = ({ loss, accuracy }: Scores) =>
  accuracy === undefined ? `loss ${significant(loss)}` : percent(accuracy);

const rest = ({ loss, accuracy }: Scores) =>
  accuracy === undefined ? '' : `loss ${significant(loss)}`;

function tile(name: string, value: string | Html, note: string): Html {
  return html`<div class="tile"><dt>${name}</dt><dd>${value}${
    note !== '' && html`<small>${note}</small>`
  }</dd></div>`;
}

const join = (...parts: string[]) => parts.filter((part) => part !== '').join(', ');

/** One run: a row of tiles. */
function tiles(result: Results): Html {
  const { best, last, test, training, trainingSteps, steps, epoch, seconds } = result;
  const rate = result.sequencesPerSecond;
  return html`<dl class="tiles">
${tile('State', badge(result), result.message ?? (epoch === undefined ? '' : `epoch ${integer(epoch)}`))}
${tile('Steps', integer(steps), join(duration(seconds), rate > 0 ? `${significant(rate)} sequences/s` : ''))}
${training && tile('Training', main(training), join(rest(training), `last ${integer(trainingSteps)} steps`))}
${last && tile('Last validation', main(last), rest(last))}
${best && tile('Best validation', main(best), join(rest(best), `step ${integer(best.index)}`))}
${test && tile('Test', main(test), join(rest(test), `${integer(test.count)} sequences`))}
</dl>`;
}

function line(name: string, scores: Scores | undefined, note = ''): Html | undefined {
  return (
    scores && html`<div><dt>${name}</dt><dd>${join(main(scores), rest(scores), note)}</dd></div>`
  );
}

/** One of several runs: a card. */
function card(name: string, i: number, result: Results): Html {
  const { best, test, training, steps, seconds } = result;
  return html`<article class="card"><h3><span class="swatch run-${i % 8}"></span>${name}</h3>${badge(result)}
<dl>${line('Test', test)}${line('Best', best, `step ${integer(best?.index)}`)}${line('Training', training)}
<div><dt>Steps</dt><dd>${integer(steps)}, ${duration(seconds)}</dd></div></dl></article>`;
}

/** What training went on in spite of. */
function warnings(logs: readonly RunLog[], names: readonly string[]): Html | undefined {
  const all = logs.flatMap((log, i) =>
    log.warnings.map(({ index, message }) => {
      const of = logs.length > 1 ? `${names[i]}, ` : '';
      return html`<li>${of}step ${integer(index)}: ${String(message).slice(0, maxMessage)}</li>`;
    }),
  );
  if (all.length === 0) return undefined;
  const more = all.length - maxWarnings;
  return html`<div class="warnings"><h3>${integer(all.length)} ${all.length === 1 ? 'warning' : 'warnings'}</h3>
<ul>${all.slice(0, maxWarnings)}${more > 0 && html`<li>and ${integer(more)} more</li>`}</ul></div>`;
}

export function summary(
  names: readonly string[],
  logs: readonly RunLog[],
  results: readonly Results[],
): Html {
  if (logs.length > 1) {
    return html`<div class="cards">${results.map((result, i) => card(names[i], i, result))}</div>
${warnings(logs, names)}`;
  }
  const start = logs[0].starts.at(-1);
  return html`${
    start &&
    html`<p class="muted">${integer(start.parameters)} parameters on ${String(start.device)}, ${String(
      start.dtype,
    )}; begun ${timeText(logs[0].starts[0].time)}, bnlstm ${String(start.version)}</p>`
  }
${tiles(results[0])}
${warnings(logs, names)}`;
}
