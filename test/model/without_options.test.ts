// From plain JavaScript: a call that lacks its options names the one that it misses.
import { test } from 'vitest';
import {
  adam,
  adamw,
  arrayData,
  bnLstm,
  cosine,
  lastStep,
  linear,
  lstm,
  mnist,
  plateau,
  rmsprop,
  sequential,
  sgd,
  stepDecay,
  textStream,
} from '../../lib/index.js';
import { expectError, noiseData, trainerOf, withModel } from './support.js';

const none = undefined as never;

test.each([
  ['sequential', () => sequential(none, [lastStep()]), /sequential: features, vocabulary/],
  ['bnLstm', () => bnLstm(none), /bnLstm: maxSteps/],
  ['lstm', () => lstm(none), /lstm: hidden/],
  ['rmsprop', () => rmsprop(none), /rmsprop: learningRate/],
  ['adam', () => adam(none), /adam: learningRate/],
  ['adamw', () => adamw(none), /adamw: learningRate/],
  ['sgd', () => sgd(none), /sgd: learningRate/],
  ['stepDecay', () => stepDecay(none), /stepDecay: learningRate/],
  ['cosine', () => cosine(none), /cosine: learningRate/],
  ['plateau', () => plateau(none), /plateau: learningRate/],
  ['arrayData', () => arrayData(none), /arrayData: inputs/],
  ['textStream', () => textStream(new Uint8Array(9), none), /textStream: steps/],
  ['mnist', () => mnist(none), /mnist: pixelOrder/],
])('%s', async (_, call, message) => {
  await expectError(call, 'ERR_BNLSTM_ARGUMENT', message);
});

test('a model and its trainer', async () => {
  const layers = [bnLstm({ hidden: 5, maxSteps: 6 }), lastStep(), linear(4)];
  await withModel({ features: 3 }, layers, async (model) => {
    const trainer = trainerOf(model);
    const calls: [() => unknown, RegExp][] = [
      [() => model.trainer(none), /trainer: loss/],
      [() => trainer.step(none), /batch: size/],
      [() => trainer.profile(none), /batch: size/],
      [() => trainer.run(noiseData({ count: 4 }), none).next(), /run: iterations, epochs/],
    ];
    for (const [call, message] of calls) await expectError(call, 'ERR_BNLSTM_ARGUMENT', message);
  });
});

test('more threads than any machine has', async () => {
  const many = () => sequential({ features: 1, threads: 1e9 }, [lastStep()]);
  await expectError(many, 'ERR_BNLSTM_ARGUMENT', /threads.*≤ 1024, got 1000000000/);
});
