// One chart: its plot, its cursor and the values below it.
import {
  linesOf,
  placeText,
  plotAxes,
  plotData,
  plotSeries,
  runColour,
  valueText,
} from './lines.js';
import { rowAt } from './series.js';
import { colour } from './theme.js';

/**
 * @typedef {import('./lines.js').RunData} RunData
 * @typedef {import('./lines.js').CurveName} CurveName
 * @typedef {import('./lines.js').View} View
 * @typedef {import('./lines.js').Line} Line
 *
 * @typedef {object} Events what a chart tells about its users, so that all charts follow
 * @property {(zoom: View['zoom']) => void} zoom
 * @property {(place: number | undefined, chart: Chart) => void} cursor
 */

const height = 260;
const printedWidth = 620;

export class Chart {
  /**
   * @param {HTMLElement} section
   * @param {readonly RunData[]} runs
   * @param {Events} events
   */
  constructor(section, runs, events) {
    const part = (/** @type {string} */ name) => section.querySelector(name);
    this.curve = /** @type {CurveName} */ (section.dataset.curve);
    this.runs = runs;
    this.events = events;
    this.element = /** @type {HTMLElement} */ (part('.plot'));
    this.readout = /** @type {HTMLElement} */ (part('.readout'));
    this.log = /** @type {HTMLInputElement | null} */ (part('.log'));
    /** @type {(Line | undefined)[]} */
    this.lines = [];
    /** @type {View | undefined} */
    this.view = undefined;
    /** @type {import('uplot') | undefined} */
    this.plot = undefined;
    this.log?.addEventListener('change', () => this.draw());
    this.element.addEventListener('keydown', (event) => this.key(event));
    new ResizeObserver(() => this.resize(this.element.clientWidth)).observe(this.element);
  }

  /** @param {View} view */
  show(view) {
    this.view = view;
    this.lines = linesOf(this.runs, this.curve, view);
    this.draw();
  }

  /** Draws the view in the colours and the scale of now. */
  draw() {
    if (this.view === undefined) return;
    this.plot?.destroy();
    const data = plotData(this.lines, this.log?.checked ?? false);
    this.plot = new uPlot(this.options(this.view), data, this.element);
    this.read(undefined);
  }

  /** @param {number} width */
  resize(width) {
    if (width > 0 && this.plot?.width !== width) this.plot?.setSize({ width, height });
  }

  /** The width of paper is not known before it is printed. */
  print() {
    this.resize(printedWidth);
  }

  /** The places of all runs that are shown. @param {View} view @returns {[number, number]} */
  range({ axis, shown, zoom }) {
    if (zoom !== undefined) return [...zoom];
    const ends = this.runs.flatMap(({ axes }, run) =>
      shown[run] && axes[axis].length > 0 ? [axes[axis][0], axes[axis].at(-1) ?? 0] : [],
    );
    if (ends.length === 0) return [0, 1];
    const [least, greatest] = [Math.min(...ends), Math.max(...ends)];
    return least < greatest ? [least, greatest] : [least - 0.5, greatest + 0.5];
  }

