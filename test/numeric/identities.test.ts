// Exact identities of the normalised recurrence (docs/paper.md section 1.3), at the experiments' sizes:
// they need no reference and see errors that a reference shares.
import { describe, expect, it } from 'vitest';
import { deviation } from '../../lib/model/bn_lstm_case.js';
import { runOn } from './check_case.js';
import { devices } from './devices.js';
import { randomCase } from './random_case.js';

const mnist = { T: 30, B: 100, D: 1, H: 100 };
const ptb = { T: 4, B: 64, D: 50, H: 1000 };

describe.each(devices)('identities on %s', (device) => {
  it.each([
    ['MNIST', mnist],
    ['Penn Treebank', ptb],
  ])('column sums of dA and dB vanish: %s', async (_, shape) => {
    const { T, B, D, H } = shape;
    const given = randomCase(shape);
    const result = await runOn(device, given);
    // dx = dB Wx^T and dh0 = dA Wh^T, so their sums over the rows vanish with those of dB and dA.
    for (const [name, steps, width] of [
      ['dx', T, D],
      ['dh0', 1, H],
    ] as const) {
      const gradient = result.get(name) as Float32Array;
      const { largest } = deviation(gradient, gradient);
      for (let k = 0; k < steps * width; k++) {
        let sum = 0;
        for (let n = 0; n < B; n++) {
          sum += gradient[(Math.floor(k / width) * B + n) * width + (k % width)] as number;
        }
        expect(Math.abs(sum)).toBeLessThanOrEqual(1e-5 * largest * B);
      }
    }
  });

  it('gradients of the weights are orthogonal to them as eps vanishes', async () => {
    const given = randomCase({ ...mnist, D: 3, options: { eps: 1e-12 } });
    const result = await runOn(device, given);
    for (const name of ['wx', 'wh']) {
      const w = given.parameters[name] as Float64Array;
      const dw = result.get(`d${name}`) as Float32Array;
      const columns = 4 * mnist.H;
      const dots = new Float64Array(columns);
      const sizes = new Float64Array(columns);
      for (let k = 0; k < w.length; k++) {
        const term = (w[k] as number) * (dw[k] as number);
        dots[k % columns] = (dots[k % columns] as number) + term;
        sizes[k % columns] = (sizes[k % columns] as number) + Math.abs(term);
      }
      expect(Math.max(...dots.map(Math.abs))).toBeLessThan(1e-4 * Math.max(...sizes));
    }
  });

  it('h does not change with the scale of the weights as eps vanishes', async () => {
    const given = randomCase({ ...mnist, upstream: [], options: { eps: 1e-12 } });
    const scaled = {
      ...given,
      parameters: {
        ...given.parameters,
        wx: (given.parameters.wx as Float64Array).map((w) => 7 * w),
        wh: (given.parameters.wh as Float64Array).map((w) => 3 * w),
      },
    };
    const [a, b] = [await runOn(device, given), await runOn(device, scaled)];
    expect(deviation(a.get('y') as Float32Array, b.get('y') as Float32Array).error).toBeLessThan(
      1e-4,
    );
  });

  it('h does not change when all rows of x move together', async () => {
    const given = randomCase({ ...mnist, D: 3, upstream: [] });
    const x = (given.x as Float64Array).map((value, k) => value + 4 + (k % 3));
    const [a, b] = [await runOn(device, given), await runOn(device, { ...given, x })];
    expect(deviation(a.get('y') as Float32Array, b.get('y') as Float32Array).error).toBeLessThan(
      1e-4,
    );
  });

  it('a learned h0 is inert without noise, c0 is not', async () => {
    const result = await runOn(
      device,
      randomCase({ T: 5, B: 40, D: 4, H: 10, options: { initialState: 'learned' } }),
    );
    const [h0, c0] = [result.get('dh0') as Float32Array, result.get('dc0') as Float32Array];
    expect(deviation(h0, h0).largest).toBeLessThan(1e-2 * deviation(c0, c0).largest);
  });

  it('gradients stay finite over a constant prefix once h0 has noise', async () => {
    const T = 60;
    for (const noise of [0, 0.1]) {
      const given = randomCase({ ...mnist, T, upstream: ['dhT'], options: { noise } });
      const x = (given.x as Float64Array).map((value, k) => (k < 50 * mnist.B ? 0 : value));
      const h0 = new Float64Array(mnist.B * mnist.H);
      const c0 = new Float64Array(mnist.B * mnist.H);
      for (const name of ['gammaX', 'gammaH', 'gammaC']) given.parameters[name]?.fill(0.1);
      const black = { ...given, x, parameters: { ...given.parameters, h0, c0 } };
      const dh0 = (await runOn(device, black)).get('dh0') as Float32Array;
      const { largest } = deviation(dh0, dh0);
      // Without noise the gradient grows some 250-fold per black step, out of f32's range.
      if (noise === 0) expect(largest < 1e10).toBe(false);
      else expect(largest).toBeLessThan(1e3);
    }
  });
});
