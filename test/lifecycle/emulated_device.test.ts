// What a GPU may do to a process, by the emulator: in a process of its own, which it does not survive.
import { describe, expect, it } from 'vitest';
import { native } from '../../lib/native.js';
import { runChild } from './child.js';

const emulated = native()
  .probe()
  .devices.some(({ name }) => name === 'emulator');

const models = `
const makeOn = (device) => sequential({ features: 64, seed: 1, device }, [lastStep(), linear(8)]);
const batch = (size) => ({
  inputs: new Float32Array(size * 16 * 64).fill(0.5), size, steps: 16, targets: new Int32Array(size),
});
const trainerOf = (model) =>
  model.trainer({ loss: crossEntropy(), optimizer: rmsprop({ learningRate: 1e-3 }) });
const codeOf = (promise) => promise.then(() => 'fine', ({ code }) => code);
const print = (value) => console.log(JSON.stringify(value));
`;

async function run(code: string, env: NodeJS.ProcessEnv): Promise<unknown> {
  const { stdout, stderr, code: exit, signal } = await runChild(models + code, [], { env });
  expect({ stderr, exit, signal }).toEqual({ stderr: '', exit: 0, signal: null });
  return JSON.parse(stdout);
}

describe.skipIf(!emulated)('a device that is small', () => {
  it('says which batch fits; that one does, and nothing else has changed', async () => {
    const result = await run(
      `
      const model = await makeOn('emulator');
      const trainer = trainerOf(model);
      const error = await trainer.step(batch(8192)).catch((error) => error);
      const { code, needed, free, largestBatch } = error;
      const { index } = await trainer.step(batch(largestBatch));
      const later = await trainer.step(batch(8192)).catch((error) => error);
      await model.dispose();
      print({ code, short: needed > free, some: largestBatch > 500 && largestBatch < 8192,
        index, later: later.code, message: error.message });
      `,
      { BNLSTM_EMULATOR_MEMORY: String(32 << 20) },
    );
    expect(result).toEqual({
      code: 'ERR_BNLSTM_OUT_OF_MEMORY',
      short: true,
      some: true,
      index: 1,
      later: 'ERR_BNLSTM_OUT_OF_MEMORY',
      message: expect.stringMatching(
        /^emulator has not enough memory .*of 32\.0 MiB are free\. The/,
      ),
    });
  });
});

describe.skipIf(!emulated)('a device that is lost', () => {
  // From the first call of all to some time in training.
  it.each([1, 40, 150, 400, 1000])(
    'at call %d gives its code, also to a new model; models on the CPU go on',
    async (call) => {
      const result = await run(
        `
        const other = await makeOn('cpu');
        const trainer = trainerOf(other);
        const { loss: before } = await trainer.step(batch(4));
        const loseIt = async () => {
          const model = await makeOn('emulator');
          const trainer = trainerOf(model);
          for (let step = 0; step < 1000; step++) await trainer.step(batch(4));
        };
        const lost = await codeOf(loseIt());
        const again = await codeOf(makeOn('emulator'));
        const { loss: after } = await trainer.step(batch(4));
        await other.dispose();
        print({ lost, again, learns: after < before });
        `,
        { BNLSTM_EMULATOR_FAIL: `${call}:700:sticky` },
      );
      expect(result).toEqual({
        lost: 'ERR_BNLSTM_DEVICE_LOST',
        again: 'ERR_BNLSTM_DEVICE_LOST',
        learns: true,
      });
    },
  );
});

describe.skipIf(!emulated)('a device on which a block finds no place', () => {
  it('gives an error where others wait for it; the plan of steps goes on', async () => {
    const result = await run(
      `
      const layers = [bnLstm({ hidden: 16, maxSteps: 16 }), lastStep(), linear(8)];
      const makeBy = (plan) =>
        sequential({ features: 64, seed: 1, device: 'emulator', dtype: 'bf16', plan }, layers);
      const waiting = await makeBy('auto');
      const trainer = trainerOf(waiting);
      const { code, message } = await trainer.step(batch(4)).catch((error) => error);
      const again = await codeOf(trainer.step(batch(4)));
      await waiting.dispose();
      const other = await makeBy('steps');
      const { loss } = await trainerOf(other).step(batch(4));
      await other.dispose();
      print({ code, message, again, trains: loss > 0 });
      `,
      { BNLSTM_EMULATOR_LOSE_STORES: '1' },
    );
    expect(result).toEqual({
      code: 'ERR_BNLSTM_DEVICE',
      message: expect.stringMatching(/has waited for its own blocks.*'steps' waits for nothing$/),
      again: 'ERR_BNLSTM_POISONED',
      trains: true,
    });
  });
});
