import { describe, expect, test } from 'vitest';
import {
  adamw,
  crossEntropy,
  embedding,
  lastStep,
  linear,
  lstm,
  type Model,
  type ParameterGroup,
  sgd,
} from '../../lib/index.js';
import { checkGroups, segmentsFor } from '../../lib/optim/groups.js';
import { expectError, noiseBatch, withModel } from '../model/support.js';

const parameters = [
  { name: '0.wx', offset: 0, count: 8, trainable: true, decays: true },
  { name: '0.b', offset: 16, count: 4, trainable: true, decays: false },
  { name: '0.h0', offset: 32, count: 2, trainable: false, decays: false },
  { name: '1.w', offset: 48, count: 6, trainable: true, decays: true },
  { name: '10.w', offset: 64, count: 1, trainable: true, decays: true },
];
const segments = (groups: unknown, weightDecay = 0) =>
  segmentsFor(parameters, checkGroups(groups, 'groups'), { weightDecay }, 'groups');
/** [rateFactor, weightDecay] by name. */
const factors = (groups: unknown, weightDecay = 0) =>
  Object.fromEntries(
    segments(groups, weightDecay).segments.map(({ begin, rateFactor, weightDecay }) => [
      parameters.find(({ offset }) => offset === begin)?.name,
      [rateFactor, weightDecay],
    ]),
  );

describe('segments', () => {
  test('without groups: what is trainable, decay where it belongs', () => {
    expect(factors(undefined, 0.1)).toEqual({
      ...{ '0.wx': [1, 0.1], '0.b': [1, 0], '1.w': [1, 0.1], '10.w': [1, 0.1] },
    });
    expect(segments(undefined).segments[3]).toEqual({
      ...{ begin: 64, count: 1, rateFactor: 1, weightDecay: 0 },
    });
  });

  test('a layer, a name, an expression, several names', () => {
    expect(factors([{ match: '0', rateFactor: 0.5, weightDecay: 0.2 }], 0.1)).toEqual({
      ...{ '0.wx': [0.5, 0.2], '0.b': [0.5, 0], '1.w': [1, 0.1], '10.w': [1, 0.1] },
    });
    expect(factors([{ match: '1.w', rateFactor: 0 }])['1.w']).toEqual([0, 0]);
    expect(factors([{ match: ['0.wx', '1'], rateFactor: 3 }])).toMatchObject({
      ...{ '0.wx': [3, 0], '0.b': [1, 0], '1.w': [3, 0], '10.w': [1, 0] },
    });
  });

  test('an expression with a memory has none here', () => {
    const match = /\.w$/g;
    const expected = { '0.wx': [1, 0], '0.b': [1, 0], '1.w': [2, 0], '10.w': [2, 0] };
    for (let k = 0; k < 3; k++) expect(factors([{ match, rateFactor: 2 }])).toEqual(expected);
  });

  test('frozen ones are left out', () => {
    const { frozen, segments: rest } = segments([{ match: '0', frozen: true }]);
    expect([...frozen]).toEqual(['0.wx', '0.b']);
    expect(rest.map(({ begin }) => begin)).toEqual([48, 64]);
  });

  test.each<[unknown, RegExp]>([
    [{ match: '0' }, /groups: expected an array/],
    [[{ match: '2' }], /groups\[0\]: match.*one of 0\.wx, .*got "2"/],
    [[{ match: ['0', '1.v'] }], /match.*got "1\.v"/],
    [[{ match: /^gamma/ }], /match.*\^gamma/],
    [[{ match: '1' }, { match: /w$/ }], /two groups, got 1\.w in groups 0 and 1/],
    [[{ match: /./, frozen: true }], /left to train, got all/],
    [[{ match: '0.b', weightDecay: 0.1 }], /weightDecay.*only 0\.b/],
    [[{ match: '0', frozen: true, rateFactor: 1 }], /frozen.*nothing else/],
    [[{ match: '0', rateFactor: -1 }], /groups\[0\]: rateFactor/],
    [[{ match: '0', weightDecay: Number.NaN }], /groups\[0\]: weightDecay/],
    [[{ match: '0', frozen: 1 }], /groups\[0\]: frozen/],
    [[{ match: '0', lr: 1 }], /groups\[0\].*got lr/],
    [[{ match: [] }], /groups\[0\]: match/],
    [[{ match: ['0', 1] }], /groups\[0\]: match\[1\]/],
    [[{}], /groups\[0\]: match.*undefined/],
  ])('%j is refused', async (groups, message) => {
    await expectError(() => segments(groups), 'ERR_BNLSTM_ARGUMENT', message);
  });
});

