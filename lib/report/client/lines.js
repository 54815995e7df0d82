// The lines of a chart in the present view, and how uPlot is told to draw them.
import { duration, percent, significant } from './format.js';
import { bucketEnds, smooth, strictly } from './series.js';
import { colour, faint } from './theme.js';

/**
 * @typedef {import('../page_data.js').RunData} RunData
 * @typedef {import('./series.js').AxisName} AxisName
 * @typedef {import('./series.js').Method} Method
 * @typedef {import('./series.js').Values} Values
 * @typedef {keyof RunData['curves']} CurveName
 *
 * @typedef {object} View what the controls say
 * @property {AxisName} axis
 * @property {number} span steps of smoothing; 1 for none
 * @property {Method} method
 * @property {readonly boolean[]} shown which runs
 * @property {readonly [number, number] | undefined} zoom part of the axis
 *
 * @typedef {object} Line a run's curve in a view
 * @property {number} run
 * @property {readonly number[]} places
 * @property {Values} raw
 * @property {readonly number[]} smoothPlaces
 * @property {Values} smooth empty without smoothing
 * @property {readonly number[]} points of validations
 * @property {Values} values of validations
 * @property {number} best row of the best validation, or -1
 * @property {readonly number[]} gaps rows
 */

/**
 * @param {readonly RunData[]} runs
 * @param {CurveName} curve
 * @param {View} view
 * @returns {(Line | undefined)[]} undefined for runs that are hidden or have no such curve
 */
export function linesOf(runs, curve, { axis, span, method, shown }) {
  return runs.map((run, index) => {
    const data = run.curves[curve];
    const places = strictly(run.axes[axis]);
    if (data === undefined || places.length === 0 || !shown[index]) return undefined;
    const { rowsPerBucket, validation } = run;
    const steps = bucketEnds(run.axes.step, rowsPerBucket);
    const smoothed = span > 1 && curve !== 'learningRate'; // which is known, not measured
    const values = curve === 'loss' || curve === 'accuracy' ? validation[curve] : [];
    return {
      run: index,
      places,
      raw: data.raw,
      smoothPlaces: bucketEnds(places, rowsPerBucket),
      smooth: smoothed ? smooth(steps, data.mean ?? data.raw, span, method) : [],
      points: values.length > 0 ? strictly(validation.axes[axis]) : [],
      values,
      best: validation.best,
      gaps: data.gaps,
    };
  });
}

/**
 * What uPlot draws, at the places of all runs: everybody's raw values, above them the smoothed ones,
 * above those the validations.
 *
 * @param {readonly (Line | undefined)[]} lines
 * @param {boolean} log
 */
export function plotData(lines, log) {
  // A logarithmic scale has no place for zero and less.
  const drawable = (/** @type {Values} */ values) =>
    log ? values.map((value) => (value !== null && value > 0 ? value : null)) : values;
  const table = (
    /** @type {readonly number[]} */ places = [],
    /** @type {Values} */ values = [],
  ) => (values.length === 0 ? [[], []] : [places, drawable(values)]);
  const tables = [
    ...lines.map((line) => table(line?.places, line?.raw)),
    ...lines.map((line) => table(line?.smoothPlaces, line?.smooth)),
    ...lines.map((line) => table(line?.points, line?.values)),
  ];
  // Afterwards undefined is a place that only others have, null a gap.
  return uPlot.join(/** @type {import('uplot').AlignedData[]} */ (tables));
}

/**
 * How it draws them.
 *
 * @param {readonly (Line | undefined)[]} lines of each run
 * @returns {import('uplot').Series[]}
 */
export function plotSeries(lines) {
  const points = { show: false };
  const smoothed = lines.some((line) => line !== undefined && line.smooth.length > 0);
  // Many dots would hide the curves.
  const validations = Math.max(...lines.map((line) => line?.points.length ?? 0));
  const few = validations <= 40;
  const dots = { size: few ? 8 : 5, width: few ? 1.5 : 0, stroke: colour('--surface') };
  const strokes = lines.map((_, run) => runColour(run));
  // There are eight colours.
  const dashes = lines.map((_, run) => (run < 8 ? {} : { dash: [8, 4] }));
  return [
    ...strokes.map((stroke, run) => ({
      ...{ points, ...dashes[run], width: smoothed ? 1 : 1.5 },
      stroke: smoothed ? faint(stroke, 0.3 / Math.sqrt(lines.length)) : stroke,
    })),
    ...strokes.map((stroke, run) => ({ points, ...dashes[run], width: 2, stroke })),
    ...strokes.map((stroke) => ({
      ...{ stroke: faint(stroke, 0.7), width: 1, dash: [2, 4] },
      points: { show: validations <= 150, ...dots, fill: stroke },
    })),
  ];
}

/** @param {number} run */
export const runColour = (run) => colour(`--run-${run % 8}`);

/** @param {AxisName} axis @param {number} place */
export function placeText(axis, place) {
  if (axis === 'time') return duration(place);
  if (axis === 'epoch') return `epoch ${place.toFixed(2)}`;
  return `step ${Math.round(place).toLocaleString('en')}`;
}

/** @param {string} curve @param {number | null | undefined} value */
export const valueText = (curve, value) =>
  curve === 'accuracy' ? percent(value) : significant(value);

/** @param {AxisName} axis @param {readonly number[]} ticks */
function placeTicks(axis, ticks) {
  if (axis === 'time') return ticks.map((tick) => (tick === 0 ? '0' : duration(tick)));
  return ticks.map((tick) => tick.toLocaleString('en'));
}

/** @param {string} curve @param {readonly (number | null)[]} ticks null: not labelled */
function valueTicks(curve, ticks) {
  return ticks.map((tick) => {
    if (tick === null) return '';
    if (curve === 'accuracy') return `${Number((100 * tick).toPrecision(4))} %`;
    const size = Math.abs(tick);
    if (size !== 0 && (size < 1e-4 || size >= 1e6)) return tick.toExponential().replace('e+', 'e');
    return Number(tick.toPrecision(6)).toLocaleString('en', { maximumFractionDigits: 8 });
  });
}

const timeTicks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].concat(
  [2, 4, 6, 12, 24, 48, 96, 240, 480, 960].map((hours) => 3600 * hours),
);

/**
 * @param {CurveName} curve
 * @param {AxisName} axis
 * @returns {import('uplot').Axis[]}
 */
export function plotAxes(curve, axis) {
  const line = colour('--line');
  const style = {
    stroke: colour('--muted'),
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1, size: 4 },
    font: '12px system-ui, sans-serif',
  };
  return [
    {
      ...style,
      space: axis === 'time' ? 80 : 60,
      size: 32,
      ...(axis === 'time' && { incrs: timeTicks }),
      values: (_, ticks) => placeTicks(axis, ticks),
    },
    {
      ...style,
      space: 36,
      size: (_, texts) => 16 + 6.6 * Math.max(3, ...(texts ?? []).map((text) => text.length)),
      values: (_, ticks) => valueTicks(curve, ticks),
    },
  ];
}