  /** @param {View} view @returns {import('uplot').Options} */
  options(view) {
    const log = this.log?.checked ?? false;
    return {
      width: this.element.clientWidth || printedWidth,
      height,
      legend: { show: false },
      padding: [10, 16, 0, 0],
      scales: {
        x: { time: false, range: () => this.range(view) },
        y: log ? { distr: 3 } : {},
      },
      axes: plotAxes(this.curve, view.axis),
      series: [{}, ...plotSeries(this.lines)],
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false },
        bind: {
          dblclick: () => () => {
            this.events.zoom(undefined);
            return null;
          },
        },
      },
      hooks: {
        draw: [(plot) => this.mark(plot)],
        setCursor: [
          (plot) => {
            const left = plot.cursor.left ?? -1;
            this.events.cursor(left < 0 ? undefined : plot.posToVal(left, 'x'), this);
          },
        ],
        setSelect: [
          ({ select, posToVal }) => {
            if (select.width < 4) return;
            const zoom = [select.left, select.left + select.width].map((x) => posToVal(x, 'x'));
            this.events.zoom(/** @type {[number, number]} */ (zoom));
          },
        ],
      },
    };
  }

  /** A ring around the best validation, ticks at the foot where values are missing. @param {import('uplot')} plot */
  mark(plot) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    const margin = 9 * ratio; // of a ring at the border
    ctx.rect(
      bbox.left - margin,
      bbox.top - margin,
      bbox.width + 2 * margin,
      bbox.height + 2 * margin,
    );
    ctx.clip();
    ctx.setLineDash([]);
    for (const line of this.lines) {
      if (line === undefined) continue;
      const best = line.values[line.best] ?? null;
      if (best !== null) {
        ctx.beginPath();
        const [x, y] = [
          plot.valToPos(line.points[line.best], 'x', true),
          plot.valToPos(best, 'y', true),
        ];
        ctx.arc(x, y, 7 * ratio, 0, 2 * Math.PI);
        ctx.strokeStyle = runColour(line.run);
        ctx.lineWidth = 2 * ratio;
        ctx.stroke();
      }
      ctx.fillStyle = colour('--bad');
      for (const row of line.gaps) {
        const x = plot.valToPos(line.places[row], 'x', true);
        ctx.fillRect(x - ratio, bbox.top + bbox.height - 8 * ratio, 2 * ratio, 8 * ratio);
      }
    }
    ctx.restore();
  }

  /** Moves the cursor to a place that another chart has. @param {number | undefined} place */
  point(place) {
    if (this.plot === undefined) return;
    const left = place === undefined ? -10 : this.plot.valToPos(place, 'x');
    this.plot.setCursor({ left, top: place === undefined ? -10 : 0 }, false);
    this.read(place);
  }

  /** Shows the values at a place, or the last ones. @param {number | undefined} place */
  read(place) {
    const { view } = this;
    if (view === undefined) return;
    const items = this.lines.flatMap((line) => {
      if (line === undefined) return [];
      const item = document.createElement('span');
      const swatch = document.createElement('span');
      swatch.className = `swatch run-${line.run % 8}`;
      item.append(swatch, ` ${this.lineText(line, place ?? Infinity)}`);
      return [item];
    });
    const head = document.createElement('span');
    head.textContent = place === undefined ? 'last' : placeText(view.axis, place);
    this.readout.replaceChildren(head, ...items);
  }

  /** @param {Line} line @param {number} place */
  lineText(line, place) {
    const text = (/** @type {number | null | undefined} */ value) => valueText(this.curve, value);
    const parts = [text(line.raw[rowAt(line.places, place)])];
    if (line.smooth.length > 0)
      parts.push(`smooth ${text(line.smooth[rowAt(line.smoothPlaces, place)])}`);
    if (line.points[0] <= place)
      parts.push(`validation ${text(line.values[rowAt(line.points, place)])}`);
    return `${this.runs.length > 1 ? `${this.runs[line.run].name} ` : ''}${parts.join(' · ')}`;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { plot } = this;
    if (plot === undefined) return;
    const width = plot.over.clientWidth;
    const now = plot.cursor.left ?? -1;
    const stride = event.shiftKey ? width / 10 : width / 100;
    const from = now < 0 ? width : now;
    /** @type {Record<string, number>} */
    const targets = {
      ...{ ArrowLeft: from - stride, ArrowRight: from + stride },
      ...{ Home: 0, End: width, Escape: -10 },
    };
    const target = targets[event.key];
    if (target === undefined) return;
    event.preventDefault();
    const left = event.key === 'Escape' ? target : Math.max(0, Math.min(width, target));
    plot.setCursor({ left, top: left < 0 ? -10 : 0 });
    const spoken = document.getElementById('spoken');
    if (spoken !== null) spoken.textContent = this.readout.textContent;
  }
}
