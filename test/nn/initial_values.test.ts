import { expect, test } from 'vitest';
import { bidirectional, bnLstm, dropout, type Layer, lastStep, linear } from '../../lib/index.js';
import { withModel } from '../model/support.js';

const layers: Layer[] = [bnLstm({ hidden: 4, maxSteps: 5 }), lastStep(), linear(3)];
const valuesOf = (name: string, seed: number, stack = layers) =>
  withModel({ features: 2, seed }, stack, (model) => model.get(name));

test("the paper's values: gamma 0.1, forget bias 1, all else zero", async () => {
  await withModel({ features: 2 }, layers, async (model) => {
    const all = (count: number, value: number) => new Float32Array(count).fill(value);
    expect(await model.get('0.gamma_x')).toEqual(all(16, 0.1));
    expect(await model.get('0.gamma_h')).toEqual(all(16, 0.1));
    expect(await model.get('0.gamma_c')).toEqual(all(4, 0.1));
    for (const name of ['0.beta_c', '0.h0', '0.c0'])
      expect(await model.get(name)).toEqual(all(4, 0));
    expect(await model.get('0.b')).toEqual(all(16, 0).fill(1, 0, 4));
    expect(await model.get('2.b')).toEqual(all(3, 0));
  });
});

test('are a function of the seed and the own name alone', async () => {
  const wh = await valuesOf('0.wh', 7);
  expect(await valuesOf('0.wh', 7)).toEqual(wh);
  expect(await valuesOf('0.wh', 8)).not.toEqual(wh);
  const longer = [bnLstm({ hidden: 4, maxSteps: 9 }), dropout(0.5), lastStep(), linear(3)];
  expect(await valuesOf('0.wh', 7, longer)).toEqual(wh);
});

test('two directions start with different weights', async () => {
  const stack = [bidirectional(bnLstm({ hidden: 4, maxSteps: 5 })), lastStep(), linear(3)];
  const wh = await valuesOf('0.wh', 7, stack);
  expect(wh.length).toBe(2 * 4 * 16);
  expect(wh.slice(0, 64)).toEqual(await valuesOf('0.wh', 7));
  expect(wh.slice(64)).not.toEqual(wh.slice(0, 64));
  const b = await valuesOf('0.b', 7, stack);
  expect([...b]).toEqual([...b.slice(0, 16), ...b.slice(0, 16)]);
});
