// Numbers for people, alike in tables and in charts.

const groups = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/**
 * Four significant digits, or all of those before the point.
 *
 * @param {unknown} value
 * @returns {string} a dash for what is no finite number
 */
export function significant(value) {
  if (typeof value !== 'number' || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1e9 || (size > 0 && size < 1e-4)) return value.toExponential(2).replace('e+', 'e');
  if (size >= 1000) return groups.format(value);
  return size === 0 ? '0' : value.toPrecision(4);
}

/**
 * @param {unknown} value an integer
 * @returns {string}
 */
export function integer(value) {
  return typeof value === 'number' && Number.isFinite(value) ? groups.format(value) : '–';
}

/**
 * @param {unknown} value 0 to 1
 * @returns {string}
 */
export function percent(value) {
  if (typeof value !== 'number' || !Number.isFinite(value)) return '–';
  return `${(100 * value).toFixed(2)} %`;
}

/**
 * @param {unknown} seconds
 * @returns {string} such as 1 h 05 min
 */
export function duration(seconds) {
  if (typeof seconds !== 'number' || !(seconds >= 0) || seconds === Infinity) return '–';
  if (seconds < 10) return `${Number(seconds.toPrecision(2))} s`;
  const whole = Math.round(seconds);
  const [days, hours, minutes] = [86400, 3600, 60].map((unit) => Math.floor(whole / unit));
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  if (days > 0) return `${days} d ${two(hours % 24)} h`;
  if (hours > 0) return `${hours} h ${two(minutes % 60)} min`;
  if (minutes > 0) return `${minutes} min ${two(whole % 60)} s`;
  return `${whole} s`;
}
