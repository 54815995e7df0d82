import { describe, expect, test } from 'vitest';
import {
  adam,
  adamw,
  cosine,
  crossEntropy,
  lastStep,
  linear,
  lstm,
  type Optimizer,
  rmsprop,
  sgd,
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

test('sgd: the velocity by hand', async () => {
  const learningRate = 0.1;
  const steps = await walk(sgd({ learningRate }), 1);
  const plain = steps[0].map((value, i) => value - steps[1][i]);
  const [start, first, second] = await walk(sgd({ learningRate, momentum: 0.5 }), 2);
  // From the same weights the same batch gives the same gradient.
  expect(first).toEqual(steps[1]);
  const [, nesterov] = await walk(sgd({ learningRate, momentum: 0.5, nesterov: true }), 1);
  const gradient = await gradientAtStart();
  for (const [i, step] of plain.entries()) {
    expect(step).toBeCloseTo(0.1 * gradient[i], 6);
    expect(start[i] - nesterov[i]).toBeCloseTo(1.5 * step, 6);
  }
  expect(second).not.toEqual(first);
});

test('adamw: eps after bias correction, and decay of matrices alone', async () => {
  const gradient = await gradientAtStart();
  const [eps, learningRate] = [1e-3, 0.01];
  const [before, plain] = await walk(adamw({ learningRate, eps, weightDecay: 0 }), 1);
  const [, decayed] = await walk(adamw({ learningRate, eps, weightDecay: 10 }), 1);
  const names = await withModel({ features: 3 }, layers, async (model) =>
    model.parameters.flatMap(({ name, count }) => Array<string>(count).fill(name)),
  );
  for (const [i, g] of gradient.entries()) {
    const decays = ['0.wx', '0.wh', '2.w'].includes(names[i]);
    expect(plain[i] - decayed[i]).toBeCloseTo(decays ? 0.1 * before[i] : 0, 6);
    if (Math.abs(g) < 1e-4) continue;
    // The first step's corrected moments are g and g².
    expect(before[i] - plain[i]).toBeCloseTo((learningRate * g) / (Math.abs(g) + eps), 5);
  }
});

test('the configuration is JSON that tells optimizers apart', () => {
  const learningRate = cosine({ learningRate: 0.1, steps: 10 });
  const { config } = adamw({ learningRate });
  expect(JSON.parse(JSON.stringify(config))).toEqual({
    kind: 'adamw',
    learningRate: { kind: 'cosine', learningRate: 0.1, steps: 10, warmup: 0, floor: 0 },
    ...{ beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01 },
  });
  expect(sgd({ learningRate: () => 1 }).config.learningRate).toBe('function');
  expect(sgd({ learningRate: 1 }).config).toEqual({
    ...{ kind: 'sgd', learningRate: 1, momentum: 0, nesterov: false, weightDecay: 0 },
  });
  expect(adam({ learningRate: 1 }).config).not.toEqual(adam({ learningRate: 1, eps: 1 }).config);
  expect(rmsprop({ learningRate: 1 }).config).toMatchObject({ decay: 0.9, maxScaling: 1e5 });
});

test('defaults are the documented ones', async () => {
  const learningRate = 0.01;
  expect(await walk(rmsprop({ learningRate }), 3)).toEqual(
    await walk(rmsprop({ learningRate, decay: 0.9, maxScaling: 1e5 }), 3),
  );
  expect(await walk(adam({ learningRate }), 3)).toEqual(
    await walk(adam({ learningRate, beta1: 0.9, beta2: 0.999, eps: 1e-8 }), 3),
  );
  const adamwDefaults = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01 };
  expect(await walk(adamw({ learningRate }), 3)).toEqual(
    await walk(adamw({ learningRate, ...adamwDefaults }), 3),
  );
  expect(await walk(sgd({ learningRate }), 3)).toEqual(
    await walk(sgd({ learningRate, momentum: 0, nesterov: false }), 3),
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
  [() => adam({ learningRate: 1, weightDecay: 1 } as never), /adam:.*got weightDecay/],
  [() => adamw({ learningRate: 1, weightDecay: -1 }), /adamw: weightDecay/],
  [() => adamw({ learningRate: 1, beta2: 1 }), /adamw: beta2/],
  [() => sgd({ learningRate: '1' } as never), /sgd: learningRate/],
  [() => sgd({ learningRate: 1, momentum: 1 }), /sgd: momentum/],
  [() => sgd({ learningRate: 1, nesterov: true }), /sgd: momentum.*nesterov/],
  [() => sgd({ learningRate: 1, momentum: 0.9, nesterov: 1 } as never), /sgd: nesterov/],
])('%s is refused', (make, message) => {
  expect(make).toThrow(message);
});
