// Puts the page together: controls, charts, theme.
import { Chart } from './chart.js';
import { integer } from './format.js';
import { spans } from './series.js';
import { onTheme } from './theme.js';

/**
 * @typedef {import('./lines.js').View} View
 * @typedef {import('./series.js').AxisName} AxisName
 * @typedef {import('./series.js').Method} Method
 */

/** @param {string} id */
const byId = (id) => document.getElementById(id);

function main() {
  const form = /** @type {HTMLFormElement | null} */ (byId('controls'));
  if (form === null) return; // nothing to draw
  /** @type {import('../page_data.js').PageData} */
  const { runs } = JSON.parse(byId('data')?.textContent ?? '');
  const span = /** @type {HTMLInputElement} */ (byId('span'));
  const spanText = /** @type {HTMLOutputElement} */ (byId('span-text'));
  const method = /** @type {HTMLSelectElement} */ (byId('method'));
  const unzoom = /** @type {HTMLButtonElement} */ (byId('unzoom'));

  const steps = Math.max(...runs.map(({ axes }) => axes.step.at(-1) ?? 0));
  const choices = spans(steps);
  span.max = String(choices.length - 1);
  // At first a fiftieth of the run.
  span.value = String(choices.findLastIndex((choice) => choice <= Math.max(1, steps / 50)));

  const epochs = form.querySelector('[value=epoch]');
  const known = runs.every(({ axes }) => axes.step.length === 0 || axes.epoch.length > 0);
  if (epochs instanceof HTMLInputElement && !known) {
    epochs.disabled = true;
    epochs.parentElement?.setAttribute('title', 'known when every run has begun its second epoch');
  }

  /** @type {View['zoom']} */
  let zoom;
  /** @returns {View} */
  const view = () => {
    const data = new FormData(form);
    const shown = new Set(data.getAll('run').map(Number));
    return {
      axis: /** @type {AxisName} */ (data.get('axis')),
      span: choices[Number(span.value)],
      method: /** @type {Method} */ (method.value),
      shown: runs.map((_, run) => runs.length === 1 || shown.has(run)),
      zoom,
    };
  };

  const charts = [...document.querySelectorAll('.chart')].map(
    (section) =>
      new Chart(/** @type {HTMLElement} */ (section), runs, {
        zoom(range) {
          zoom = range;
          show();
        },
        cursor(place, source) {
          for (const chart of charts) chart === source ? chart.read(place) : chart.point(place);
        },
      }),
  );
  function show() {
    const now = view();
    const text = now.span > 1 ? `${integer(now.span)} steps` : 'off';
    spanText.value = text;
    span.setAttribute('aria-valuetext', text);
    unzoom.disabled = zoom === undefined;
    for (const chart of charts) chart.show(now);
  }

  form.addEventListener('input', (event) => {
    const { target } = event;
    if (target instanceof HTMLInputElement && target.name === 'axis') zoom = undefined;
    show();
  });
  form.addEventListener('submit', (event) => event.preventDefault());
  unzoom.addEventListener('click', () => {
    zoom = undefined;
    show();
  });
  onTheme((printing) => {
    for (const chart of charts) {
      chart.draw();
      if (printing) chart.print();
    }
  });
  show();
}

main();