describe('training', () => {
  const layers = [lstm({ hidden: 4 }), lastStep(), linear(4)];
  const options = { features: 3, seed: 2 };
  const read = async (model: Model) =>
    Object.fromEntries(
      await Promise.all(
        model.parameters.map(async ({ name }) => [name, await model.get(name)] as const),
      ),
    );
  /** What a step of plain descent with rate 1 and no clipping does: the gradient. */
  const stepWith = (groups: readonly ParameterGroup[], clipNorm?: number) =>
    withModel(options, layers, async (model) => {
      // Gradients of another trainer are not to be found again.
      const optimizer = sgd({ learningRate: 0 });
      await model.trainer({ loss: crossEntropy(), optimizer }).step(noiseBatch({ count: 8 }));
      const before = await read(model);
      const trainer = model.trainer({
        ...{ loss: crossEntropy(), optimizer: sgd({ learningRate: 1 }), groups, clipNorm },
      });
      const { gradientNorm } = await trainer.step(noiseBatch({ count: 8 }));
      const after = await read(model);
      const steps = Object.fromEntries(
        Object.entries(before).map(([name, values]) => [
          name,
          values.map((value, i) => value - after[name][i]),
        ]),
      );
      return { steps, gradientNorm };
    });
  const norm = (arrays: readonly Float32Array[]) =>
    Math.sqrt(arrays.reduce((sum, array) => sum + array.reduce((s, g) => s + g * g, 0), 0));

  test('a rate factor multiplies the step', async () => {
    const plain = await stepWith([]);
    const { steps } = await stepWith([{ match: '0', rateFactor: 0.5 }]);
    for (const [name, step] of Object.entries(steps)) {
      const factor = name.startsWith('0.') ? 0.5 : 1;
      for (const [i, value] of step.entries()) {
        expect(value).toBeCloseTo(factor * plain.steps[name][i], 6);
      }
    }
  });

  test.each(['0', '2', '0.wh', /b$/])('frozen %s stays and is not in the norm', async (match) => {
    const plain = await stepWith([]);
    const { steps, gradientNorm } = await stepWith([{ match, frozen: true }]);
    const frozen = (name: string) =>
      match instanceof RegExp ? match.test(name) : name === match || name.startsWith(`${match}.`);
    for (const [name, step] of Object.entries(steps)) {
      if (frozen(name)) expect([...step].every((value) => value === 0)).toBe(true);
      else expect(step).toEqual(plain.steps[name]);
    }
    const trained = Object.entries(plain.steps).filter(([name]) => !frozen(name));
    expect(gradientNorm).toBeCloseTo(norm(trained.map(([, step]) => step)), 5);
    expect(gradientNorm).toBeLessThan(plain.gradientNorm);
    const clipped = await stepWith([{ match, frozen: true }], 0.01);
    expect(norm(Object.values(clipped.steps))).toBeCloseTo(0.01, 5);
  });

  test('a frozen embedding under what is trained', async () => {
    const tokens = [embedding(3), lstm({ hidden: 4 }), lastStep(), linear(4)];
    await withModel({ vocabulary: 5 }, tokens, async (model) => {
      const groups = [{ match: '0.table', frozen: true }];
      const optimizer = adamw({ learningRate: 0.1, weightDecay: 0.5 });
      const before = await read(model);
      const inputs = Int32Array.from({ length: 8 * 6 }, (_, i) => i % 5);
      const batch = { ...noiseBatch({ count: 8 }), inputs };
      await model.trainer({ loss: crossEntropy(), optimizer, groups }).step(batch);
      const after = await read(model);
      expect(after['0.table']).toEqual(before['0.table']);
      expect(after['1.wx']).not.toEqual(before['1.wx']);
    });
  });

  test('a group that matches nothing is refused', async () => {
    await withModel(options, layers, async (model) => {
      const groups = [{ match: '0.gamma_x', rateFactor: 2 }];
      const loss = crossEntropy();
      const call = () =>
        model
          .trainer({ loss, optimizer: sgd({ learningRate: 1 }), groups })
          .step(noiseBatch({ count: 8 }));
      await expectError(call, 'ERR_BNLSTM_ARGUMENT', /groups\[0\]: match.*0\.gamma_x/);
    });
  });
});
