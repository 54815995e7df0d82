// onnxruntime-node's LSTM, inference only (the package has no training): one JSON array of rows.
// It is no dependency of this package; it is looked for in .cache/bench.
import { createRequire } from 'node:module';
import { lstmModel } from './onnx.mjs';
import { missing, parseSettings, widthOf, workloads } from './settings.mjs';

const folder = new URL('../../.cache/bench/', import.meta.url);

function load() {
  const require = createRequire(new URL('package.json', folder));
  try {
    return {
      ort: require('onnxruntime-node'),
      version: require('onnxruntime-node/package.json').version,
    };
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'MODULE_NOT_FOUND') throw error;
    const install = 'npm install --prefix .cache/bench --ignore-scripts onnxruntime-node@1.30.0';
    return missing('onnxruntime', `onnxruntime-node: ${install}`);
  }
}

/** Uniform in -bound..bound: no denormals. @param {number} count @param {number} bound */
function uniform(count, bound) {
  let state = 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return bound * (state * 2 ** -31 - 1);
  });
}

/** @param {() => Promise<unknown>} run @param {number} repeats @param {number} seconds */
async function measure(run, repeats, seconds) {
  await run();
  const times = [];
  const started = performance.now();
  do {
    const begun = performance.now();
    await run();
    times.push(performance.now() - begun);
  } while (times.length < repeats && performance.now() - started < 1000 * seconds);
  times.sort((a, b) => a - b);
  const middle = times.length / 2;
  const median = (times[Math.ceil(middle) - 1] + times[Math.floor(middle)]) / 2;
  const [msMedian, msMin, msMax] = [median, times[0], times[times.length - 1]].map(
    (ms) => Math.round(ms * 1000) / 1000,
  );
  return { msMedian, msMin, msMax };
}

const { ort, version } = load();
const able = { norm: ['none'], dtype: ['f32'], pass: ['inference'] };
const { settings, repeats, seconds } = parseSettings(able);
/** @type {import('./settings.mjs').Row[]} */
const rows = [];
for (const setting of settings) {
  const { steps, batch, hidden } = workloads[setting.workload];
  const inputs = widthOf(workloads[setting.workload]);
  const sizes = { steps, batch, inputs, hidden };
  const model = lstmModel(sizes, (count) => uniform(count, hidden ** -0.5));
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: setting.threads,
    interOpNumThreads: 1,
  });
  const data = uniform(steps * batch * inputs, 1);
  const x = new ort.Tensor('float32', data, [steps, batch, inputs]);
  const times = await measure(() => session.run({ x }), repeats, seconds);
  await session.release();
  rows.push({ peer: 'onnxruntime', version, ...setting, ...times });
}
console.log(JSON.stringify(rows, null, 1));
