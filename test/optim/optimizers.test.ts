import { describe, expect, test } from 'vitest';
import {
  adam,
  crossEntropy,
  lastStep,
  linear,
  lstm,
  type Optimizer,
  rmsprop,
} from '../../lib/index.js';
import { noiseBatch, weights, withModel } from '../model/support.js';

const layers = [lstm({ hidden: 4 }), lastStep(), linear(4)];

/** Parameters before and after each of some steps on one batch. */
const walk = (optimizer: Optimizer, steps: number) =>
  withModel({ features: 3 }, layers, async (model) => {
    const trainer = model.trainer({ loss: crossEntropy(), optimizer });
    const path = [await weights(model)];
    for (let step = 0; step < steps; step++) {
      await trainer.step(noiseBatch({ count: 8 }));
      path.push(await weights(model));
    }
    return path;
  });

/** The gradient at the start: RMSProp whose divisor is its lower bound, 1 / maxScaling. */
async function gradientAtStart(): Promise<Float32Array> {
  const [before, after] = await walk(rmsprop({ learningRate: 1e6, maxScaling: 1e-6 }), 1);
  return before.map((value, i) => value - after[i]);
}

describe('the first step by hand', () => {
  test('rmsprop: g / sqrt((1 - decay) g^2), no more than maxScaling g', async () => {
    const gradient = await gradientAtStart();
    const [before, after] = await walk(rmsprop({ learningRate: 0.01 }), 1);
    for (const [i, g] of gradient.entries()) {
      if (Math.abs(g) < 1e-4) continue; // too few digits in a difference of weights
      const expected = (0.01 * g) / Math.max(Math.sqrt(0.1) * Math.abs(g), 1e-5);
      expect(before[i] - after[i]).toBeCloseTo(expected, 6);
    }
  });

  test('adam: the sign of g, eps before bias correction', async () => {
    const gradient = await gradientAtStart();
    const [before, after] = await walk(adam({ learningRate: 0.01, eps: 1e-3 }), 1);
    for (const [i, g] of gradient.entries()) {
      if (Math.abs(g) < 1e-4) continue;
      const [m, v] = [0.1 * g, 0.001 * g * g];
      const expected = (((0.01 * Math.sqrt(0.001)) / 0.1) * m) / (Math.sqrt(v) + 1e-3);
      expect(before[i] - after[i]).toBeCloseTo(expected, 5);
    }
  });
});

test('defaults are the documented ones', async () => {
  const learningRate = 0.01;
  expect(await walk(rmsprop({ learningRate }), 3)).toEqual(
    await walk(rmsprop({ learningRate, decay: 0.9, maxScaling: 1e5 }), 3),
  );
  expect(await walk(adam({ learningRate }), 3)).toEqual(
    await walk(adam({ learningRate, beta1: 0.9, beta2: 0.999, eps: 1e-8 }), 3),
  );
});

test.each([
  [() => rmsprop({} as never), /rmsprop: learningRate/],
  [() => rmsprop({ learningRate: -1 }), /rmsprop: learningRate/],
  [() => rmsprop({ learningRate: 1, decay: 1 }), /rmsprop: decay/],
  [() => rmsprop({ learningRate: 1, maxScaling: 0 }), /rmsprop: maxScaling/],
  [() => rmsprop({ learningRate: 1, momentum: 0.9 } as never), /decay.*got momentum/],
  [() => adam({ learningRate: Number.NaN }), /adam: learningRate/],
  [() => adam({ learningRate: 1, beta1: -0.1 }), /adam: beta1/],
  [() => adam({ learningRate: 1, beta2: 1 }), /adam: beta2/],
  [() => adam({ learningRate: 1, eps: 0 }), /adam: eps/],
  [() => adam({ lr: 1 } as never), /learningRate.*got lr/],
])('%s is refused', (make, message) => {
  expect(make).toThrow(message);
});
