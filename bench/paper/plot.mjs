// Plots as SVG text: panels side by side, each with axes, lines, points and bands.

/** @typedef {readonly [x: number, y: number]} Point */
/**
 * @typedef {object} Series
 * @property {string} [label] at the end of the line
 * @property {string} color
 * @property {readonly Point[]} points in order of x
 * @property {'line' | 'thin' | 'dots' | 'rings' | 'band'} as a band's points go there and back
 */
/**
 * @typedef {object} Axis
 * @property {string} label
 * @property {readonly [number, number]} range
 * @property {readonly number[]} ticks
 * @property {boolean} [log]
 */
/** @typedef {{ title: string, x: Axis, y: Axis, series: readonly Series[] }} Panel */

const [panelWidth, panelHeight] = [430, 304];
const margin = { left: 52, right: 74, top: 48, bottom: 44 };

const style = `
  text { font: 12px system-ui, sans-serif; fill: #52514e }
  .title { font-size: 13px; font-weight: 600; fill: #0b0b0b }
  .grid { stroke: #e4e3df; stroke-width: 1 }
  .surface { fill: #fcfcfb }
  @media (prefers-color-scheme: dark) {
    text { fill: #c3c2b7 } .title { fill: #fff } .grid { stroke: #383835 } .surface { fill: #1a1a19 }
  }`;

/** @param {string} value */
const escaped = (value) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** @param {number} value */
const short = (value) => `${Number(value.toFixed(1))}`;

/** @param {Axis} axis @param {number} from @param {number} to */
function scale({ range, log }, from, to) {
  const place = (/** @type {number} */ value) => (log ? Math.log(value) : value);
  const [low, high] = range.map(place);
  return (/** @type {number} */ value) => {
    const share = (place(value) - low) / (high - low);
    return from + Math.min(1, Math.max(0, share)) * (to - from);
  };
}

/** @param {Series} series @param {(point: Point) => Point} at */
function shape({ as, color, points }, at) {
  const places = points.map(at).map((place) => place.map(short).join(' '));
  if (places.length === 0) return '';
  const path = `M${places.join('L')}`;
  switch (as) {
    case 'line':
      return `<path d="${path}" fill="none" stroke="${color}" stroke-width="2"/>`;
    case 'thin':
      return `<path d="${path}" fill="none" stroke="${color}" stroke-width="1" opacity="0.55"/>`;
    case 'band':
      return `<path d="${path}Z" fill="${color}" opacity="0.12"/>`;
    default: {
      const paint = as === 'dots' ? `fill="${color}"` : `fill="none" stroke="${color}"`;
      return points
        .map(at)
        .map(([x, y]) => `<circle cx="${short(x)}" cy="${short(y)}" r="3.5" ${paint}/>`)
        .join('');
    }
  }
}

/** Labels at the ends of lines, moved apart where they would meet. @param {readonly Series[]} series @param {(point: Point) => Point} at */
function labels(series, at) {
  const ends = series
    .filter(({ label, points }) => label && points.length > 0)
    .map(({ label, points }) => ({ label, place: at(points[points.length - 1]) }))
    .sort((a, b) => a.place[1] - b.place[1]);
  let last = Number.NEGATIVE_INFINITY;
  return ends.map(({ label, place: [x, y] }) => {
    last = Math.max(y, last + 14);
    return `<text x="${short(x + 8)}" y="${short(last + 4)}">${escaped(label ?? '')}</text>`;
  });
}

/** @param {Panel} panel @param {number} left */
function draw({ title, x, y, series }, left) {
  const [x0, x1] = [left + margin.left, left + panelWidth - margin.right];
  const [y0, y1] = [panelHeight - margin.bottom, margin.top];
  const [toX, toY] = [scale(x, x0, x1), scale(y, y0, y1)];
  const at = (/** @type {Point} */ [a, b]) => /** @type {Point} */ ([toX(a), toY(b)]);
  const name = (/** @type {number} */ tick) => tick.toLocaleString('en');
  return [
    `<text class="title" x="${x0}" y="20">${escaped(title)}</text>`,
    ...y.ticks.map((tick) => {
      const place = short(toY(tick));
      return (
        `<path class="grid" d="M${x0} ${place}H${x1}"/>` +
        `<text x="${x0 - 8}" y="${short(toY(tick) + 4)}" text-anchor="end">${name(tick)}</text>`
      );
    }),
    ...x.ticks.map(
      (tick) =>
        `<text x="${short(toX(tick))}" y="${y0 + 18}" text-anchor="middle">${name(tick)}</text>`,
    ),
    `<text x="${(x0 + x1) / 2}" y="${y0 + 36}" text-anchor="middle">${escaped(x.label)}</text>`,
    `<text x="${x0 - 44}" y="${y1 - 12}">${escaped(y.label)}</text>`,
    ...series.map((each) => shape(each, at)),
    ...labels(series, at),
  ].join('\n');
}

/** @param {readonly Panel[]} panels */
export function figure(panels) {
  const [width, height] = [panels.length * panelWidth, panelHeight];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<title>${escaped(panels.map(({ title }) => title).join('; '))}</title>`,
    `<style>${style}</style>`,
    `<rect class="surface" width="${width}" height="${height}"/>`,
    ...panels.map((panel, index) => draw(panel, index * panelWidth)),
    '</svg>\n',
  ].join('\n');
}
