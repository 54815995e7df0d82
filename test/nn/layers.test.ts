import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  adam,
  bidirectional,
  bnLstm,
  constant,
  crossEntropy,
  dropout,
  embedding,
  glorot,
  identity,
  type Layer,
  lastStep,
  linear,
  lstm,
  type ModelOptions,
  orthogonal,
} from '../../lib/index.js';
import { layerFrom } from '../../lib/nn/registry.js';
import { expectError, noiseBatch, withModel } from '../model/support.js';

const recurrent = bnLstm({ hidden: 3, maxSteps: 4 });

describe('where a layer can stand', () => {
  const reals = { features: 2 };
  const tokens = { vocabulary: 5 };
  const wrong: [string, ModelOptions, Layer[], RegExp][] = [
    [
      'recurrent after features',
      reals,
      [recurrent, lastStep(), recurrent],
      /bnLstm: input.*3 features/,
    ],
    ['lastStep after features', reals, [recurrent, lastStep(), lastStep()], /lastStep: input/],
    ['lastStep after token ids', tokens, [lastStep()], /lastStep: input.*vocabulary 5/],
    ['linear after token ids', tokens, [linear(2)], /linear: input/],
    ['dropout after token ids', tokens, [dropout(0.1)], /dropout: input/],
    ['embedding after reals', reals, [embedding(2)], /embedding: input/],
    [
      'lastStep after dropout on two directions',
      reals,
      [bidirectional(recurrent), dropout(0.1), lastStep()],
      /put lastStep\(\) before/,
    ],
    [
      'lastStep after linear on two directions',
      reals,
      [bidirectional(recurrent), linear(2), lastStep()],
      /put lastStep\(\) before/,
    ],
    ['no layer', reals, [], /layers/],
    ['no layer either', reals, ['lastStep' as never], /layers\[0\]/],
  ];
  test.each(wrong)('not: %s', async (_, input, layers, message) => {
    await expectError(
      () => withModel(input, layers, async () => {}),
      'ERR_BNLSTM_ARGUMENT',
      message,
    );
  });

  const right: [string, ModelOptions, Layer[]][] = [
    ['stacked', reals, [recurrent, dropout(0.1), bidirectional(recurrent), lstm({ hidden: 2 })]],
    ['embedding', tokens, [embedding(3), recurrent, lastStep(), dropout(0.5), linear(2)]],
    ['tokens into recurrent', tokens, [bidirectional(recurrent), lastStep(), linear(2)]],
    ['dropout on one direction', reals, [recurrent, dropout(0.1), lastStep(), linear(2)]],
    ['above two directions', reals, [bidirectional(recurrent), linear(2), recurrent, lastStep()]],
    ['every step', reals, [recurrent, linear(2)]],
  ];
  test.each(right)('%s', async (_, input, layers) => {
    await withModel(input, layers, async (model) => {
      expect(model.parameterCount).toBeGreaterThan(0);
      expect(model.summary()).toContain(layers[0].kind);
    });
  });
});

const kinds: Layer[] = [
  bnLstm({
    hidden: 3,
    maxSteps: 7,
    inputStatistics: 'sequence',
    lengthStatistics: 'all',
    eps: 0.1,
    gammaInit: 0.2,
    forgetBias: 2,
    initialNoise: 0.1,
    zoneoutCell: 0.2,
    zoneoutHidden: 0.3,
    statDecay: 0.9,
    inputInit: glorot(),
    recurrentInit: identity({ gates: ['g'] }),
    trainInitialHidden: false,
    trainInitialCell: false,
  }),
  recurrent,
  lstm({ hidden: 2, cellBias: false }),
  bidirectional(lstm({ hidden: 2 })),
  bidirectional(recurrent),
  lastStep(),
  linear(4, { bias: false, init: constant(0.1) }),
  embedding(3, { init: orthogonal() }),
  dropout(0.25),
];

test.each(kinds)('$kind survives being saved', (layer) => {
  const saved = JSON.parse(JSON.stringify(layer));
  const again = layerFrom(saved, 'layer');
  expect(JSON.stringify(again)).toBe(JSON.stringify(layer));
  expect(again.constructor).toBe(layer.constructor);
});

test('an unknown kind is named', () => {
  expect(() => layerFrom({ kind: 'constructor' }, 'layers[0]')).toThrow(/layers\[0\].*constructor/);
});

test('unknown options are named, with the known ones', () => {
  const known = ['hidden', 'maxSteps', 'statDecay'];
  const unknown = fc.string({ minLength: 1 }).filter((key) => key !== '__proto__');
  fc.assert(
    fc.property(unknown, (key) => {
      const options = { hidden: 1, maxSteps: 1, [`${key}!`]: 1 };
      expect(() => bnLstm(options)).toThrow(`${key}!`);
      for (const name of known) expect(() => bnLstm(options)).toThrow(name);
    }),
  );
  expect(() => lstm({ hidden: 1, maxSteps: 1 } as never)).toThrow(/lstm.*maxSteps/);
  expect(() => linear(1, { biases: true } as never)).toThrow(/biases/);
  expect(() => embedding(1, { size: 1 } as never)).toThrow(/size/);
});

test.each([
  ['hidden', { hidden: 0 }],
  ['hidden', { hidden: 1.5 }],
  ['maxSteps', { maxSteps: 0 }],
  ['maxSteps', { maxSteps: undefined }],
  ['eps', { eps: 0 }],
  ['gammaInit', { gammaInit: Number.NaN }],
  ['initialNoise', { initialNoise: -1 }],
  ['zoneoutCell', { zoneoutCell: 1 }],
  ['zoneoutHidden', { zoneoutHidden: -0.1 }],
  ['statDecay', { statDecay: 1 }],
  ['inputStatistics', { inputStatistics: 'rows' }],
  ['lengthStatistics', { lengthStatistics: 'none' }],
  ['forgetBias', { forgetBias: '1' }],
  ['inputInit', { inputInit: 'orthogonal' }],
  ['trainInitialHidden', { trainInitialHidden: 1 }],
])('bnLstm refuses %s in %o', (name, wrong) => {
  expect(() => bnLstm({ hidden: 1, maxSteps: 1, ...wrong } as never)).toThrow(`bnLstm: ${name}`);
});

test('other layers refuse what makes no sense', () => {
  expect(() => linear(0)).toThrow(/linear: outputs/);
  expect(() => dropout(1)).toThrow(/dropout: rate/);
  expect(() => embedding(-1)).toThrow(/embedding: width/);
  expect(() => bidirectional(bidirectional(recurrent))).toThrow(/bidirectional/);
  expect(() => bidirectional(lastStep() as never)).toThrow(/bidirectional: layer/);
});

test('targets of sequences for outputs of steps get a hint', async () => {
  await withModel({ features: 3 }, [lstm({ hidden: 2 }), linear(4)], async (model) => {
    const trainer = model.trainer({
      loss: crossEntropy(),
      optimizer: adam({ learningRate: 1e-3 }),
    });
    await expectError(
      () => trainer.step(noiseBatch({ count: 5 })),
      'ERR_BNLSTM_ARGUMENT',
      /batch: targets: expected targets of every step, as there is no lastStep\(\)/,
    );
  });
});
