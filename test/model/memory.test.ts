import { expect, test } from 'vitest';
import { adam, bnLstm, crossEntropy, lastStep, linear, textStream } from '../../lib/index.js';
import { expectError, noiseBatch, noiseData, withModel } from './support.js';

const layers = [bnLstm({ hidden: 8, maxSteps: 6, statDecay: 0.9 }), lastStep(), linear(4)];

test('memory tells what is there by now', async () => {
  await withModel({ features: 3, seed: 1 }, layers, async (model) => {
    const before = model.memory();
    expect(before.parameters).toBeGreaterThanOrEqual(4 * model.parameterCount);
    expect([before.gradients, before.arena]).toEqual([0, 0]);
    const sum = ({ total: _, device: __, ...parts }: typeof before) =>
      Object.values(parts).reduce((all, bytes) => all + bytes, 0);
    expect(before.total).toBe(sum(before));
    const [layer] = (await model.statistics()).layers;
    const numbers = Object.values(layer).reduce((all, values) => all + (values.length ?? 0), 0);
    expect(before.statistics).toBeGreaterThanOrEqual(2 * 4 * numbers); // population and moving

    const trainer = model.trainer({
      ...{ loss: crossEntropy(), optimizer: adam({ learningRate: 1e-3 }), accumulate: 2 },
    });
    expect(trainer.memory().total).toBe(0);
    for await (const _ of trainer.run(noiseData({ count: 20 }), { batchSize: 5, epochs: 1 }));
    const after = model.memory();
    expect(after.gradients).toBe(after.parameters);
    expect(after.arena).toBeGreaterThan(0);
    const { optimizer, accumulation, carriedState, total } = trainer.memory();
    expect(optimizer).toBeGreaterThanOrEqual(2 * after.parameters);
    expect(accumulation).toBeGreaterThanOrEqual(after.parameters);
    expect([carriedState, total]).toEqual([0, optimizer + accumulation]);
    trainer.dispose();
    await expectError(() => trainer.memory(), 'ERR_BNLSTM_DISPOSED');
  });
});

test('carried state counts', async () => {
  await withModel(
    { vocabulary: 4 },
    [bnLstm({ hidden: 8, maxSteps: 6 }), linear(4)],
    async (model) => {
      const trainer = model.trainer({
        loss: crossEntropy(),
        optimizer: adam({ learningRate: 1e-3 }),
      });
      const data = textStream(
        Int32Array.from({ length: 40 }, (_, i) => i % 4),
        { steps: 3 },
      );
      const options = { batchSize: 2, iterations: 2, carryState: true };
      for await (const _ of trainer.run(data, options));
      expect(trainer.memory().carriedState).toBeGreaterThanOrEqual(2 * 2 * 8 * 4);
    },
  );
});

test('perplexity and bits are names of the loss, for classes', async () => {
  await withModel({ features: 3 }, layers, async (model) => {
    const trainer = model.trainer({
      loss: crossEntropy(),
      optimizer: adam({ learningRate: 1e-3 }),
    });
    const step = await trainer.step(noiseBatch({ count: 5 }));
    expect(step.perplexity).toBe(Math.exp(step.loss));
    expect(step.bitsPerCharacter).toBeCloseTo(Math.log2(Math.exp(step.loss)), 12);
    const tested = await model.evaluate(noiseData({ count: 10 }), { statistics: 'batch' });
    expect(tested.perplexity).toBe(Math.exp(tested.loss));
  });
});
