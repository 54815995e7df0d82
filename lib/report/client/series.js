// What is drawn, as numbers: places on the axes and smoothed curves. Knows nothing of a browser.

/**
 * @typedef {import('../page_data.js').RunData} RunData
 * @typedef {import('../page_data.js').Axes} Axes
 * @typedef {import('../page_data.js').CurveData} CurveData
 * @typedef {keyof Axes} AxisName
 * @typedef {'exponential' | 'running'} Method
 * @typedef {(number | null)[]} Values
 */

/**
 * Places that grow strictly, as a plot needs them: of rows at one place each is moved by the least
 * amount that a number can hold.
 *
 * @param {readonly number[]} places
 * @returns {number[]}
 */
export function strictly(places) {
  let last = -Infinity;
  return places.map((place) => {
    last = place > last ? place : last + Math.max(Math.abs(last) * 2 ** -52, 2 ** -60);
    return last;
  });
}

/**
 * The rows of a smoothed curve: one per bucket, at its end.
 *
 * @param {readonly number[]} places
 * @param {number} rowsPerBucket
 */
export function bucketEnds(places, rowsPerBucket) {
  return rowsPerBucket === 1 ? places : places.filter((_, row) => row % 2 === 1);
}

/**
 * A mean over about the last `span` steps, at every value; a value stands for the steps since the
 * one before it. No value looks ahead. Where one is missing the result is missing too, and the mean
 * goes on without it.
 *
 * @param {readonly number[]} steps the step of each value, growing
 * @param {Values} values
 * @param {number} span steps; up to 1 changes nothing
 * @param {Method} method exponential weights that sum to the same as `span` equal ones, or these
 * @returns {Values}
 */
export function smooth(steps, values, span, method) {
  if (!(span > 1)) return [...values];
  return method === 'running'
    ? runningMean(steps, values, span)
    : decayingMean(steps, values, span);
}

/** @param {readonly number[]} steps @param {Values} values @param {number} span @returns {Values} */
function decayingMean(steps, values, span) {
  const decay = (span - 1) / (span + 1); // per step: the mean age is that of `span` equal weights
  let sum = 0;
  let weight = 0;
  return values.map((value, i) => {
    if (value === null) return null;
    const kept = decay ** (steps[i] - (steps[i - 1] ?? 0));
    sum = sum * kept + value * (1 - kept);
    weight = weight * kept + (1 - kept); // below 1 at the beginning
    return sum / weight;
  });
}

/** @param {readonly number[]} steps @param {Values} values @param {number} span @returns {Values} */
function runningMean(steps, values, span) {
  return values.map((value, i) => {
    if (value === null) return null;
    // Summed anew each time: taking old values off a running sum leaves the errors of huge ones.
    let sum = 0;
    let weight = 0;
    for (let k = i; k >= 0 && steps[k] > steps[i] - span; k--) {
      const one = values[k];
      if (one === null) continue;
      const covers = steps[k] - (steps[k - 1] ?? 0);
      sum += one * covers;
      weight += covers;
    }
    return sum / weight;
  });
}

/**
 * Spans to choose from: 1, 2, 5, 10 and so on up to a fifth of the steps; 1 is no smoothing.
 *
 * @param {number} steps of the longest run
 * @returns {number[]}
 */
export function spans(steps) {
  const list = [1];
  for (let unit = 1; ; unit *= 10) {
    for (const factor of [2, 5, 10]) {
      if (factor * unit > steps / 5) return list;
      list.push(factor * unit);
    }
  }
}

/**
 * The last row at or before a place; the first one if there is none.
 *
 * @param {readonly number[]} places growing
 * @param {number} place
 */
export function rowAt(places, place) {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (places[middle] <= place) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}
